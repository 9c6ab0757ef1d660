//! `COPY ... TO` a chart: each format, its options, and what is refused.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Done, names, program, semql, semql_reading, shop};

const COUNTS: &str =
    "SELECT * FROM (VALUES ('Books', 30), ('Sports', 15), ('Office', 15)) AS t(category, n)";

fn copy(folder: &Path, query: &str, target: &str, options: &str) -> Done {
    let options = if options.is_empty() {
        String::new()
    } else {
        format!(" OPTIONS ({options})")
    };
    semql(
        folder,
        &["-c", &format!("COPY ({query}) TO '{target}'{options}")],
    )
}

/// The file of a chart that is made.
fn chart(folder: &Path, query: &str, target: &str, options: &str) -> Vec<u8> {
    let done = copy(folder, query, target, options);
    assert_eq!(done.code, Some(0), "{target} {options}\n{}", done.err);
    fs::read(folder.join(target)).unwrap()
}

fn text(folder: &Path, query: &str, target: &str, options: &str) -> String {
    String::from_utf8(chart(folder, query, target, options)).unwrap()
}

#[test]
fn every_format_shows_the_rows() {
    let folder = shop();
    let options = "chart 'bar', x 'category', y 'n', title 'What there is'";
    let done = copy(folder.path(), COUNTS, "out/a.svg", options);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        done.err
            .contains("copied 3 rows to out/a.svg, a bar chart of n by category"),
        "{}",
        done.err
    );
    for target in ["a.svg", "a.html", "A.HTML"] {
        let text = text(folder.path(), COUNTS, target, options);
        for expected in ["What there is", "Books", "30 (50.0%)"] {
            assert!(text.contains(expected), "{target}: {expected}");
        }
    }
    let png = chart(
        folder.path(),
        COUNTS,
        "a.png",
        "chart 'bar', width 640, height '320'",
    );
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    assert_eq!(png[16..24], [0, 0, 5, 0, 0, 0, 2, 128], "1280 by 640");
    let spec = text(folder.path(), COUNTS, "a.vl.json", options);
    let spec: serde_json::Value = serde_json::from_str(&spec).unwrap();
    assert_eq!(spec["data"]["values"][0]["category"], "Books");
    assert_eq!(spec["data"]["values"][0]["n"], 30);
    assert_eq!(spec["title"]["text"], "What there is");
}

