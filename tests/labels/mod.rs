//! Accuracy of labels without training, with the default model on labelled texts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use datafusion::prelude::SessionContext;

use crate::support::skip::skip;

/// Rows of a set.
const MAX_ROWS: usize = 2000;

/// Set, and the least accuracy with names, with descriptions, and adapted to the texts.
const FLOORS: &[(&str, [f64; 3])] = &[
    ("ag_news", [0.70, 0.80, 0.78]),
    ("banking77", [0.60, 0.71, 0.62]),
    ("clinc150", [0.67, 0.81, 0.73]),
    ("sib200", [0.69, 0.76, 0.72]),
];

/// The categories of a store, and the first digits of their GPC codes.
const CATEGORIES: &str = "
    CASE WHEN lvl3 LIKE '%Pre-Recorded or Digital Content Media%' THEN 'Movies, Music'
        WHEN left(lvl1, 2) IN ('51', '53') THEN 'Health, Beauty'
        WHEN left(lvl1, 2) IN ('65', '66', '68') THEN 'Electronics, Computers'
        WHEN left(lvl1, 2) IN ('72', '73', '75') THEN 'Home and Kitchen'
        WHEN left(lvl1, 2) IN ('63', '64', '67') THEN 'Clothing'
        WHEN left(lvl1, 2) IN ('71', '74') THEN 'Sports'
        WHEN left(lvl1, 2) = '62' THEN 'Office'
        WHEN left(lvl1, 2) = '60' THEN 'Books'
    END";

/// A file of the data sets beside the repository.
fn data(file: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    folder.join(file)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A session with the table `rows`, from a file.
async fn session(file: &Path) -> SessionContext {
    let ctx = SessionContext::new();
    semql_udfs::register_all(&ctx).unwrap();
    let location = quoted(&file.display().to_string());
    let table = format!("CREATE EXTERNAL TABLE rows STORED AS JSON LOCATION {location}");
    ctx.sql(&table).await.unwrap().collect().await.unwrap();
    ctx
}

/// The numbers of the one row of a query.
async fn numbers(ctx: &SessionContext, sql: &str) -> Vec<f64> {
    let batches = ctx.sql(sql).await.unwrap().collect().await.unwrap();
    let batch = batches.iter().find(|batch| batch.num_rows() > 0).unwrap();
    let columns = batch.columns().iter();
    columns
        .map(|column| column.as_primitive::<Float64Type>().value(0))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_descriptions_reach_their_accuracy() {
    let described = include_str!("../../bench/label_descriptions.json");
    let sets: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(described).unwrap();
    for (set, floors) in FLOORS {
        let file = data(&format!("labels/{set}.jsonl"));
        if !file.exists() {
            return skip("ag_news.jsonl");
        }
        let descriptions = sets[*set].iter();
        let map = descriptions.map(|(name, text)| format!("{}: {}", quoted(name), quoted(text)));
        let map = map.collect::<Vec<_>>().join(", ");
        let names = sets[*set].keys().map(|name| quoted(name));
        let names = names.collect::<Vec<_>>().join(", ");
        let english = match *set {
            "sib200" => " AND language = 'eng'",
            _ => "",
        };
        let sql = format!(
            "SELECT accuracy(named, label), accuracy(described, label), accuracy(adapted, label) FROM (
                SELECT label, ai_classify(text, [{names}]) AS named, ai_classify(text, MAP {{{map}}}) AS described,
                    ai_classify_adapted(embed(text), [{names}]) OVER () AS adapted
                FROM (SELECT * FROM rows WHERE label IS NOT NULL{english} ORDER BY md5(text) LIMIT {MAX_ROWS}))"
        );
        let found = numbers(&session(&file).await, &sql).await;
        let reached = found
            .iter()
            .zip(floors)
            .all(|(found, floor)| found >= floor);
        assert!(reached, "{set}: {found:?} instead of {floors:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_built_in_taxonomy_reaches_its_accuracy() {
    let file = data("mwpd2020/validation.jsonl");
    if !file.exists() {
        return skip("ag_news.jsonl");
    }
    let sql = format!(
        "SELECT accuracy(category, gold), macro_f1(category, gold) FROM (
            SELECT gold, categorize(title, text) AS category FROM (
                SELECT \"Name\" AS title, \"Description\" AS text, {CATEGORIES} AS gold FROM rows)
            WHERE gold IS NOT NULL)"
    );
    let found = numbers(&session(&file).await, &sql).await;
    assert!(found[0] >= 0.87 && found[1] >= 0.69, "{found:?}");
}
