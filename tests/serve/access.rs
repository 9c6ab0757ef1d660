//! Access to the server: addresses, passwords, TLS, connection slots.

use std::io::Write;
use std::net::Shutdown;
use std::path::Path;
use std::process::Command;

use super::raw::{connect, message, read_some, read_to_end};
use super::server::{Server, passwords, serve, shop, there_is};
use super::wait::wait_until;
use super::wire::{USER_ADA, WireClient, startup};
use crate::cli::Done;
use crate::support::process;

/// SQLSTATEs of refused connections.
const NOT_AUTHORIZED: &str = "28000";
const TOO_MANY_CONNECTIONS: &str = "53300";

const USERS: &str = "# staff\nada:difference:engine\ngrace:cobol\n";

fn refused(folder: &Path, args: &[&str]) -> Done {
    process::output(&mut serve(folder, args)).into()
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
    for (args, named) in [
        (vec!["--listen", "nowhere"], "--listen nowhere"),
        (vec!["--password-file", "none"], "--password-file none"),
        (vec!["--tls-cert", "shop.csv"], "--tls-key"),
        (
            vec!["--tls-cert", "shop.csv", "--tls-key", "shop.csv"],
            "--tls-cert shop.csv",
        ),
    ] {
        let done = refused(folder.path(), &args);
        assert_eq!(done.code, Some(2), "{args:?}: {}", done.err);
        assert!(done.err.contains(named), "{args:?}: {}", done.err);
    }
    let server = Server::start(folder.path(), &[]);
    let taken = format!("127.0.0.1:{}", server.port);
    let done = refused(folder.path(), &["--listen", &taken]);
    assert_eq!(done.code, Some(2));
    assert!(done.err.contains(&taken), "{}", done.err);
}

#[test]
fn passwords_are_required() {
    if !there_is("psql") {
        return;
    }
    let folder = shop();
    let server = Server::start(
        folder.path(),
        &["--password-file", &passwords(folder.path(), USERS)],
    );
    let connect = |user: &str, password: &str| {
        let mut psql = server.psql("");
        psql.args(["--tuples-only", "-c", "SELECT 'in'"])
            .env("PGUSER", user)
            .env("PGPASSWORD", password);
        Done::from(process::output(&mut psql))
    };
    assert_eq!(connect("ada", "difference:engine").out, "in\n");
    assert_eq!(connect("grace", "cobol").out, "in\n");
    for (user, password) in [
        ("ada", "cobol"),
        ("ada", ""),
        ("unknown", "cobol"),
        ("", "cobol"),
    ] {
        let done = connect(user, password);
        assert_eq!(
            (done.code, done.out.as_str()),
            (Some(2), ""),
            "{user}: {}",
            done.err
        );
    }
    // The error does not tell apart an unknown user and a wrong password.
    let error = |done: Done, user: &str| done.err.replace(user, "USER");
    assert_eq!(
        error(connect("ada", "wrong"), "ada"),
        error(connect("eve", "wrong"), "eve")
    );
}

/// Makes a certificate and a key for localhost.
fn certificate(folder: &Path) -> Option<(String, String)> {
    if !there_is("openssl") {
        return None;
    }
    let path = |name: &str| folder.join(name).to_str().unwrap().to_string();
    let (certificate, key) = (path("cert.pem"), path("key.pem"));
    let mut openssl = Command::new("openssl");
    openssl
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
        .args(["-out", &certificate, "-keyout", &key]);
    let made = process::output(&mut openssl);
    assert!(made.status.success(), "{made:?}");
    Some((certificate, key))
}

#[test]
fn tls_is_required_on_both_sides() {
    let folder = shop();
    let Some((certificate, key)) = certificate(folder.path()) else {
        return;
    };
    if !there_is("psql") {
        return;
    }
    let users = passwords(folder.path(), USERS);
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
    let connect = |options: &str, password: &str| {
        let mut psql = server.psql(options);
        psql.args(["--tuples-only", "-c", "SELECT 'in'"])
            .env("PGPASSWORD", password);
        Done::from(process::output(&mut psql))
    };
    let verified =
        format!("sslmode=verify-full host=localhost hostaddr=127.0.0.1 sslrootcert={certificate}");
    for options in [verified.as_str(), "sslmode=require"] {
        let done = connect(options, "difference:engine");
        assert_eq!(done.out, "in\n", "{options}: {}", done.err);
    }
    // Channel binding.
    let bound = connect(
        "sslmode=require channel_binding=require",
        "difference:engine",
    );
    assert_eq!(bound.out, "in\n", "{}", bound.err);
    let plain = connect("sslmode=disable", "difference:engine");
    assert_eq!((plain.code, plain.out.as_str()), (Some(2), ""));
    let refused = WireClient::connect_with(server.port, &USER_ADA).err();
    assert_eq!(
        refused.map(|error| error.code).as_deref(),
        Some(NOT_AUTHORIZED)
    );
    assert_eq!(connect("sslmode=require", "wrong").code, Some(2));
    let other = Server::start(folder.path(), &[]);
    let mut psql = other.psql("sslmode=require");
    let done = Done::from(process::output(psql.args(["-c", "SELECT 1"])));
    assert_eq!(done.code, Some(2), "connected without TLS");
}