#[test]
fn tables_and_words_after_stored_as_make_charts_too() {
    let folder = shop();
    let done = semql(
        folder.path(),
        &[
            "-c",
            "COPY 'shop.csv' TO 'plot' STORED AS SVG OPTIONS (x 'title', y 'price')",
            "-c",
            "COPY 'shop.csv' TO 'rows.svg' STORED AS CSV",
        ],
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    let plot = fs::read_to_string(folder.path().join("plot")).unwrap();
    assert!(plot.starts_with("<svg") && plot.contains("red shoes"));
    let rows = fs::read_to_string(folder.path().join("rows.svg")).unwrap();
    assert!(rows.starts_with("id,title,price"), "{rows}");
}

#[test]
fn kinds_are_chosen_and_said() {
    let folder = shop();
    let numbers = "SELECT value AS n, value * value AS m FROM generate_series(1, 50)";
    let times = "SELECT to_timestamp(value * 86400) AS day, value AS n FROM generate_series(1, 50)";
    for (query, options, expected) in [
        (COUNTS, "", "a bar chart of n by category"),
        (numbers, "", "a scatter plot of m over n"),
        (times, "", "a line chart of n over day"),
        (
            "SELECT value AS n FROM generate_series(1, 50)",
            "",
            "a histogram of rows by n",
        ),
        (numbers, "chart 'hist', x 'm'", "a histogram of rows by m"),
    ] {
        let done = copy(folder.path(), query, "a.svg", options);
        assert_eq!(done.code, Some(0), "{}", done.err);
        assert!(done.err.contains(expected), "{expected}: {}", done.err);
    }
    let line = text(folder.path(), times, "a.svg", "");
    assert!(line.contains("Jan 1970"), "{line}");
}

#[test]
fn what_cannot_be_drawn_leaves_everything_as_it_was() {
    let folder = shop();
    fs::write(folder.path().join("old.svg"), "kept").unwrap();
    fs::create_dir(folder.path().join("folder.svg")).unwrap();
    for (query, target, options, expected) in [
        (COUNTS, "old.svg", "titel 'x'", "did you mean 'title'?"),
        (
            COUNTS,
            "old.svg",
            "chart 'pie'",
            "chart is one of bar, line, scatter, hist",
        ),
        (
            COUNTS,
            "old.svg",
            "y 'amount'",
            "no column 'amount'; it has category, n",
        ),
        (
            COUNTS,
            "old.svg",
            "y 'category'",
            "column 'category' holds no numbers",
        ),
        (COUNTS, "old.svg", "width 3", "width is a number of pixels"),
        (
            COUNTS,
            "old.svg",
            "refresh true",
            "a chart has no option 'refresh'",
        ),
        (COUNTS, "folder.svg", "", "is a folder"),
        (COUNTS, "https://example.com/a.svg", "", "can only be read"),
        (
            "SELECT value AS n, 1 / (value - 900000) AS m FROM generate_series(1, 1000000)",
            "old.svg",
            "",
            "ivi",
        ),
        ("SELECT nothing FROM 'shop.csv'", "old.svg", "", "nothing"),
    ] {
        let done = copy(folder.path(), query, target, options);
        assert_eq!(done.code, Some(1), "{target} {options}: {}", done.err);
        assert!(done.err.contains(expected), "{expected}: {}", done.err);
        assert_eq!(names(folder.path()), ["folder.svg", "old.svg", "shop.csv"]);
    }
    assert_eq!(
        fs::read_to_string(folder.path().join("old.svg")).unwrap(),
        "kept"
    );
    let parted = "COPY 'shop.csv' TO 'a.svg' PARTITIONED BY (title)";
    let done = semql(folder.path(), &["-c", parted]);
    assert!(done.err.contains("a chart is one file"), "{}", done.err);
    let done = semql(folder.path(), &["-c", "COPY 'shop.csv' TO 'a.gif'"]);
    assert!(
        done.err.contains("charts are .svg .png .html .vl.json"),
        "{}",
        done.err
    );
    let done = semql(folder.path(), &["-c", "SELECT * FROM 'old.svg'"]);
    assert_eq!(done.code, Some(1), "{}", done.out);
}

#[test]
fn no_rows_make_a_chart_that_says_so() {
    let folder = shop();
    let query = "SELECT title, price FROM 'shop.csv' WHERE id > 9";
    for target in ["a.svg", "a.html", "a.vl.json"] {
        let text = text(folder.path(), query, target, "");
        assert!(text.contains("no rows"), "{target}");
    }
    assert!(!chart(folder.path(), query, "a.png", "").is_empty());
}

#[test]
fn a_picture_shows_what_a_font_of_the_machine_has() {
    let folder = shop();
    // No font has one of private use.
    let query = "SELECT * FROM (VALUES (chr(1114109), 3)) AS t(name, n)";
    let done = copy(folder.path(), query, "a.png", "");
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.err.contains("no font on this machine"), "{}", done.err);
    let fonts = "/usr/share/fonts/truetype";
    for (font, name) in [
        ("dejavu/DejaVuSans.ttf", "נעליים"),
        ("wqy/wqy-microhei.ttc", "运动鞋"),
    ] {
        let font = Path::new(fonts).join(font);
        if !font.exists() {
            crate::support::skip::skip(font.to_str().unwrap());
            continue;
        }
        let query = format!("SELECT * FROM (VALUES ('{name}', 3)) AS t(name, n)");
        let done = copy(folder.path(), &query, "a.png", "");
        assert_eq!(done.code, Some(0), "{}", done.err);
        assert!(!done.err.contains("no font"), "{name}: {}", done.err);
        // What the program's own fonts have is drawn as ever: the same axis, bar and
        // numbers as beside a name without any letters.
        let other = chart(folder.path(), &query.replace(name, " "), "b.png", "");
        let shown = fs::read(folder.path().join("a.png")).unwrap();
        assert!(shown.len() > other.len(), "{name}");
    }
}

#[test]
fn hostile_texts_are_only_texts() {
    let folder = shop();
    let query =
        "SELECT '</script><img src=x onerror=alert(1)>' || repeat('y', 1000000) AS \"<b>\", 1 AS n";
    let options = "title '</title><script>alert(1)</script>', hover '<b>'";
    for target in ["a.svg", "a.html"] {
        let text = text(folder.path(), query, target, options);
        for markup in ["<img", "<b>\"", "<script>alert", "</title><script"] {
            assert!(!text.contains(markup), "{target}: {markup}");
        }
        assert!(text.contains("&lt;/title&gt;"), "{target}");
        assert!(text.len() < 50_000, "{target}: {}", text.len());
    }
}

