//! The page of `semql explore` in a real browser.

mod browser;
pub mod explorer;

use browser::Browser;
use explorer::{Explorer, explore, offers};

use crate::cli::semql;
use crate::support::process;

const ENTER: &str = "\u{e007}";
const RIGHT: &str = "\u{e014}";
const ESCAPE: &str = "\u{e00c}";

/// The row of the offer with this title.
fn row(browser: &Browser, title: &str) -> u64 {
    let found = browser.value(&format!(
        "data.titles.indexOf({})",
        serde_json::json!(title)
    ));
    found.as_u64().unwrap_or_else(|| panic!("no row {title}"))
}

/// Moves the pointer to the point of a row on the map, and clicks it if `press`.
fn point_at(browser: &Browser, row: u64, press: bool) {
    let position = browser.value(&format!(
        "(() => {{ map.view.canvas.scrollIntoView({{block: 'center'}});
            const box = map.view.canvas.getBoundingClientRect();
            return [box.left + map.view.screenX(data.x[{row}]), box.top + map.view.screenY(data.y[{row}])]; }})()"
    ));
    browser.point(
        position[0].as_f64().unwrap(),
        position[1].as_f64().unwrap(),
        press,
    );
}

/// A row whose point is not covered by another.
fn free_row(browser: &Browser) -> u64 {
    let found = browser.value(
        "data.titles.findIndex((_, row) => data.titles[row].includes('number') &&
            pointAt(map.view.screenX(data.x[row]), map.view.screenY(data.y[row]), 14) === row)",
    );
    found.as_u64().unwrap()
}

fn assert_requests(browser: &Browser, allowed: &[&str]) {
    let requests = browser.requests();
    assert!(!requests.is_empty());
    for url in requests {
        assert!(allowed.iter().any(|start| url.starts_with(start)), "{url}");
    }
    assert_eq!(browser.console_messages(), Vec::<String>::new());
}

#[test]
fn a_served_page_searches_filters_and_runs_sql() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let folder = offers();
    let explorer = Explorer::start(folder.path(), &["offers.jsonl"]);
    browser.open(&explorer.address());
    assert_eq!(
        browser.value("location.hash"),
        "",
        "the key is removed from the address"
    );
    assert_eq!(browser.text("#source"), "offers.jsonl");
    assert!(browser.text("#rows-count").ends_with("of 62 products"));

    // Hostile texts are inserted as text.
    assert_eq!(browser.value("document.title"), "offers.jsonl · semql");
    assert_eq!(
        browser.value("document.querySelectorAll('img, table script, #bars b').length"),
        0
    );

    // Categories.
    assert!(browser.text("#bars li:nth-child(1)").contains("20"));
    browser.click("#bars li:nth-child(1) button");
    browser.until("document.getElementById('rows-count').textContent.endsWith('of 20 products')");
    assert_eq!(
        browser.value("document.querySelector('#bars button').getAttribute('aria-pressed')"),
        "true"
    );
    browser.click("#filters button");
    browser.until("document.getElementById('rows-count').textContent.endsWith('of 62 products')");

    // Search by meaning.
    browser.fill(
        "#query",
        "tennis racket number 5. A fine tennis racket, blue and light, for every day.",
    );
    browser.keys(ENTER);
    browser.until("document.getElementById('rows-count').textContent.endsWith('of 50 products')");
    let first = browser.text("#table tbody tr:first-child");
    assert!(
        first.contains("1.00") && first.contains("tennis racket number 5"),
        "{first}"
    );
    assert!(
        browser
            .text("#live")
            .starts_with("50 products nearest in meaning")
    );
    browser.click("#filters button");

    // A point and its neighbours.
    let wanted = free_row(&browser);
    point_at(&browser, wanted, false);
    browser.until("!document.getElementById('tip').hidden");
    point_at(&browser, wanted, true);
    browser.until("document.querySelectorAll('#details-body .near li').length === 10");
    let title = browser.value(&format!("data.titles[{wanted}]"));
    assert_eq!(browser.text("#details-body h3"), title.as_str().unwrap());
    browser.click("#details-body .near li:first-child button");
    browser.until(&format!(
        "state.selected !== {wanted} && state.near?.rows.length === 10"
    ));

    // SQL: rows and a chart, then an error of the engine.
    browser.fill(
        "#sql-text",
        "SELECT category, count(*) AS n FROM explored GROUP BY category",
    );
    browser.click("#sql-run");
    browser.until("document.querySelectorAll('#sql-table tbody tr').length === 5");
    assert_eq!(
        browser.value("document.querySelectorAll('#chart rect').length"),
        5
    );
    browser.fill(
        "#sql-text",
        "SELECT '<i>x</i>' AS t, * FROM explored WHERE nothing = 1",
    );
    browser.click("#sql-run");
    browser.until("!document.getElementById('sql-error').hidden");
    assert!(browser.text("#sql-error").contains("nothing"));
    // The console reports expected errors too.
    let expected = |line: &String| line.contains("/api/sql") && line.contains("400");
    assert!(browser.console_messages().iter().all(expected));
    browser.fill("#sql-text", "SELECT '<i>x</i>' AS t");
    browser.click("#sql-run");
    browser.until("document.querySelector('#sql-table td')?.textContent === '<i>x</i>'");

    // Stop.
    browser.fill(
        "#sql-text",
        "SELECT count(*) FROM generate_series(1, 1000000000000) WHERE value % 7 = 8",
    );
    browser.click("#sql-run");
    browser.until("document.getElementById('sql-run').disabled");
    browser.click("#sql-stop");
    browser.until("document.getElementById('sql-state').textContent === 'Stopped'");

    // The key survives a reload.
    browser.reload();
    browser.until("document.documentElement.dataset.ready === 'true'");
    assert_requests(
        &browser,
        &[&format!("http://127.0.0.1:{}/", explorer.port), "data:"],
    );
}

