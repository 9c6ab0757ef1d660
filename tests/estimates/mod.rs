//! Intervals of `estimate_shares` over predictions of the real model, against the truth.

use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Float64Type;
use datafusion::prelude::{JsonReadOptions, SessionContext};
use semql_udfs::learning::estimation::{ShareCounts, ShareEstimate, estimate_shares};

use crate::support::skip::skip;

/// Labelled offers beside the repository, which is not part of it.
const DATA: &str = "../shared/data/mwpd2020/validation.jsonl";

/// Need of this test, in `tests/support/skip.rs`.
const NEED: &str = "mwpd2020/validation.jsonl";

/// Categories of people, as in queries/mwpd2020.sql; other goods are a label too.
const PREDICTIONS: &str = r#"
    WITH offers AS (
        SELECT "Name" AS title, "Description" AS text, left(lvl1, 2) AS segment, lvl3 FROM offers
    )
    SELECT s[1]['label'] AS predicted, s[1]['score'] - s[2]['score'] AS margin, gold
    FROM (
        SELECT categorize_scores(title, text) AS s,
            CASE
                WHEN segment IN ('51', '53') THEN 'Health, Beauty'
                WHEN segment = '68' AND lvl3 LIKE '%Pre-Recorded or Digital Content Media%' THEN 'Movies, Music'
                WHEN segment IN ('65', '66', '68') THEN 'Electronics, Computers'
                WHEN segment IN ('72', '73', '75') THEN 'Home and Kitchen'
                WHEN segment IN ('63', '64', '67') THEN 'Clothing'
                WHEN segment IN ('71', '74') THEN 'Sports'
                WHEN segment = '62' THEN 'Office'
                WHEN segment = '60' THEN 'Books'
                ELSE 'none of these'
            END AS gold
        FROM offers
    )
"#;

const RESAMPLINGS: usize = 1_000;

/// Reviewed rows of a resampling.
const REVIEWED: usize = 200;

/// Shares from which on labels are tested.
const MIN_SHARE: f64 = 0.02;

/// Row of the data: prediction, its margin, true label.
type Row = (String, f64, String);

async fn predictions() -> Option<Vec<Row>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DATA);
    if !path.exists() {
        skip(NEED);
        return None;
    }
    let ctx = SessionContext::new();
    semql_udfs::register_all(&ctx).unwrap();
    let options = JsonReadOptions::default().file_extension(".jsonl");
    let path = path.to_str().unwrap();
    ctx.register_json("offers", path, options).await.unwrap();
    let frame = ctx.sql(PREDICTIONS).await.unwrap();
    let mut rows = Vec::new();
    for batch in frame.collect().await.unwrap() {
        let text = |column: usize| {
            let text =
                arrow::compute::cast(batch.column(column), &arrow::datatypes::DataType::Utf8);
            text.unwrap().as_string::<i32>().clone()
        };
        let (predicted, gold) = (text(0), text(2));
        let margins = batch.column(1).as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            assert!(predicted.is_valid(row), "offers have texts");
            let predicted = predicted.value(row).to_string();
            rows.push((predicted, margins.value(row), gold.value(row).to_string()));
        }
    }
    // The order of the rows must not depend on partitions.
    rows.sort_by(|a, b| (&a.0, &a.2).cmp(&(&b.0, &b.2)).then(a.1.total_cmp(&b.1)));
    Some(rows)
}

/// Estimates with [`REVIEWED`] random rows reviewed, and the same without predictions.
fn resampled(rows: &[Row], scored: bool, seed: usize) -> [Vec<ShareEstimate>; 2] {
    let mut order: Vec<(u64, &Row)> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| (hash(at as u64, seed as u64), row))
        .collect();
    order.sort_by_key(|(hash, _)| *hash);
    let (mut counts, mut blind) = (ShareCounts::default(), ShareCounts::default());
    for (at, (_, (predicted, margin, gold))) in order.into_iter().enumerate() {
        let gold = (at < REVIEWED).then_some(gold.as_str());
        let margin = scored.then_some(*margin);
        counts.add(Some(predicted), gold, margin).unwrap();
        blind.add(None, gold, None).unwrap();
    }
    [counts, blind].map(|counts| estimate_shares(&counts, 0.95))
}

/// SplitMix64 of a row and a seed.
fn hash(row: u64, seed: u64) -> u64 {
    let mut bits = (row ^ seed.rotate_left(32)).wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[derive(Clone, Copy, Default)]
struct Coverage {
    covered: usize,
    width: f64,
    /// Width from the reviewed rows alone.
    blind_width: f64,
}

#[tokio::test]
async fn intervals_cover_the_true_shares_and_are_narrower_than_those_of_the_sample() {
    let Some(rows) = predictions().await else {
        return;
    };
    let share = |label: &str| {
        let hits = rows.iter().filter(|(.., gold)| gold == label).count();
        hits as f64 / rows.len() as f64
    };
    for scored in [false, true] {
        let mut labels = std::collections::BTreeMap::<String, Coverage>::new();
        for seed in 0..RESAMPLINGS {
            let [estimates, blind] = resampled(&rows, scored, seed + 1);
            for estimate in estimates.iter().filter(|e| share(&e.label) >= MIN_SHARE) {
                let coverage = labels.entry(estimate.label.clone()).or_default();
                let truth = share(&estimate.label);
                coverage.covered += usize::from((estimate.low..=estimate.high).contains(&truth));
                coverage.width += estimate.high - estimate.low;
                let blind = blind.iter().find(|blind| blind.label == estimate.label);
                coverage.blind_width += blind.map_or(1.0, |blind| blind.high - blind.low);
            }
        }
        assert!(labels.len() >= 6, "{} labels", labels.len());
        for (label, coverage) in labels {
            let covered = coverage.covered as f64 / RESAMPLINGS as f64;
            println!(
                "scored {scored}, {label}: share {:.4}, covered {covered:.3}, width {:.4}, from the sample alone {:.4}",
                share(&label),
                coverage.width / RESAMPLINGS as f64,
                coverage.blind_width / RESAMPLINGS as f64,
            );
            assert!((0.93..=0.97).contains(&covered), "{label}: {covered}");
            assert!(coverage.width < coverage.blind_width, "{label}");
        }
    }
}