#[test]
fn very_many_points_stay_usable() {
    let folder = shop();
    let query = "SELECT sin(value) * value AS x, cos(value) * value AS y, \
         CASE WHEN value % 2 = 0 THEN 'even' ELSE 'odd' END AS parity FROM generate_series(1, 50000)";
    let svg = text(folder.path(), query, "a.svg", "color 'parity'");
    assert!(svg.len() < 2_000_000, "{}", svg.len());
    // Paths, not an element for each point.
    assert!(
        svg.matches('<').count() < 2_000,
        "{}",
        svg.matches('<').count()
    );
    let html = text(folder.path(), query, "a.html", "color 'parity'");
    assert!(html.contains("canvas") && html.matches('<').count() < 500);
}

#[test]
fn the_policy_of_pages_knows_their_script_and_no_other() {
    let folder = shop();
    let page = text(folder.path(), COUNTS, "a.html", "");
    let (_, script) = page.rsplit_once("<script>").unwrap();
    let script = script.split_once("</script>").unwrap().0;
    let sql = format!(
        "SELECT encode(sha256('{}'), 'base64') AS hash;",
        script.replace('\'', "''")
    );
    let done = semql_reading(folder.path(), &["--format", "csv"], &sql);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let hash = done.out.lines().nth(1).unwrap().trim_end_matches('=');
    assert!(
        page.contains(&format!("'sha256-{hash}")),
        "the script's hash is {hash}"
    );
}

#[test]
fn a_browser_runs_the_page() {
    let browsers = ["chromium", "chromium-browser", "google-chrome"];
    let found = browsers.into_iter().find(|browser| {
        let version = Command::new(browser).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    });
    let Some(browser) = found else {
        crate::support::skip::skip("chromium");
        return;
    };
    let folder = shop();
    let query = "SELECT value AS x, value % 7 AS y, 'k' || (value % 3) AS kind FROM generate_series(1, 900)";
    text(
        folder.path(),
        query,
        "a.html",
        "color 'kind', title '<i>Points</i>'",
    );
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ))
        .arg("--dump-dom")
        .arg(format!("file://{}", folder.path().join("a.html").display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let page = String::from_utf8_lossy(&output.stdout);
    // Only the page's own script adds the canvas.
    assert!(page.contains("<canvas width="), "{page}");
    assert!(
        page.contains("<title>&lt;i&gt;Points&lt;/i&gt;</title>"),
        "{page}"
    );
    assert_eq!(page.matches("aria-pressed=\"true\"").count(), 3);
}

#[test]
fn the_command_draws_the_statement_before_it() {
    let folder = shop();
    let script = "SELECT title, price FROM 'shop.csv'\n\\chart bar\nSELECT count(*) AS n FROM _;\n";
    let done = semql_reading(folder.path(), &["--format", "csv"], script);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        done.out.starts_with("price by title\nred shoes │"),
        "{}",
        done.out
    );
    // The rows are kept, and not shown.
    assert!(!done.out.contains("title,price"), "{}", done.out);
    assert!(done.out.ends_with("n\n3\n"), "{}", done.out);
    let one_line =
        "SELECT 1 AS n;\nSELECT title, price FROM 'shop.csv' \\chart hist price\n\\chart";
    let done = semql_reading(folder.path(), &["--format", "csv"], one_line);
    assert!(
        done.out.contains("rows by price") && done.out.contains("price by title"),
        "{}",
        done.out
    );
    let done = semql_reading(
        folder.path(),
        &[],
        "SELECT 1 AS n;\nCREATE VIEW v AS SELECT 2 AS m\n\\chart\n",
    );
    assert_eq!(done.code, Some(1));
    assert!(done.err.contains("returns no rows to draw"), "{}", done.err);
}

#[test]
fn a_killed_run_leaves_the_chart_as_it_was() {
    let folder = shop();
    fs::write(folder.path().join("a.svg"), "kept").unwrap();
    let mut child = program(folder.path())
        .args([
            "-c",
            "COPY (SELECT a.value AS x, b.value AS y FROM generate_series(1, 100000) a, \
             generate_series(1, 100000) b) TO 'a.svg'",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while names(folder.path()).len() < 3 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        fs::read_to_string(folder.path().join("a.svg")).unwrap(),
        "kept"
    );
    // The next run takes away what was left.
    chart(folder.path(), COUNTS, "a.svg", "");
    assert_eq!(names(folder.path()), ["a.svg", "shop.csv"]);
}
