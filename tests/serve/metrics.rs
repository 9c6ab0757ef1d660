//! Metrics and health over HTTP.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use super::server::{Server, port_of, serve, shop};
use super::wire::WireClient;
use crate::support::http;

/// Starts a server with metrics and gives their port.
pub fn start_with_metrics(folder: &Path) -> (Server, u16) {
    let options = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
    let command = serve(folder, &options);
    let (server, lines) = Server::start_with_log(command, &folder.join("serve.log"));
    let url = lines.next_line();
    assert!(url.ends_with("/metrics"), "{url}");
    let port = port_of(&url).unwrap_or_else(|| panic!("no port: {url}"));
    (server, port)
}

/// Name with labels, and value, of each sample.
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

pub fn metrics(port: u16) -> Vec<(String, f64)> {
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
        let known = ["semql_", "process_", "target_info"];
        assert!(known.iter().any(|start| name.starts_with(start)), "{name}");
    }
    for part in [
        "connections",
        "statements",
        "texts",
        "tokens",
        "queue",
        "memory",
        "semql_build_info",
        "target_info",
        "process_start_time_seconds",
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
    for grown in [
        "texts_encoded_total",
        "statement_errors_total{sqlstate=\"42703\"}",
    ] {
        assert!(
            sum(&after, grown) > sum(&before, grown),
            "{grown}: {after:?}"
        );
    }
    // Malformed requests do not end the server.
    for malformed in [b"\0\x01\xff".as_slice(), b"GET\r\n\r\n", &[b'a'; 100_000]] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        // The server may have closed the connection already.
        let _ = stream.write_all(malformed);
    }
    assert_eq!(http::request(port, "GET", "/health", &[], "").status, 200);
}

/// Counters end in `_total`, times and sizes in their base unit, and every metric has
/// a description.
#[test]
fn names_follow_the_conventions_of_prometheus() {
    let folder = shop();
    let (server, port) = start_with_metrics(folder.path());
    WireClient::connect(server.port).simple("SELECT 1").unwrap();
    let text = http::request(port, "GET", "/metrics", &[], "").body;
    let described = |keyword: &str| -> Vec<(String, String)> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(keyword));
        let pairs = lines.filter_map(|line| line.split_once(' '));
        pairs
            .map(|(name, what)| (name.to_string(), what.to_string()))
            .collect()
    };
    let types = described("# TYPE ");
    assert!(types.len() > 20, "{text}");
    let helps = described("# HELP ");
    for (name, kind) in &types {
        assert!(
            helps
                .iter()
                .any(|(n, help)| n == name && help.ends_with('.')),
            "{name}"
        );
        let sample = match kind.as_str() {
            "counter" => format!("\n{name}_total"),
            "info" => format!("\n{name}_info"),
            "histogram" => format!("\n{name}_bucket"),
            _ => format!("\n{name}"),
        };
        assert!(text.contains(&sample), "{name}: {kind}");
        for unit in ["milli", "micro", "kilo", "_ms", "_kb", "_mb"] {
            assert!(!name.contains(unit), "{name} is not in a base unit");
        }
    }
    for (name, unit) in described("# UNIT ") {
        assert!(name.ends_with(&format!("_{unit}")), "{name}: {unit}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
}
