//! The files of `deploy/monitoring/` fit each other and the metrics of a server.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::metrics::{metrics, start_with_metrics};
use super::server::shop;
use super::wire::WireClient;
use crate::docs::generated::check_part;
use crate::support::http;

/// First words of the metrics of `semql serve`.
const PREFIXES: [&str; 3] = ["semql_", "process_", "target_info"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/monitoring")
}

fn read(file: &str) -> String {
    let path = folder().join(file);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&read(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

fn dashboard() -> Value {
    serde_json::from_str(&read("grafana/semql.json")).unwrap()
}

/// The strings below a key, at any depth.
fn strings_of<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if let (true, Some(text)) = (name == key, member.as_str()) {
                    found.push(text);
                }
                strings_of(member, key, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                strings_of(item, key, found);
            }
        }
        _ => {}
    }
}

/// Queries of the panels and of the variables.
fn queries(dashboard: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    strings_of(dashboard, "expr", &mut found);
    strings_of(dashboard, "definition", &mut found);
    found
}

/// Names of metrics in a query.
fn metrics_of(query: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = query.split(|c: char| !is_part(c));
    words
        .filter(|word| PREFIXES.iter().any(|prefix| word.starts_with(prefix)))
        .collect()
}

/// Whether brackets and quotes of a query are closed, in their order.
fn is_balanced(query: &str) -> bool {
    let mut open = Vec::new();
    let mut in_text = false;
    for c in query.chars() {
        match c {
            '"' => in_text = !in_text,
            _ if in_text => {}
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(c) => return false,
            _ => {}
        }
    }
    open.is_empty() && !in_text
}

#[test]
fn a_server_exposes_every_metric_of_the_dashboard() {
    let shop = shop();
    let (server, port) = start_with_metrics(shop.path());
    let mut client = WireClient::connect(server.port);
    for sql in ["SELECT embed('a text')", "SELECT nothing"] {
        client.simple(sql).unwrap();
    }
    let samples = metrics(port);
    let exposed: BTreeSet<&str> = samples
        .iter()
        .filter_map(|(name, _)| name.split('{').next())
        .collect();
    let dashboard = dashboard();
    let queries = queries(&dashboard);
    assert!(queries.len() > 20, "{queries:?}");
    let mut shown = BTreeSet::new();
    for query in queries {
        assert!(is_balanced(query), "{query}");
        let names = metrics_of(query);
        assert!(!names.is_empty(), "no metric in {query}");
        for name in &names {
            assert!(exposed.contains(name), "{name} is not exposed: {query}");
        }
        shown.extend(names);
    }
    // Sums and counts of histograms are there for other dashboards.
    let hidden = ["target_info", "_sum", "_count"];
    for name in exposed {
        let expected = !hidden.iter().any(|end| name.ends_with(end));
        assert!(!expected || shown.contains(name), "no panel shows {name}");
    }
}

#[test]
fn labels_of_the_dashboard_are_those_of_the_metrics() {
    let shop = shop();
    let (_server, port) = start_with_metrics(shop.path());
    let samples = metrics(port);
    let dashboard = dashboard();
    let mut legends = Vec::new();
    strings_of(&dashboard, "legendFormat", &mut legends);
    // Prometheus adds the address itself.
    let labels = legends
        .iter()
        .filter_map(|legend| legend.strip_prefix("{{"));
    let labels: BTreeSet<&str> = labels
        .filter_map(|label| label.strip_suffix("}}"))
        .filter(|label| *label != "instance")
        .collect();
    assert!(labels.len() >= 4, "{labels:?}");
    for label in labels {
        let with_label = |name: &str| {
            name.contains(&format!("{{{label}=")) || name.contains(&format!(",{label}="))
        };
        assert!(samples.iter().any(|(name, _)| with_label(name)), "{label}");
    }
}

#[test]
fn the_compose_file_mounts_files_of_the_repository_into_pinned_images() {
    let compose = yaml("compose.yaml");
    let services = compose["services"].as_object().unwrap();
    for name in ["grafana", "prometheus", "semql"] {
        assert!(services.contains_key(name), "{name}");
    }
    for (name, service) in services {
        let image = service["image"].as_str().unwrap();
        let tag = image.split_once(':').map(|(_, tag)| tag);
        assert!(tag.is_some_and(|tag| tag != "latest"), "{name}: {image}");
        for volume in service["volumes"].as_array().unwrap() {
            let source = volume.as_str().unwrap().split(':').next().unwrap();
            if source.starts_with("./") {
                assert!(folder().join(source).is_file(), "{name}: {source}");
            } else if !source.starts_with('$') && !source.starts_with("\"$") {
                assert!(compose["volumes"].get(source).is_some(), "{name}: {source}");
            }
        }
    }
    let build = &compose["services"]["semql"]["build"];
    let context = folder().join(build["context"].as_str().unwrap());
    let dockerfile = build["dockerfile"].as_str().unwrap();
    assert!(context.join(dockerfile).is_file(), "{dockerfile}");
}

#[test]
fn prometheus_scrapes_the_port_of_the_server() {
    let scrape = yaml("prometheus.yml");
    let target = &scrape["scrape_configs"][0]["static_configs"][0]["targets"][0];
    let (host, port) = target.as_str().unwrap().split_once(':').unwrap();
    let service = &yaml("compose.yaml")["services"][host];
    let options = service["command"].as_array().unwrap();
    let metrics = format!("--metrics-listen=0.0.0.0:{port}");
    assert!(
        options.iter().any(|option| *option == metrics),
        "{options:?}"
    );
    let source = &yaml("grafana/datasources.yaml")["datasources"][0];
    assert_eq!(source["url"], "http://prometheus:9090");
    let provider = &yaml("grafana/dashboards.yaml")["providers"][0];
    let path = provider["options"]["path"].as_str().unwrap();
    assert!(read("compose.yaml").contains(&format!("{path}/semql.json")));
}

/// The table of metrics in the documentation is that of a server.
#[test]
fn the_documentation_lists_every_metric() {
    let shop = shop();
    let (_server, port) = start_with_metrics(shop.path());
    let text = http::request(port, "GET", "/metrics", &[], "").body;
    let mut table = String::from("| metric | type | description |\n|---|---|---|\n");
    let mut help = "";
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = described.split_once(' ').unwrap().1;
        } else if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|described| described.split_once(' '))
        {
            let end = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            let help = help.trim_end_matches('.');
            table += &format!("| `{name}{end}` | {kind} | {help} |\n");
        }
    }
    check_part(Path::new("docs/monitor.md"), &table);
}

#[test]
fn unbalanced_queries_are_found() {
    assert!(is_balanced("sum by (le) (rate(semql_x{a=\"(\"}[5m]))"));
    for query in ["sum(a", "a[5m", "a{b=\"c}", "(a]", "a)"] {
        assert!(!is_balanced(query), "{query}");
    }
    let names = metrics_of("rate(semql_a_total{x=\"1\"}[5m]) / process_b");
    assert_eq!(
        names.into_iter().collect::<Vec<_>>(),
        ["process_b", "semql_a_total"]
    );
}
