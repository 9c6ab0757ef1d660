//! Servers that are not those of MLflow, and statements that name none.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::tcp_server::TcpServer;
use super::{ask, command, run, train};
use crate::cli::Done;
use crate::cli::interrupt::interrupt;
use crate::support::process::{self, PROCESS_TIMEOUT};

/// Fails a training before it begins; returns the error.
fn refused(track: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let done = run(folder.path(), &train(&format!(", track '{track}'")));
    assert_eq!(done.out, "", "{track}");
    assert_ne!(done.code, Some(0), "{track}");
    assert!(!folder.path().join("home/trained").exists(), "{track}");
    assert!(!folder.path().join("home/runs").exists(), "{track}");
    done.err
}

#[test]
fn wrong_addresses_fail_before_the_training() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let unused = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = refused(&unused);
    assert!(error.contains(&unused), "{error}");
    assert!(error.contains("nothing was trained"), "{error}");
    for (address, expected) in [
        ("databricks", "is not a URL"),
        ("http://user:s3cret@127.0.0.1:5000", "contains credentials"),
        ("http://127.0.0.1:5000/?token=s3cret", "has a query"),
    ] {
        let error = refused(address);
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn answers_of_other_servers_are_errors() {
    let long = "x".repeat(2 << 20);
    let nested = "[".repeat(1 << 19);
    let escape = r#"{"experiment": {"experiment_id": "../../x", "lifecycle_stage": "active"}}"#;
    for (status, headers, body, expected) in [
        (
            "200 OK",
            "",
            "<html>a page</html>",
            "not one of an MLflow server",
        ),
        (
            "200 OK",
            "",
            "{\"experiment\": 3}",
            "not one of an MLflow server",
        ),
        ("200 OK", "", nested.as_str(), "not one of an MLflow server"),
        ("200 OK", "", escape, "not one of an MLflow server"),
        ("200 OK", "", long.as_str(), "has more than 1048576 bytes"),
        (
            "500 Internal Server Error",
            "",
            "broken\n\u{1b}[2J",
            "500 Internal Server Error: broken [2J",
        ),
        ("404 Not Found", "", "", "404 Not Found"),
        ("401 Unauthorized", "", "who?", "MLFLOW_TRACKING_TOKEN"),
    ] {
        let server = TcpServer::answering(status, headers, body);
        let error = refused(&server.address());
        assert!(error.contains(expected), "{error}");
        assert!(error.len() < 1000, "{error}");
        // A failure is not tried again, and nothing else is asked.
        assert_eq!(server.requests().len(), 1, "{expected}");
    }
}

#[test]
fn redirects_are_not_followed() {
    let other = TcpServer::answering("200 OK", "", "{}");
    let location = format!("location: {}/api\r\n", other.address());
    let server = TcpServer::answering("302 Found", &location, "");
    let folder = tempfile::tempdir().unwrap();
    let mut training = command(
        folder.path(),
        &train(&format!(", track '{}'", server.address())),
    );
    training.env("MLFLOW_TRACKING_TOKEN", "s3cret");
    let done = Done::from(process::output(&mut training));
    assert_eq!(done.code, Some(3), "{}", done.err);
    assert!(done.err.contains("it redirects"), "{}", done.err);
    assert!(
        server.requests()[0].contains("Bearer s3cret"),
        "the token is for this server"
    );
    assert_eq!(other.requests(), [""; 0]);
}

#[test]
fn credentials_are_sent_and_never_shown() {
    // The server repeats what it got.
    for (variables, sent) in [
        (vec![("MLFLOW_TRACKING_TOKEN", "s3cret")], "Bearer s3cret"),
        (
            vec![
                ("MLFLOW_TRACKING_USERNAME", "ada"),
                ("MLFLOW_TRACKING_PASSWORD", "s3cret"),
            ],
            "Basic YWRhOnMzY3JldA==",
        ),
    ] {
        let body = format!(r#"{{"error_code": "BAD", "message": "wrong: {sent} s3cret"}}"#);
        let server = TcpServer::answering("403 Forbidden", "", &body);
        let folder = tempfile::tempdir().unwrap();
        let mut training = command(
            folder.path(),
            &train(&format!(", track '{}'", server.address())),
        );
        training.envs(variables);
        let done = Done::from(process::output(&mut training));
        assert!(
            server.requests()[0].contains(sent),
            "{:?}",
            server.requests()
        );
        assert!(done.err.contains("403 Forbidden: wrong: "), "{}", done.err);
        assert!(!done.err.contains("s3cret"), "{}", done.err);
        assert!(!done.err.contains("YWRhOnMzY3JldA"), "{}", done.err);
    }
}

#[test]
fn a_server_that_hangs_times_out_or_is_interrupted() {
    let server = TcpServer::start(None);
    let folder = tempfile::tempdir().unwrap();
    let sql = train(&format!(", track '{}'", server.address()));
    let mut training = command(folder.path(), &sql);
    training.env("MLFLOW_HTTP_REQUEST_TIMEOUT", "1");
    let done = Done::from(process::output(&mut training));
    assert_eq!(done.code, Some(3), "{}", done.err);
    assert!(done.err.contains("no answer within 1s"), "{}", done.err);

    let mut training = command(folder.path(), &sql);
    training.env("MLFLOW_HTTP_REQUEST_TIMEOUT", "3600");
    let child = training
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PROCESS_TIMEOUT;
    while server.requests().len() < 2 {
        assert!(
            Instant::now() < deadline,
            "no request within {PROCESS_TIMEOUT:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let done = interrupt(child);
    assert_eq!(done.code, Some(130), "{}", done.err);
    assert!(!folder.path().join("home/trained").exists());
}

#[test]
fn nothing_is_sent_without_an_address() {
    let server = TcpServer::answering("200 OK", "", "{}");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // The variables of other clients of MLflow name no server here.
    let mut training = command(folder, &train(""));
    training
        .env("MLFLOW_TRACKING_URI", server.address())
        .env("MLFLOW_TRACKING_TOKEN", "s3cret");
    let done = Done::from(process::output(&mut training));
    assert_eq!(done.code, Some(0), "{}", done.err);
    let address = server.address();
    ask(
        folder,
        &format!(
            "SET ai.tracking_uri = '{address}'; SET ai.tracking_uri = ''; {}",
            train("")
        ),
    );
    assert_eq!(server.requests(), [""; 0]);
    let lonely = run(folder, &train(", experiment 'shop'"));
    assert_eq!(lonely.code, Some(1));
    assert!(
        lonely.err.contains("needs a tracking server"),
        "{}",
        lonely.err
    );
    // A model that may not be replaced fails before the server is asked.
    let taken = train(&format!(", track '{address}'")).replace("OR REPLACE ", "");
    let taken = run(folder, &taken);
    assert!(
        taken.err.contains("already a model called 'kinds'"),
        "{}",
        taken.err
    );
    assert_eq!(server.requests(), [""; 0]);
}
