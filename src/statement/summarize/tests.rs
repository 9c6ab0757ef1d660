use arrow::array::AsArray;
use arrow::datatypes::{Float64Type, Int64Type};
use datafusion::prelude::SessionContext;

use super::*;

async fn profile(sql: &str) -> RecordBatch {
    let frame = SessionContext::new().sql(sql).await.unwrap();
    summarize(frame, |_| ()).await.unwrap()
}

fn row(batch: &RecordBatch, name: &str) -> usize {
    let names = batch["column_name"].as_string::<i32>();
    names.iter().position(|known| known == Some(name)).unwrap()
}

/// A cell as text; null is empty.
fn cell(batch: &RecordBatch, name: &str, column: &str) -> String {
    array_value_to_string(&batch[column], row(batch, name)).unwrap()
}

const MIXED: &str = "SELECT n AS id, CASE WHEN n % 4 = 0 THEN NULL ELSE 'ab' END AS t, \
    n / 2.0 AS f, n % 2 = 0 AS b, [n, n] AS l, \
    arrow_cast([1.0, 2.0], 'FixedSizeList(2, Float32)') AS v, named_struct('a', n) AS s, \
    CAST('2024-02-03' AS DATE) AS d, arrow_cast('x', 'Dictionary(Int32, Utf8)') AS coded, \
    CAST(n AS DECIMAL(8,2)) AS m, NULL AS nil, arrow_cast('raw', 'Binary') AS raw \
    FROM (SELECT unnest(range(1, 101)) AS n)";

#[tokio::test]
async fn every_type_has_a_profile() {
    let batch = profile(MIXED).await;
    assert_eq!(batch.num_rows(), 12);
    for (name, column, value) in [
        ("id", "column_type", "BIGINT"),
        ("id", "count", "100"),
        ("id", "nulls", "0"),
        ("id", "min", "1"),
        ("id", "max", "100"),
        ("id", "avg", "50.5"),
        ("id", "most_frequent", ""),
        ("id", "min_length", ""),
        ("t", "count", "75"),
        ("t", "nulls", "25"),
        ("t", "null_percentage", "25.0"),
        ("t", "approx_distinct", "1"),
        ("t", "min_length", "2"),
        ("t", "avg_length", "2.0"),
        ("t", "most_frequent", "ab (75)"),
        ("t", "avg", ""),
        ("f", "max", "50.0"),
        ("b", "most_frequent", "false (50)"),
        ("b", "approx_distinct", "2"),
        ("l", "column_type", "BIGINT[]"),
        ("l", "max_length", "2"),
        ("l", "min", ""),
        ("v", "column_type", "FLOAT[2]"),
        ("v", "min_length", "2"),
        ("v", "approx_distinct", ""),
        ("s", "count", "100"),
        ("s", "max", ""),
        ("d", "min", "2024-02-03"),
        ("coded", "most_frequent", "x (100)"),
        ("coded", "max_length", "1"),
        ("m", "avg", "50.5"),
        ("m", "min", "1.00"),
        ("nil", "nulls", "100"),
        ("raw", "count", "100"),
    ] {
        assert_eq!(cell(&batch, name, column), value, "{column} of {name}");
    }
    let distinct = batch["approx_distinct"].as_primitive::<Int64Type>();
    let estimate = distinct.value(row(&batch, "id"));
    assert!((90..=110).contains(&estimate), "{estimate}");
}

#[tokio::test]
async fn empty_tables_and_repeated_names_have_profiles() {
    let batch = profile("SELECT * FROM (VALUES (1, 'a')) AS t(n, s) WHERE n > 1").await;
    assert_eq!(batch.num_rows(), 2);
    assert_eq!(cell(&batch, "n", "count"), "0");
    assert_eq!(cell(&batch, "n", "nulls"), "0");
    assert!(
        batch["null_percentage"]
            .as_primitive::<Float64Type>()
            .is_null(0)
    );
    assert_eq!(cell(&batch, "s", "most_frequent"), "");

    let blank = profile("SELECT '' AS t FROM (VALUES (1), (2))").await;
    assert_eq!(cell(&blank, "t", "most_frequent"), "'' (2)");

    let both = "SELECT * FROM (VALUES (1)) AS a(n) JOIN (VALUES (1)) AS b(n) ON a.n = b.n";
    assert_eq!(profile(both).await.num_rows(), 2);
}

#[tokio::test]
async fn long_values_are_shortened() {
    let batch = profile("SELECT repeat('x', 5000) AS t FROM (VALUES (1), (2))").await;
    assert_eq!(cell(&batch, "t", "max_length"), "5000");
    assert!(cell(&batch, "t", "max").chars().count() <= 60);
}
