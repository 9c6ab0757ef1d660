//! Quality of `resolve` on labelled catalogues, with the default model.

use std::path::{Path, PathBuf};

use crate::cli::program_with_models;
use crate::support::{process, skip::skip};

/// Folds of cross-validation, by product.
const FOLDS: usize = 5;

/// Least F1 of the pairs of Abt-Buy, without labels and trained on other products.
const MIN_UNTRAINED_F1: f64 = 0.93;
const MIN_TRAINED_F1: f64 = 0.93;

/// Least F1 where the catalogue of a row is not known.
const MIN_F1_WITHOUT_SOURCE: f64 = 0.80;

fn folder_of_pairs() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/abt-buy");
    if folder.is_dir() {
        return Some(folder);
    }
    skip("abt-buy");
    None
}

/// Rows of a script's last statement, as JSON.
fn run(folder: &Path, sql: &str) -> Vec<serde_json::Value> {
    let script = folder.join("script.sql");
    std::fs::write(&script, sql).unwrap();
    let mut program = program_with_models(folder);
    let output = process::output(program.args(["--format", "json", "-f", "script.sql"]));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    // One array for each statement with rows.
    let results = serde_json::Deserializer::from_str(&text).into_iter();
    results.last().unwrap().unwrap()
}

/// Statements that write the offers of both catalogues with their vectors, the matches,
/// and pairs with labels: near offers, and all matches.
fn tables(data: &Path) -> String {
    let catalogue = |shop: &str| {
        let file = data.join(format!("{shop}.csv"));
        format!(
            "CREATE EXTERNAL TABLE {shop} STORED AS CSV LOCATION '{}'
             OPTIONS ('format.has_header' 'true', 'format.delimiter' '|', 'format.quote' '~');",
            file.display()
        )
    };
    let offers = |shop: &str| {
        format!(
            "SELECT '{shop}' AS shop, '{shop}-' || CAST(id AS VARCHAR) AS id, name AS title, description AS text,
             TRY_CAST(price AS DOUBLE) AS price, embed(name) AS v FROM {shop}"
        )
    };
    format!(
        "{} {}
         COPY ({} UNION ALL {}) TO 'offers.parquet';
         CREATE EXTERNAL TABLE gt STORED AS CSV LOCATION '{}'
         OPTIONS ('format.has_header' 'true', 'format.delimiter' '|');
         COPY (SELECT 'abt-' || CAST(\"D1\" AS VARCHAR) AS a, 'buy-' || CAST(\"D2\" AS VARCHAR) AS b,
             CAST(\"D1\" AS BIGINT) % {FOLDS} AS fold FROM gt) TO 'matches.parquet';
         COPY (
             SELECT l.id AS left_id, l.title AS left_title, l.text AS left_text, l.price AS left_price,
                 r.id AS right_id, r.title AS right_title, r.text AS right_text, r.price AS right_price,
                 m.a IS NOT NULL AS match, CAST(split_part(l.id, '-', 2) AS BIGINT) % {FOLDS} AS fold
             FROM (
                 SELECT id AS a, right_id AS b FROM knn_join(
                     (SELECT id, v FROM 'offers.parquet' WHERE shop = 'abt'),
                     (SELECT id, v FROM 'offers.parquet' WHERE shop = 'buy'), k => 8)
                 UNION SELECT a, b FROM 'matches.parquet'
             ) AS pairs
             JOIN 'offers.parquet' AS l ON l.id = pairs.a JOIN 'offers.parquet' AS r ON r.id = pairs.b
             LEFT JOIN 'matches.parquet' AS m ON m.a = pairs.a AND m.b = pairs.b
         ) TO 'pairs.parquet';",
        catalogue("abt"),
        catalogue("buy"),
        offers("abt"),
        offers("buy"),
        data.join("gt.csv").display(),
    )
}

/// Found pairs of both catalogues that `call` puts together, those of them that match,
/// and all that match, in the rows of a fold if one is given.
fn counts(folder: &Path, call: &str, fold: Option<usize>) -> [f64; 3] {
    let in_fold = |id: &str| match fold {
        Some(fold) => format!("CAST(split_part({id}, '-', 2) AS BIGINT) % {FOLDS} = {fold}"),
        None => "true".to_string(),
    };
    let rows = run(
        folder,
        &format!(
            "CREATE TABLE found AS WITH e AS (SELECT row, entity FROM {call})
             SELECT x.row AS a, y.row AS b FROM e AS x JOIN e AS y ON x.entity = y.entity AND x.row < y.row
             WHERE {};
             SELECT (SELECT count(*) FROM found) AS found,
                 (SELECT count(*) FROM found JOIN 'matches.parquet' USING (a, b)) AS hits,
                 (SELECT count(*) FROM 'matches.parquet' WHERE {}) AS matches",
            in_fold("x.row"),
            in_fold("a"),
        ),
    );
    ["found", "hits", "matches"].map(|name| rows[0][name].as_f64().unwrap())
}

fn f1([found, hits, matches]: [f64; 3]) -> f64 {
    2.0 * hits / (found + matches)
}

#[test]
fn offers_of_one_product_are_found() {
    let Some(data) = folder_of_pairs() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, &format!("{} SELECT 1 AS done;", tables(&data)));

    let untrained = counts(
        folder,
        "resolve('offers.parquet', source => shop, vector => v)",
        None,
    );
    assert!(f1(untrained) >= MIN_UNTRAINED_F1, "{untrained:?}");
    let without_source = counts(folder, "resolve('offers.parquet', vector => v)", None);
    let quality = f1(without_source);
    assert!(quality >= MIN_F1_WITHOUT_SOURCE, "{without_source:?}");

    let mut trained = [0.0; 3];
    for fold in 0..FOLDS {
        run(
            folder,
            &format!(
                "CREATE OR REPLACE MODEL abt_buy_test FROM (SELECT * FROM 'pairs.parquet' WHERE fold <> {fold}
                     AND right_id NOT IN (SELECT b FROM 'matches.parquet' WHERE fold = {fold})) MATCH;
                 SELECT 1 AS done;"
            ),
        );
        let call =
            "resolve('offers.parquet', source => shop, vector => v, model => 'abt_buy_test')";
        for (sum, count) in trained.iter_mut().zip(counts(folder, call, Some(fold))) {
            *sum += count;
        }
    }
    run(folder, "DROP MODEL abt_buy_test; SELECT 1 AS done;");
    println!(
        "Abt-Buy: F1 {:.3} untrained, {:.3} trained on other products, {quality:.3} without source",
        f1(untrained),
        f1(trained)
    );
    assert!(f1(trained) >= MIN_TRAINED_F1, "{trained:?}");
}