#[test]
fn connection_slots_are_limited_and_reused() {
    let folder = shop();
    let server = Server::start(folder.path(), &["--max-connections", "1"]);
    let client = WireClient::connect(server.port);
    let refused = WireClient::connect_with(server.port, &USER_ADA).err();
    assert_eq!(
        refused.map(|error| error.code).as_deref(),
        Some(TOO_MANY_CONNECTIONS)
    );
    drop(client);
    wait_until("the slot is free", || {
        WireClient::connect_with(server.port, &USER_ADA).is_ok()
    });
}

#[test]
fn unauthenticated_connections_take_no_slots() {
    if !there_is("psql") {
        return;
    }
    let folder = shop();
    let users = passwords(folder.path(), "ada:difference:engine\n");
    let server = Server::start(
        folder.path(),
        &["--password-file", &users, "--max-connections", "1"],
    );
    let connect = || connect(server.port);
    let silent = [connect(), connect()];
    let mut authenticating = [connect(), connect()];
    for stream in &mut authenticating {
        stream.write_all(&startup(&USER_ADA)).unwrap();
        // The server requests the password.
        assert_eq!(read_some(stream).first(), Some(&b'R'));
    }
    let mut psql = server.psql("");
    psql.args(["--tuples-only", "-c", "SELECT 'in'"])
        .env("PGPASSWORD", "difference:engine");
    let done = Done::from(process::output(&mut psql));
    assert_eq!(done.out, "in\n", "{}", done.err);
    drop((silent, authenticating));
}

#[test]
fn no_sequence_of_messages_bypasses_the_password() {
    let folder = shop();
    let users = passwords(folder.path(), "ada:secret\n");
    let server = Server::start(folder.path(), &["--password-file", &users]);
    let start = startup(&USER_ADA);
    let query = message(b'Q', b"SELECT 'se' || 'cret rows'\0");
    let scram = |first: &[u8]| {
        let mut body = b"SCRAM-SHA-256\0".to_vec();
        body.extend((first.len() as u32).to_be_bytes());
        body.extend(first);
        message(b'p', &body)
    };
    let attempts: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("a query without start-up", vec![query.clone()]),
        (
            "a query in place of the password",
            vec![start.clone(), query.clone()],
        ),
        (
            "a password first",
            vec![scram(b"n,,n=ada,r=abc"), query.clone()],
        ),
        (
            "a malformed SCRAM message",
            vec![start.clone(), scram(b"malformed"), query.clone()],
        ),
        (
            "an unknown mechanism",
            vec![
                start.clone(),
                message(b'p', b"NONE\0\0\0\0\0"),
                query.clone(),
            ],
        ),
        (
            "a wrong proof",
            vec![
                start.clone(),
                scram(b"n,,n=ada,r=abc"),
                message(b'p', b"c=biws,r=abc,p=AAAA"),
                query.clone(),
            ],
        ),
        (
            "an empty proof",
            vec![
                start.clone(),
                scram(b"n,,n=ada,r=abc"),
                message(b'p', b""),
                query.clone(),
            ],
        ),
        (
            "a second start-up message",
            vec![start.clone(), start.clone(), query.clone()],
        ),
        (
            "a prepared statement",
            vec![
                start.clone(),
                message(b'P', b"\0SELECT 1\0\0\0"),
                message(b'S', b""),
                query.clone(),
            ],
        ),
    ];
    for (what, messages) in attempts {
        let mut stream = connect(server.port);
        let mut answer = Vec::new();
        for bytes in messages {
            // The server may have closed the connection already.
            let _ = stream.write_all(&bytes);
            // Each message arrives separately.
            answer.extend(read_some(&mut stream));
        }
        let _ = stream.shutdown(Shutdown::Write);
        answer.extend(read_to_end(&mut stream));
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(!text.contains("secret rows"), "{what}: {text}");
        let authentication_ok = [b'R', 0, 0, 0, 8, 0, 0, 0, 0];
        assert!(
            !answer.windows(9).any(|bytes| bytes == authentication_ok),
            "{what}: {text}"
        );
        assert!(!text.contains("server_version"), "{what}: {text}");
    }
}
