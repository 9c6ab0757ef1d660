//! Statements and patterns whose size or depth must not exhaust the server.

use crate::serve::canary::{Canary, shortened};

const TOO_DEEP: &[&str] = &["54001"];

/// Statements of `count` nested or chained terms.
fn deep_statements(count: usize) -> Vec<String> {
    let around = |before: &str, middle: &str, after: &str| {
        format!(
            "SELECT {}{middle}{}",
            before.repeat(count),
            after.repeat(count)
        )
    };
    vec![
        around("", "1", "+1"),
        around("", "2", "*1"),
        around("", "'a'", "||'a'"),
        around("", "true", " OR true"),
        around("", "title FROM shop WHERE id = 1", " AND id = 1"),
        around("", "title FROM shop WHERE id = 1", " OR id = 2"),
        around("", "1", " UNION ALL SELECT 1"),
        around("", "1", " UNION SELECT 1"),
        around("", "1", " EXCEPT SELECT 2"),
        around("", "1", "::int"),
        around("", "1", " IS NULL"),
        around("", "[1]", "[1]"),
        around("(", "1", ")"),
        around("[", "1", "]"),
        around("NOT ", "true", ""),
        around("- ", "1", ""),
        around("abs(", "1", ")"),
        around("CAST(", "1", " AS INT)"),
        around("CASE WHEN true THEN ", "1", " END"),
        around("(SELECT ", "1", ")"),
        around("* FROM (SELECT ", "1", ") AS a"),
        around("EXISTS (SELECT ", "1", ")"),
    ]
}

#[test]
fn deep_statements_are_refused() {
    let canary = Canary::start(&[]);
    for statement in deep_statements(100_000) {
        canary.refused(&statement, TOO_DEEP);
    }
    for statement in deep_statements(10_000) {
        let response = canary.simple(&statement);
        assert_ne!(
            response.code(),
            Some("XX000"),
            "{}: {}",
            shortened(&statement),
            response.text()
        );
    }
    // Deep statements within other statements.
    let sum = format!("SELECT 1{}", "+1".repeat(100_000));
    for statement in [
        format!("EXPLAIN {sum}"),
        format!("EXPLAIN ANALYZE {sum}"),
        format!("COPY ({sum}) TO STDOUT"),
        format!("PREPARE p AS {sum}"),
        format!("WITH a AS ({sum}) SELECT * FROM a"),
        format!("BEGIN; DECLARE c CURSOR FOR {sum}"),
    ] {
        canary.fails(&statement);
    }
    let tables: Vec<String> = (1..200)
        .map(|n| format!("a{n} AS (SELECT * FROM a{})", n - 1))
        .collect();
    canary.harmless(&format!(
        "WITH a0 AS (SELECT 1 AS x), {} SELECT * FROM a199",
        tables.join(", ")
    ));
    // A long list of values is not deep.
    let wide = format!(
        "SELECT count(*) FROM shop WHERE id IN (1{})",
        ", 1".repeat(10_000)
    );
    assert_eq!(canary.simple(&wide).table(), "1");
    // Ordinary depth works.
    let sum = format!("SELECT 1{}", "+1".repeat(50));
    assert_eq!(canary.simple(&sum).table(), "51");
}

#[test]
fn globs_take_linear_time() {
    let canary = Canary::start(&[]);
    for pattern in [
        format!("{}b.csv", "a*?".repeat(40)),
        format!("{}b", "*a".repeat(60)),
        format!("{}b*.csv", "*?".repeat(90)),
        format!("{}/b.csv", "**".repeat(30)),
        format!("{}x.csv", "**/".repeat(30)),
        format!("{}b.csv", "[a]*".repeat(50)),
        format!("{}b.csv", "{a,aa,aaa}*".repeat(20)),
        format!("{}b.csv", "{a,".repeat(2000)),
        "?".repeat(10_000),
        "[".repeat(10_000),
    ] {
        for statement in [
            format!("SELECT * FROM '{pattern}'"),
            format!("SUMMARIZE '{pattern}'"),
        ] {
            canary.fails(&statement);
        }
    }
    canary.harmless(&format!("SELECT * FROM '{}'", "*".repeat(10_000)));
    // A long pattern of LIKE.
    let like = format!("SELECT repeat('a', 1000) LIKE '{}b'", "%a".repeat(100));
    assert_eq!(canary.simple(&like).table(), "f");
}
