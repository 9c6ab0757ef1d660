use std::fs;

use crate::dictionary::test_session::{context, rows};

const DICTIONARY: &str = r#"version: 1
tables:
  - name: shop
    description: What is sold.
    location: shop.csv
    source: {name: The Shop, url: "https://shop.example"}
    tags: [a, b]
    columns:
      - {name: id, type: BIGINT, nullable: false, unique: true, description: The key.}
      - {name: size, type: VARCHAR, accepted_values: [S, M], max_length: 1}
      - {name: kind, taxonomy: kinds}
taxonomies:
  - name: kinds
    labels: [{name: Books, phrases: [novel, atlas]}, {name: Toys}]
attributes:
  parcels:
    color: {description: Its color., values: {red: [scarlet], blue: }}
    weight: {type: quantity, unit: kg}
    number: {pattern: 'N-\d+'}
"#;

#[tokio::test]
async fn the_dictionary_is_queryable() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data_dict.yaml"), DICTIONARY).unwrap();
    let (ctx, _) = context(folder.path()).await;
    for (sql, holds) in [
        (
            "SELECT description FROM dict_tables() WHERE table_name = 'shop'",
            "What is sold.",
        ),
        (
            "SELECT location, source_url FROM dict_tables()",
            "https://shop.example",
        ),
        (
            "SELECT array_to_string(tags, '+') FROM dict_tables()",
            "a+b",
        ),
        (
            "SELECT data_type FROM dict_columns() WHERE column_name = 'id'",
            "BIGINT",
        ),
        (
            "SELECT nullable, \"unique\" FROM dict_columns() WHERE position = 1",
            "| false    | true",
        ),
        ("SELECT unnest(accepted_values) FROM dict_columns()", "| M "),
        (
            "SELECT max_length FROM dict_columns() WHERE column_name = 'size'",
            "| 1 ",
        ),
        (
            "SELECT taxonomy FROM dict_columns() WHERE column_name = 'kind'",
            "kinds",
        ),
        (
            "SELECT unnest(phrases) AS p FROM dict_labels() WHERE label = 'Books'",
            "atlas",
        ),
        ("SELECT count(*) FROM dict_labels()", "| 2 "),
        (
            "SELECT attribute, description FROM dict_attributes() WHERE attribute_set = 'parcels' LIMIT 1",
            "| color     | Its color. ",
        ),
        (
            "SELECT array_to_string(canonical_values, '+') FROM dict_attributes() WHERE kind = 'text' AND pattern IS NULL",
            "red+blue",
        ),
        (
            "SELECT unit FROM dict_attributes() WHERE kind = 'quantity'",
            "| kg ",
        ),
        (
            "SELECT pattern FROM dict_attributes() WHERE pattern IS NOT NULL",
            "N-\\d+",
        ),
    ] {
        let shown = rows(&ctx, sql).await;
        assert!(shown.contains(holds), "{sql}\n{shown}");
    }
    let message = ctx
        .sql("SELECT * FROM dict_tables('shop')")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("dict_tables() takes no arguments"),
        "{message}"
    );
}

#[tokio::test]
async fn without_a_dictionary_the_tables_are_empty() {
    let folder = tempfile::tempdir().unwrap();
    let (ctx, _) = context(folder.path()).await;
    for name in [
        "dict_tables",
        "dict_columns",
        "dict_labels",
        "dict_attributes",
    ] {
        let shown = rows(&ctx, &format!("SELECT count(*) FROM {name}()")).await;
        assert!(shown.contains("| 0 "), "{shown}");
    }
}
