//! Metrics and health over HTTP.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use super::server::{Server, port_of, serve, shop};
use super::wire::WireClient;
use crate::support::http;

/// Starts a server with metrics and gives their port.
fn start_with_metrics(folder: &Path) -> (Server, u16) {
    let options = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
    let command = serve(folder, &options);
    let (server, lines) = Server::start_with_log(command, &folder.join("serve.log"));
    let url = lines.next_line();
    assert!(url.ends_with("/metrics"), "{url}");
    let port = port_of(&url).unwrap_or_else(|| panic!("no port: {url}"));
    (server, port)
}

/// Name, labels and value of each sample.
fn samples(text: &str) -> Vec<(String, f64)> {
    let lines = text.lines().filter(|line| !line.is_empty());
    let lines = lines.filter(|line| !line.starts_with('#'));
    let samples = lines.map(|line| {
        let (name, value) = line
            .rsplit_once(' ')
            .unwrap_or_else(|| panic!("not a sample: {line}"));
        let value = value.parse().unwrap_or_else(|e| panic!("{e}: {line}"));
        (name.to_string(), value)
    });
    samples.collect()
}

fn metrics(port: u16) -> Vec<(String, f64)> {
    let answer = http::request(port, "GET", "/metrics", &[], "");
    assert_eq!(answer.status, 200);
    let content_type = answer.header("content-type").unwrap_or_default();
    assert!(
        content_type.starts_with("application/openmetrics-text"),
        "{content_type}"
    );
    assert!(answer.body.contains("# TYPE semql_"), "{}", answer.body);
    samples(&answer.body)
}

/// Sum of the samples whose name contains `part`.
fn sum(samples: &[(String, f64)], part: &str) -> f64 {
    let matching = samples.iter().filter(|(name, _)| name.contains(part));
    matching.map(|(_, value)| value).sum()
}

#[test]
fn health_and_metrics_are_served() {
    let folder = shop();
    let (server, port) = start_with_metrics(folder.path());
    let health = http::request(port, "GET", "/health", &[], "");
    assert_eq!((health.status, health.body.trim()), (200, "ok"));
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/metrics/../etc/passwd"),
        ("POST", "/metrics"),
    ] {
        let answer = http::request(port, method, path, &[], "");
        assert!(answer.status >= 400, "{method} {path}: {}", answer.status);
    }
    let before = metrics(port);
    for (name, _) in &before {
        assert!(name.starts_with("semql_"), "{name}");
    }
    for part in [
        "connections",
        "statements",
        "texts",
        "tokens",
        "queue",
        "memory",
    ] {
        assert!(
            before.iter().any(|(name, _)| name.contains(part)),
            "no metric of {part}: {before:?}"
        );
    }
    let mut client = WireClient::connect(server.port);
    for sql in ["SELECT 1", "SELECT embed('a text')", "SELECT nothing"] {
        client.simple(sql).unwrap();
    }
    let after = metrics(port);
    assert!(
        sum(&after, "statements") >= sum(&before, "statements") + 3.0,
        "{after:?}"
    );
    assert!(sum(&after, "texts") > sum(&before, "texts"), "{after:?}");
    // Malformed requests do not end the server.
    for malformed in [b"\0\x01\xff".as_slice(), b"GET\r\n\r\n", &[b'a'; 100_000]] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        // The server may have closed the connection already.
        let _ = stream.write_all(malformed);
    }
    assert_eq!(http::request(port, "GET", "/health", &[], "").status, 200);
}