#[test]
fn a_page_without_its_key_explains_how_to_open_it() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let folder = offers();
    let explorer = Explorer::start(folder.path(), &["offers.jsonl"]);
    browser.go(&format!("http://127.0.0.1:{}/", explorer.port));
    browser.until("!document.getElementById('problem').hidden");
    assert!(
        browser
            .text("#problem")
            .contains("Open the one that semql printed")
    );
    browser.go("about:blank");
    browser.go(&format!(
        "http://127.0.0.1:{}/#00000000000000000000000000000000",
        explorer.port
    ));
    browser.until(
        "document.getElementById('problem').textContent.includes('not that of the running semql')",
    );
}

#[test]
fn a_file_searches_words_and_shows_the_same_map() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let folder = offers();
    let args = ["offers.jsonl", "--export", "page.html"];
    let done = process::output(&mut explore(folder.path(), &args));
    assert!(done.status.success());
    let url = format!("file://{}", folder.path().join("page.html").display());
    browser.open(&url);
    assert!(browser.text("#search-note").contains("all the words"));
    assert_eq!(
        browser.value("document.getElementById('sql-text')"),
        serde_json::Value::Null
    );
    assert!(browser.text("#sql").contains("no SQL engine"));
    browser.fill("#query", "SHIRT number");
    browser.keys(ENTER);
    browser.until("document.getElementById('rows-count').textContent.endsWith('of 20 products')");
    browser.click("#filters button");
    let wanted = row(&browser, "cotton shirt number 0");
    browser.click("#table th button");
    browser.until("document.querySelector('#table th').getAttribute('aria-sort') === 'ascending'");
    assert!(
        browser
            .text("#table tbody tr:first-child")
            .contains("<img src=x")
    );
    browser.value(&format!("selectRow({wanted})"));
    browser.until("document.querySelectorAll('#details-body .near li').length === 10");
    assert_eq!(browser.value("document.title"), "offers.jsonl · semql");
    assert_requests(&browser, &[&url, "data:"]);
}

#[test]
fn attributes_filter_and_colour_the_products() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let folder = offers();
    let sql = "COPY (SELECT *, ai_extract(description, ['color']) AS found FROM 'offers.jsonl') \
        TO 'found.parquet'";
    let copied = semql(folder.path(), &["-c", sql]);
    assert_eq!(copied.code, Some(0), "{}", copied.err);
    let explorer = Explorer::start(folder.path(), &["found.parquet"]);
    browser.open(&explorer.address());
    let headers = "[...document.querySelectorAll('#table th')].map((it) => it.textContent)";
    let names = |names: &[&str]| serde_json::json!(names);
    assert_eq!(
        browser.value(headers),
        names(&["title", "Category", "Cluster", "description", "docid"]),
        "attributes that are not in use have no column"
    );
    browser.click("#group-choice button:nth-child(3)");
    assert_eq!(
        browser.value(headers),
        names(&[
            "title",
            "Category",
            "Cluster",
            "Color",
            "description",
            "docid"
        ])
    );
    browser.click("#bars li:nth-child(1) button");
    browser.until("document.getElementById('rows-count').textContent.endsWith('of 15 products')");
    browser.value("selectRow(table.order[0])");
    browser.until("document.querySelector('.facts')?.textContent.includes('Color: blue')");
    let without_color = "data.groups[2].codes.findIndex((code) => code === 4)";
    browser.value(&format!("selectRow({without_color})"));
    browser.until("!document.querySelector('.facts').textContent.includes('Color')");
    assert_requests(
        &browser,
        &[&format!("http://127.0.0.1:{}/", explorer.port), "data:"],
    );
}

#[test]
fn everything_works_by_keyboard() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let folder = offers();
    let explorer = Explorer::start(folder.path(), &["offers.jsonl"]);
    browser.open(&explorer.address());
    browser.focus("#products-map");
    browser.keys(RIGHT);
    let first = browser.value("map.cursor");
    assert!(first.as_i64().unwrap() >= 0);
    browser.keys(RIGHT);
    let second = browser.value("map.cursor");
    let further = browser.value(&format!("data.x[{second}] > data.x[{first}]"));
    assert!(
        further == true || browser.text("#live").starts_with("No further"),
        "{first} {second}"
    );
    assert!(
        browser.text("#live").contains(", "),
        "the point and its groups are announced"
    );
    browser.keys(ENTER);
    browser.until(&format!(
        "state.selected === {second} && state.near?.rows.length === 10"
    ));
    assert!(browser.text("#live").contains("nearest neighbours"));
    browser.keys("+");
    browser.until("map.view.zoom > 1.4");
    browser.keys("0");
    browser.until("map.view.zoom === 1");
    browser.keys(ESCAPE);
    browser.until("state.selected === -1");
    browser.focus("#bars button");
    browser.keys(" ");
    browser.until("state.count === 20 && document.activeElement.closest('#bars') !== null");

    // Words.
    browser.click("[data-map=words]");
    browser.focus("#words-map");
    browser.keys(RIGHT);
    browser.keys(ENTER);
    browser.until("words.selected >= 0 && state.found?.kind === 'word'");
    assert!(browser.text("#details-body").contains("Words used alike"));

    // Every focusable element has a name.
    let unnamed = browser.value(
        "[...document.querySelectorAll('button, input, select, textarea, canvas, [tabindex=\"0\"]')].filter((node) =>
            node.getClientRects().length && !(node.textContent.trim() || node.ariaLabel || node.labels?.length ||
            document.getElementById(node.getAttribute('aria-labelledby')))).map((node) => node.outerHTML)",
    );
    assert_eq!(unnamed, serde_json::json!([]));
}
