//! Statements on language models, and the line before a query.

use super::super::{Done, program};
use super::{EXTRACT, EXTRACT_HEADER, Shop, offers};
use crate::support::process;

/// Number of lines that say where texts go.
fn departures(done: &Done, shop: &Shop) -> usize {
    let host = format!("127.0.0.1:{}", shop.endpoint.port);
    let lines = done.err.lines();
    lines
        .filter(|line| line.contains("leave this process") && line.contains(&host))
        .count()
}

const VALUES: &str = "SELECT id, ai_extract(title, text, ['brand', 'color'], model => 'teacher')['brand'] AS brand FROM 'offers.jsonl'";

#[test]
fn every_statement_that_sends_texts_says_so_first() {
    let Some(shop) = Shop::open(offers(4), &[]) else {
        return;
    };
    for sql in [
        VALUES.to_string(),
        format!("EXPLAIN ANALYZE {VALUES}"),
        format!("SUMMARIZE {VALUES}"),
        format!("COPY ({VALUES}) TO 'brands.parquet'"),
        format!(
            "COPY (SELECT brand, count(*) AS n FROM ({VALUES}) GROUP BY brand) TO 'brands.svg' OPTIONS (chart 'bar')"
        ),
        format!("CREATE TABLE brands AS {VALUES}"),
        format!("CREATE TABLE IF NOT EXISTS brands AS {VALUES}"),
    ] {
        let done = shop.run("", &sql);
        assert_eq!(done.code, Some(0), "{sql} {}", done.err);
        assert_eq!(departures(&done, &shop), 1, "{sql} {}", done.err);
    }
    let calls = shop.endpoint.count("calls");
    assert_eq!(calls, 7 * 4);
    for sql in [
        "SELECT ai_extract(title, ['color']) FROM 'offers.jsonl'".to_string(),
        format!("EXPLAIN {VALUES}"),
        format!("CREATE VIEW v AS {VALUES}"),
        format!("CREATE TABLE t AS SELECT 1 AS x; CREATE TABLE IF NOT EXISTS t AS {VALUES}"),
    ] {
        let done = shop.run("", &sql);
        assert_eq!(done.code, Some(0), "{sql} {}", done.err);
        assert_eq!(departures(&done, &shop), 0, "{sql} {}", done.err);
    }
    assert_eq!(shop.endpoint.count("calls"), calls);
}

#[test]
fn a_table_of_answers_has_all_of_them() {
    let Some(shop) = Shop::open(offers(12), &[]) else {
        return;
    };
    let sql = format!(
        "CREATE TABLE answers AS {EXTRACT}; SELECT id, brand, color FROM answers ORDER BY id"
    );
    assert_eq!(shop.rows(&sql, EXTRACT_HEADER), shop.right());
    assert_eq!(shop.endpoint.count("calls"), 12);
}

#[test]
fn a_language_model_is_listed_described_and_dropped() {
    let Some(shop) = Shop::open(offers(1), &[]) else {
        return;
    };
    let host = format!("http://127.0.0.1:{}/v1", shop.endpoint.port);
    let listed = shop.run("", "SHOW MODELS");
    let line = listed.out.lines().find(|line| line.starts_with("teacher,"));
    assert!(
        line.is_some_and(|line| line.contains(&host)),
        "{}",
        listed.out
    );
    let options = shop.rows("DESCRIBE MODEL teacher", "option,value");
    for option in [
        format!("location,{host}"),
        "model,teacher".to_string(),
        "concurrency,8".to_string(),
        "api_key_env,".to_string(),
    ] {
        assert!(options.contains(&option), "{option}: {options:?}");
    }
    let dropped = shop.run("", "DROP EXTERNAL MODEL teacher; DESCRIBE MODEL teacher");
    assert_ne!(dropped.code, Some(0), "{}", dropped.out);
    assert!(
        dropped.err.contains("dropped external model teacher"),
        "{}",
        dropped.err
    );
    let absent = shop.run(
        "",
        "DROP EXTERNAL MODEL IF EXISTS other; DROP EXTERNAL MODEL other",
    );
    assert_eq!(absent.code, Some(1), "{}", absent.err);
    assert!(
        absent.err.contains("there is no external model other"),
        "{}",
        absent.err
    );
    assert_eq!(shop.endpoint.count("calls"), 0);
}

#[test]
fn a_name_belongs_to_one_model() {
    let Some(shop) = Shop::open(offers(1), &[]) else {
        return;
    };
    let train =
        "CREATE MODEL teacher FROM (SELECT title, title AS y FROM 'offers.jsonl') PREDICT y";
    let done = shop.run("", train);
    assert_eq!(done.code, Some(1), "{}", done.out);
    assert!(
        done.err.contains("already an external model"),
        "{}",
        done.err
    );
    let again: Done = process::output(
        program(shop.folder())
            .args(["-c", &shop.endpoint.create_model("")])
            .args(["-c", &shop.endpoint.create_model("")]),
    )
    .into();
    assert_eq!(again.code, Some(1), "{}", again.err);
    assert!(again.err.contains("OR REPLACE"), "{}", again.err);
}
