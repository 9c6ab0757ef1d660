//! `CREATE MODEL ... MATCH`, and `resolve` with a matcher.

use std::path::Path;

use super::{Done, semql, shop};

/// Pairs of offers: a used thing without its size, or a new one of the same price.
const PAIRS: &str = "(SELECT
    things[value % 7 + 1] || ' size ' || value % 31 AS left_title,
    CASE WHEN value % 3 = 0 THEN 'Used ' || things[value % 7 + 1]
        ELSE 'New ' || things[value % 7 + 1] || ' size ' || value % 31 END AS right_title,
    10.0 AS left_price, CASE WHEN value % 3 = 0 THEN 3.0 ELSE 10.0 END AS right_price,
    value % 3 = 0 AS match
    FROM (SELECT value, ['mug', 'lamp', 'scarf', 'chair', 'kettle', 'rug', 'vase'] AS things
        FROM generate_series(1, 210)))";

fn run(folder: &Path, sql: &str) -> Done {
    let sql = format!(
        "SET ai.model = 'deterministic'; {}",
        sql.replace("PAIRS", PAIRS)
    );
    semql(folder, &["--format", "csv", "-c", &sql])
}

fn ask(folder: &Path, sql: &str) -> String {
    let done = run(folder, sql);
    assert_eq!(done.code, Some(0), "{}", done.err);
    done.out
}

#[test]
fn a_matcher_is_trained_used_described_and_dropped() {
    let folder = shop();
    let folder = folder.path();
    let created = ask(folder, "CREATE MODEL same FROM PAIRS MATCH");
    let lines: Vec<&str> = created.lines().collect();
    assert_eq!(
        lines[0],
        "pairs,matches,precision,recall,f1,untrained_f1,left_out,conflicts"
    );
    let figures: Vec<f64> = lines[1]
        .split(',')
        .map(|one| one.parse().unwrap())
        .collect();
    assert_eq!(figures[..2], [210.0, 70.0], "{created}");
    assert!(figures[4] > 0.9 && figures[4] > figures[5], "{created}");
    // The order of rows and sides does not matter.
    let turned = "CREATE OR REPLACE MODEL same FROM (
        SELECT left_title AS right_title, right_title AS title, left_price AS right_price, right_price AS price,
            arrow_cast(CAST(match AS INT), 'Int8') AS label
        FROM PAIRS ORDER BY right_title DESC) MATCH label";
    assert_eq!(ask(folder, turned), created);

    let described = ask(folder, "DESCRIBE MODEL same");
    assert!(
        described.starts_with("evidence,weight,untrained_weight\n(none),"),
        "{described}"
    );
    assert_eq!(described.lines().count(), 17, "{described}");
    assert_eq!(
        ask(
            folder,
            "SELECT name, kind, columns, rows FROM ai_trained_models()"
        ),
        "name,kind,columns,rows\nsame,matcher,\"title, price\",210\n"
    );

    let offers = "(SELECT * FROM (VALUES (1, 'mug size 3', 10.0), (2, 'Used mug', 3.0), (3, 'New lamp size 9', NULL))
        AS offers(id, title, price))";
    let entities = |arguments: &str| {
        ask(
            folder,
            &format!(
                "SELECT count(DISTINCT entity) AS n, count(DISTINCT entity) FILTER (WHERE row < 3) AS mugs FROM resolve({offers}{arguments})"
            ),
        )
    };
    assert_eq!(entities(""), "n,mugs\n3,2\n");
    assert_eq!(entities(", model => 'same'"), "n,mugs\n2,1\n");
    let plan = ask(
        folder,
        &format!("EXPLAIN SELECT * FROM resolve({offers}, model => 'same')"),
    );
    assert!(plan.contains("model=same@"), "{plan}");
    ask(folder, "DROP MODEL same");
    let gone = run(
        folder,
        &format!("SELECT * FROM resolve({offers}, model => 'same')"),
    );
    assert!(
        gone.err.contains("no trained model called 'same'"),
        "{}",
        gone.err
    );
}

#[test]
fn wrong_pairs_and_models_are_errors() {
    let folder = shop();
    let folder = folder.path();
    for (sql, expected) in [
        (
            "CREATE MODEL m FROM (SELECT 'a' AS title, 'b' AS right_title) MATCH",
            "has no column match",
        ),
        (
            "CREATE MODEL m FROM (SELECT 'a' AS title, 'b' AS right_title, 0.5 AS match) MATCH",
            "true for one product",
        ),
        (
            "CREATE MODEL m FROM (SELECT 'a' AS title, true AS match) MATCH",
            "right_title, right_text or both",
        ),
        (
            "CREATE MODEL m FROM (SELECT * FROM PAIRS WHERE match) MATCH",
            "70 pairs that match and 0 that do not",
        ),
        (
            "CREATE MODEL m FROM (SELECT left_title, right_title, NULL AS match FROM PAIRS) MATCH match",
            "0 pairs that match",
        ),
        (
            "CREATE MODEL m FROM PAIRS MATCH OPTIONS (cost 1)",
            "the options are track, experiment",
        ),
        (
            "CREATE MODEL m FROM PAIRS MATCH; SELECT ai_predict('m', 'a', 'b')",
            "is a matcher; use it in resolve(table, model => 'm')",
        ),
        ("EXPORT MODEL m TO 'm.onnx'", "but m is a matcher"),
        (
            "CREATE MODEL c FROM (SELECT left_title, match FROM PAIRS) PREDICT match;
             SELECT * FROM resolve((SELECT 'a' AS title), model => 'c')",
            "is a classifier of match",
        ),
    ] {
        let done = run(folder, sql);
        assert_eq!(done.code, Some(1), "{sql}: {}", done.out);
        assert!(done.err.contains(expected), "{sql}: {}", done.err);
    }
}

#[test]
fn a_matcher_embeds_with_the_encoder_of_its_training() {
    let folder = shop();
    let folder = folder.path();
    ask(folder, "CREATE MODEL same FROM PAIRS MATCH");
    // The setting does not matter, neither do vectors of the same encoder.
    ask(
        folder,
        "COPY (SELECT left_title AS title, embed(left_title) AS v FROM PAIRS LIMIT 9) TO 'v.parquet'",
    );
    let resolved = |file: &str, arguments: &str| {
        run(
            folder,
            &format!(
                "SET ai.model = 'no-such-model';
                 SELECT count(*) AS rows FROM resolve('{file}', model => 'same'{arguments})"
            ),
        )
    };
    for arguments in ["", ", vector => v"] {
        let done = resolved("v.parquet", arguments);
        assert!(done.out.ends_with("rows\n9\n"), "{}", done.err);
    }
    // Another name of the encoder is no other encoder; another revision is.
    for (file, key, value) in [
        ("alias.parquet", "semql.model", "alias"),
        ("old.parquet", "semql.revision", "old"),
    ] {
        ask(
            folder,
            &format!(
                "COPY (SELECT title, with_metadata(v, '{key}', '{value}') AS v FROM 'v.parquet') TO '{file}'"
            ),
        );
    }
    let done = resolved("alias.parquet", ", vector => v");
    assert!(done.out.ends_with("rows\n9\n"), "{}", done.err);
    let done = resolved("old.parquet", ", vector => v");
    assert_eq!(done.code, Some(1), "{}", done.out);
    let expected = "the vectors of v are of deterministic at revision old";
    assert!(done.err.contains(expected), "{}", done.err);
}
