//! `semql explore`: its page, its server and its exit codes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use super::interrupt::interrupt;
use super::{Done, names, semql};
use crate::page::explorer::{Explorer, HOSTILE, explore, offers};
use crate::support::http::{request, send};
use crate::support::process::{self, PROCESS_TIMEOUT};

/// Pause between two looks at a folder.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

fn run(folder: &std::path::Path, args: &[&str]) -> Done {
    process::output(&mut explore(folder, args)).into()
}

#[test]
fn the_page_and_its_data_are_served_with_strict_headers() {
    let folder = offers();
    let explorer = Explorer::start(folder.path(), &["offers.jsonl"]);
    for (path, kind, has) in [
        ("/", "text/html", "<script src=\"/page.js\">"),
        ("/page.js", "text/javascript", "use strict"),
        ("/style.css", "text/css", "--accent"),
    ] {
        let answer = request(explorer.port, "GET", path, &[], "");
        assert_eq!(answer.status, 200, "{path}");
        assert!(
            answer.header("content-type").unwrap().starts_with(kind),
            "{path}"
        );
        assert!(answer.body.contains(has), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let data = explorer.get("/api/data").json();
    assert_eq!(data["titles"].as_array().unwrap().len(), 62);
    assert_eq!(data["groups"][0]["names"][0], "Books");
    assert_eq!(
        data["groups"][0]["names"][4],
        serde_json::Value::Null,
        "rows without a category are last"
    );
    let titles: Vec<&str> = data["titles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t.as_str().unwrap())
        .collect();
    assert!(
        titles.contains(&HOSTILE.replace('\u{202e}', "").as_str()),
        "{titles:?}"
    );
    let longest = titles.iter().map(|title| title.chars().count()).max();
    assert_eq!(longest, Some(301), "long titles are truncated");
    assert_eq!(
        data["summary"].as_str().unwrap().split(" · ").next(),
        Some("62 products")
    );
}

#[test]
fn only_requests_of_the_page_are_accepted() {
    let folder = offers();
    let explorer = Explorer::start(folder.path(), &["offers.jsonl"]);
    let (port, token) = (explorer.port, explorer.token.as_str());
    let local = format!("localhost:{port}");
    let origin = format!("http://127.0.0.1:{port}");
    let with = ("X-Semql-Token", token);
    let json = ("Content-Type", "application/json");
    let select = r#"{"sql": "SELECT 1"}"#;
    type Case<'a> = (u16, &'a str, &'a str, Vec<(&'a str, &'a str)>);
    let cases: Vec<Case> = vec![
        (404, "GET", "/nothing", vec![]),
        (404, "GET", "/api/nothing", vec![with]),
        (405, "GET", "/api/sql", vec![with]),
        (421, "GET", "/", vec![("Host", "evil.example")]),
        (
            421,
            "GET",
            "/api/data",
            vec![("Host", "evil.example:7878"), with],
        ),
        (200, "GET", "/api/data", vec![("Host", &local), with]),
        (403, "GET", "/api/data", vec![]),
        (
            403,
            "GET",
            "/api/data",
            vec![("X-Semql-Token", "00000000000000000000000000000000")],
        ),
        (403, "GET", "/api/search?q=shirt", vec![]),
        (403, "GET", "/api/neighbours?row=0", vec![]),
        (403, "POST", "/api/sql", vec![json]),
        (
            403,
            "POST",
            "/api/sql",
            vec![json, with, ("Origin", "http://evil.example")],
        ),
        (
            403,
            "POST",
            "/api/sql",
            vec![json, with, ("Origin", "null")],
        ),
        (415, "POST", "/api/sql", vec![with]),
        (
            200,
            "POST",
            "/api/sql",
            vec![json, with, ("Origin", &origin)],
        ),
    ];
    for (status, method, path, headers) in cases {
        let body = if method == "POST" { select } else { "" };
        let answer = request(port, method, path, &headers, body);
        assert_eq!(
            answer.status, status,
            "{method} {path} {headers:?}: {}",
            answer.body
        );
    }
}

#[test]
fn sql_reads_and_reports_errors() {
    let folder = offers();
    let explorer = Explorer::start(folder.path(), &["offers.jsonl"]);
    let counts = explorer
        .sql("SELECT category, count(*) AS n FROM explored GROUP BY category ORDER BY category")
        .json();
    assert_eq!(counts["columns"][1]["number"], true);
    assert_eq!(counts["rows"][1], serde_json::json!(["Books", "20"]));
    let all = explorer
        .sql("SELECT * FROM 'offers.jsonl' CROSS JOIN generate_series(1, 100)")
        .json();
    assert_eq!(
        (all["rows"].as_array().unwrap().len(), &all["more"]),
        (1000, &serde_json::json!(true))
    );
    assert_eq!(explorer.sql("SUMMARIZE 'offers.jsonl'").status, 200);
    for (sql, message) in [
        ("SELECT titel FROM explored", "titel"),
        ("SELECT 1\nFORM explored", "syntax error"),
        ("SELECT 1; SELECT 2", "one at a time"),
        ("", "no statement"),
        ("COPY explored TO 'stolen.csv'", "read-only"),
        ("CREATE TABLE t AS SELECT 1", "read-only"),
        ("SET ai.device = 'cpu'", "cannot be changed"),
        ("EXPLAIN ANALYZE COPY explored TO 'stolen.csv'", "read-only"),
        ("\\! touch stolen", "command of the prompt"),
    ] {
        let answer = explorer.sql(sql);
        assert_eq!(answer.status, 400, "{sql}: {}", answer.body);
        let error = answer.json()["error"].as_str().unwrap().to_string();
        assert!(error.contains(message), "{sql}: {error}");
    }
    assert_eq!(names(folder.path()), ["offers.jsonl"]);
}

#[test]
fn writes_need_an_option() {
    let folder = offers();
    let explorer = Explorer::start(folder.path(), &["offers.jsonl", "--allow-writes"]);
    let answer = explorer.sql("CREATE TABLE t AS SELECT 1 AS n");
    assert_eq!(answer.json()["message"], "created table t");
    assert_eq!(
        explorer.sql("SELECT n FROM t").json()["rows"],
        serde_json::json!([["1"]])
    );
    assert_eq!(explorer.sql("COPY t TO 'kept.csv'").status, 200);
    assert_eq!(names(folder.path()), ["kept.csv", "offers.jsonl"]);
}

#[test]
fn search_and_neighbours_rank_rows() {
    let folder = offers();
    // Titles alone, so that a row's text can be searched for word by word.
    let args = ["offers.jsonl", "--text", "title"];
    let explorer = Explorer::start(folder.path(), &args);
    let data = explorer.get("/api/data").json();
    let titles = data["titles"].as_array().unwrap();
    let wanted = titles
        .iter()
        .position(|title| title == "pocket novel number 7")
        .unwrap();
    let query = "pocket%20novel%20number%207.%20pocket%20novel%20number%207";
    let found = explorer.get(&format!("/api/search?q={query}")).json();
    assert_eq!(found["rows"][0], wanted);
    assert!(found["scores"][0].as_f64().unwrap() > 0.99, "{found}");
    assert_eq!(found["rows"].as_array().unwrap().len(), 50);
    let near = explorer
        .get(&format!("/api/neighbours?row={wanted}"))
        .json();
    let rows = near["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 10);
    assert!(
        !rows.contains(&serde_json::json!(wanted)),
        "neighbours exclude the row"
    );
    assert_eq!(explorer.get("/api/neighbours?row=62").status, 404);
    assert_eq!(explorer.get("/api/search?q=%20").status, 400);
    assert_eq!(explorer.get("/api/neighbours?row=x").status, 400);
}

#[test]
fn a_query_ends_when_the_browser_disconnects() {
    let folder = offers();
    let explorer = Explorer::start(folder.path(), &["offers.jsonl", "--allow-writes"]);
    // A copy that does not end within the test, with a visible temporary file.
    let copy = "COPY (SELECT value FROM generate_series(1, 1000000000000)) TO 'big.csv'";
    let body = serde_json::json!({"sql": copy}).to_string();
    let stream = send(
        explorer.port,
        "POST",
        "/api/sql",
        &explorer.headers(),
        &body,
    );
    let wait_for_files = |count: usize| {
        let deadline = Instant::now() + PROCESS_TIMEOUT;
        while names(folder.path()).len() != count {
            assert!(
                Instant::now() < deadline,
                "not {count} files within {PROCESS_TIMEOUT:?}"
            );
            std::thread::sleep(POLL_INTERVAL);
        }
    };
    wait_for_files(2);
    drop(stream);
    wait_for_files(1);
    assert_eq!(names(folder.path()), ["offers.jsonl"]);
    assert_eq!(explorer.sql("SELECT 1").status, 200, "the server continues");
}

/// Waits for a line with `text` on standard error.
fn wait_for_message(child: &mut Child, text: &str) {
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let deadline = Instant::now() + PROCESS_TIMEOUT;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match receiver.recv_timeout(left) {
            Ok(line) if line.contains(text) => return,
            Ok(_) => {}
            Err(error) => {
                let _ = child.kill();
                panic!("no line with {text:?}: {error}");
            }
        }
    }
}

#[test]
fn ctrl_c_while_serving_ends_with_130() {
    let folder = offers();
    let explorer = Explorer::start(folder.path(), &["offers.jsonl"]);
    assert_eq!(interrupt(explorer.into_child()).code, Some(130));
}

#[test]
fn ctrl_c_while_preparing_ends_with_130() {
    let folder = offers();
    // Preparing this page takes hours.
    let sql = "COPY (SELECT concat('text ', value, repeat(' of words', 60)) AS title FROM generate_series(1, 50000)) TO 'big.parquet'";
    let copied = semql(folder.path(), &["-c", sql]);
    assert_eq!(copied.code, Some(0), "{}", copied.err);
    let mut child = super::program_with_models(folder.path())
        .args([
            "explore",
            "big.parquet",
            "--rows",
            "50000",
            "--export",
            "big.html",
        ])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_message(&mut child, "meaning");
    assert_eq!(interrupt(child).code, Some(130));
    assert_eq!(names(folder.path()), ["big.parquet", "offers.jsonl"]);
}

#[test]
fn a_port_in_use_is_reported_before_any_work() {
    let folder = offers();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let done = run(folder.path(), &["offers.jsonl", "--port", &port]);
    assert_eq!(done.code, Some(2), "{}", done.err);
    let expected = format!(
        "error: port {port} is in use; choose another with --port N, or any free port with --port 0\n"
    );
    assert_eq!(done.err, expected);
}

#[test]
fn a_file_is_whole_or_absent_and_self_contained() {
    let folder = offers();
    let done = run(folder.path(), &["offers.jsonl", "--export", "page.html"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(done.out, "");
    assert!(done.err.ends_with("Wrote page.html.\n"), "{}", done.err);
    let html = std::fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(html.ends_with("</html>\n"));
    assert!(html.contains("default-src 'none'"));
    assert!(
        !html.contains("<img") && !html.contains("<b>Bold"),
        "data is escaped"
    );
    assert_eq!(
        html.matches("<script").count(),
        html.matches("</script>").count()
    );
    assert!(
        !html.contains("src=\"") && !html.contains("rel=\"stylesheet"),
        "no external resources"
    );

    for (args, message) in [
        (
            vec!["nowhere.csv", "--export", "other.html"],
            "there is no file 'nowhere.csv'",
        ),
        (
            vec!["offers.jsonl", "--export", "no/other.html"],
            "folder no does not exist",
        ),
        (
            vec!["offers.jsonl", "-o", "other.html"],
            "--export other.html",
        ),
        (
            vec!["offers.jsonl", "--export", "other.html", "--port", "1"],
            "cannot be used with",
        ),
    ] {
        let done = run(folder.path(), &args);
        assert!(
            matches!(done.code, Some(1 | 2)),
            "{args:?}: {:?}",
            done.code
        );
        assert!(done.err.contains(message), "{args:?}: {}", done.err);
    }
    assert_eq!(names(folder.path()), ["offers.jsonl", "page.html"]);
}

#[test]
fn small_or_empty_tables_are_a_page_or_a_clear_error() {
    let folder = offers();
    let folder = folder.path();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("none.csv", "title,text\n");
    write("numbers.csv", "n,m\n1,2\n");
    write("blank.csv", "title,n\n,1\n,2\n");
    for (args, code, message) in [
        (vec!["none.csv"], 1, "none.csv has no rows"),
        (
            vec!["numbers.csv"],
            2,
            "numbers.csv has no title and no text: its columns are n, m",
        ),
        (
            vec!["blank.csv"],
            1,
            "no row of blank.csv has a title or a text",
        ),
        (
            vec!["offers.jsonl", "--title", "titel"],
            2,
            "did you mean 'title'?",
        ),
        (vec!["offers.jsonl", "--rows", "50001"], 2, "50001"),
        (vec![], 2, "missing file or table to explore"),
    ] {
        let done = run(folder, &args);
        assert_eq!(done.code, Some(code), "{args:?}: {}", done.err);
        assert!(done.err.contains(message), "{args:?}: {}", done.err);
    }
    for rows in [1, 2, 3, 5, 9, 10, 12] {
        let lines: Vec<String> = (0..rows).map(|n| format!("thing number {n},{n}")).collect();
        write("few.csv", &format!("title,n\n{}\n", lines.join("\n")));
        let done = run(folder, &["few.csv", "--export", "few.html"]);
        assert_eq!(done.code, Some(0), "{rows} rows: {}", done.err);
    }
}

#[test]
fn columns_of_the_table_are_used_and_large_tables_are_sampled() {
    let folder = offers();
    let sql =
        "COPY (SELECT 'thing ' || value AS title, value % 3 AS cluster, value AS x, -value AS y,
        [CAST(value AS FLOAT), 1.0] AS vector FROM generate_series(1, 300)) TO 'made.parquet'";
    let copied = semql(folder.path(), &["-c", sql]);
    assert_eq!(copied.code, Some(0), "{}", copied.err);
    let explorer = Explorer::start(folder.path(), &["made.parquet", "--rows", "100"]);
    let data = explorer.get("/api/data").json();
    assert!(
        data["summary"]
            .as_str()
            .unwrap()
            .starts_with("100 of 300 products shown"),
        "{}",
        data["summary"]
    );
    let cluster = data["groups"]
        .as_array()
        .unwrap()
        .iter()
        .find(|g| g["one"] == "Cluster")
        .unwrap();
    let mut clusters: Vec<&str> = cluster["names"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_str().unwrap())
        .collect();
    clusters.sort();
    assert_eq!(clusters, ["0", "1", "2"]);
    // The model makes longer vectors, so texts cannot be compared.
    assert_eq!(data["meaning"], false);
    assert!(
        data["why"].as_str().unwrap().contains("2 floats"),
        "{}",
        data["why"]
    );
    assert_eq!(
        explorer.get("/api/neighbours?row=0").json()["rows"]
            .as_array()
            .unwrap()
            .len(),
        10
    );
    let again = Explorer::start(folder.path(), &["made.parquet", "--rows", "100"]);
    assert_eq!(
        again.get("/api/data").json()["titles"],
        data["titles"],
        "the sample is fixed"
    );
}

#[test]
fn attributes_group_the_rows_of_a_page() {
    let folder = offers();
    let sql = "COPY (SELECT docid, title, category, \
        CASE WHEN docid = 'D0' THEN 'Solano' END AS brand, docid || '!' AS note, \
        ai_extract(description, ['color']) AS found, \
        ai_extract_details(description, ['material']) AS details \
        FROM 'offers.jsonl' WHERE docid LIKE 'D%') TO 'made.parquet'";
    let copied = semql(folder.path(), &["-c", sql]);
    assert_eq!(copied.code, Some(0), "{}", copied.err);
    let explorer = Explorer::start(folder.path(), &["made.parquet"]);
    let data = explorer.get("/api/data").json();
    let groups = data["groups"].as_array().unwrap();
    let labels: Vec<&str> = groups.iter().map(|g| g["one"].as_str().unwrap()).collect();
    assert_eq!(
        labels,
        ["Category", "Cluster", "Brand", "Color", "Material"],
        "no two notes are equal"
    );
    assert_eq!(groups[0]["attribute"], serde_json::Value::Null);
    assert_eq!(groups[2]["names"], serde_json::json!(["Solano", null]));
    assert_eq!(groups[3]["attribute"], "color");
    let colors = serde_json::json!(["blue", "green", "red", "white"]);
    assert_eq!(groups[3]["names"], colors);
    assert_eq!(groups[4]["names"], serde_json::json!(["cotton", null]));
    let counted = explorer
        .sql("SELECT count(*) AS n FROM explored WHERE color = 'blue' AND material IS NULL")
        .json();
    assert_eq!(counted["rows"][0], serde_json::json!(["10"]));
}
