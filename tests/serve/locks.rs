//! Who gets in: addresses, passwords, TLS, places.

use std::path::Path;
use std::process::Command;

use super::server::{Server, for_psql, passwords, serve, shop, there_is};
use crate::cli::Done;

const STAFF: &str = "# staff\nada:difference:engine\ngrace:cobol\n";

fn refused(folder: &Path, args: &[&str]) -> Done {
    serve(folder, args).output().unwrap().into()
}

#[test]
fn other_addresses_need_passwords() {
    let folder = shop();
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let done = refused(folder.path(), &["--listen", listen]);
        assert_eq!(done.code, Some(2), "{}", done.err);
        assert!(done.err.contains("--password-file"), "{}", done.err);
        assert_eq!(done.out, "");
    }
    for (args, says) in [
        (
            vec!["--listen", "nowhere"],
            "an address and a port are expected",
        ),
        (vec!["--password-file", "none"], "No such file"),
        (vec!["--tls-cert", "shop.csv"], "--tls-key"),
        (
            vec!["--tls-cert", "shop.csv", "--tls-key", "shop.csv"],
            "no certificate in PEM",
        ),
    ] {
        let done = refused(folder.path(), &args);
        assert_eq!(done.code, Some(2), "{args:?}: {}", done.err);
        assert!(
            done.err.to_lowercase().contains(&says.to_lowercase()),
            "{args:?}: {}",
            done.err
        );
    }
    let server = Server::start(folder.path(), &[]);
    let taken = format!("127.0.0.1:{}", server.port);
    let done = refused(folder.path(), &["--listen", &taken]);
    assert_eq!(done.code, Some(2));
    assert!(done.err.contains("is in use"), "{}", done.err);
}

#[test]
fn passwords_are_asked_for() {
    if !there_is("psql") {
        return;
    }
    let folder = shop();
    let server = Server::start(
        folder.path(),
        &["--password-file", &passwords(folder.path(), STAFF)],
    );
    let ask = |user: &str, password: &str, options: &str| {
        let mut psql = server.psql(options);
        psql.args(["--tuples-only", "-c", "SELECT 'in'"])
            .env("PGUSER", user)
            .env("PGPASSWORD", password);
        Done::from(psql.output().unwrap())
    };
    assert_eq!(ask("ada", "difference:engine", "").out, "in\n");
    assert_eq!(ask("grace", "cobol", "").out, "in\n");
    for (user, password) in [
        ("ada", "cobol"),
        ("ada", ""),
        ("nobody", "cobol"),
        ("", "cobol"),
    ] {
        let done = ask(user, password, "");
        assert_eq!(
            (done.code, done.out.as_str()),
            (Some(2), ""),
            "{user}: {}",
            done.err
        );
    }
    // A wrong name and a wrong password look the same.
    let shape = |done: Done, user: &str| done.err.replace(user, "USER");
    assert_eq!(
        shape(ask("ada", "wrong", ""), "ada"),
        shape(ask("eve", "wrong", ""), "eve")
    );
}

/// A certificate for localhost, made now.
fn certificate(folder: &Path) -> Option<(String, String)> {
    if !there_is("openssl") {
        return None;
    }
    let path = |name: &str| folder.join(name).to_str().unwrap().to_string();
    let (certificate, key) = (path("cert.pem"), path("key.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
        ])
        .args(["-out", &certificate, "-keyout", &key])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    Some((certificate, key))
}

#[test]
fn tls_never_falls_back() {
    let folder = shop();
    let Some((certificate, key)) = certificate(folder.path()) else {
        return;
    };
    if !there_is("psql") {
        return;
    }
    let users = passwords(folder.path(), STAFF);
    let args = [
        "--tls-cert",
        &certificate,
        "--tls-key",
        &key,
        "--password-file",
        &users,
    ];
    let server = Server::start(folder.path(), &args);
    assert!(
        server.address.ends_with("sslmode=require"),
        "{}",
        server.address
    );
    let ask = |options: &str, password: &str| {
        let mut psql = server.psql(options);
        psql.args(["--tuples-only", "-c", "SELECT 'in'"])
            .env("PGPASSWORD", password);
        Done::from(psql.output().unwrap())
    };
    let verified =
        format!("sslmode=verify-full host=localhost hostaddr=127.0.0.1 sslrootcert={certificate}");
    assert_eq!(
        ask(&verified, "difference:engine").out,
        "in\n",
        "{}",
        ask(&verified, "difference:engine").err
    );
    assert_eq!(ask("sslmode=require", "difference:engine").out, "in\n");
    // The password is bound to this very connection.
    let bound = ask(
        "sslmode=require channel_binding=require",
        "difference:engine",
    );
    assert_eq!(bound.out, "in\n", "{}", bound.err);
    let plain = ask("sslmode=disable", "difference:engine");
    assert_eq!((plain.code, plain.out.as_str()), (Some(2), ""));
    assert!(plain.err.contains("TLS only"), "{}", plain.err);
    assert_eq!(ask("sslmode=require", "wrong").code, Some(2));
    let other = Server::start(folder.path(), &[]);
    let mut psql = other.psql("sslmode=require");
    let done = Done::from(psql.args(["-c", "SELECT 1"]).output().unwrap());
    assert_eq!(
        done.code,
        Some(2),
        "who wants TLS does not get in without it"
    );
}

#[test]
fn places_are_limited_and_come_free() {
    let Some((_folder, server)) = for_psql(&["--max-connections", "1"]) else {
        return;
    };
    let mut waiting = server.psql("");
    let mut waiting = waiting
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // It has its place once it answers.
    use std::io::{BufRead, BufReader, Write};
    let mut input = waiting.stdin.take().unwrap();
    writeln!(input, "\\t on\nSELECT 'here';").unwrap();
    let mut line = String::new();
    BufReader::new(waiting.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "here\n");
    let done = server.ask(&["SELECT 1"]);
    assert_eq!(done.code, Some(2));
    assert!(
        done.err.contains("all 1 connections are taken"),
        "{}",
        done.err
    );
    drop(input);
    waiting.wait().unwrap();
    // The server hears of it in a moment.
    let free = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        server.ask(&["SELECT 1"]).code == Some(0)
    });
    assert!(free);
}
