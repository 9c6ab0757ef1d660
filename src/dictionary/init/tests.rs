use std::fs;

use super::*;
use crate::dictionary::load_dictionary;
use crate::dictionary::model::AcceptedValues;
use crate::dictionary::test_session::{context, rows};

#[tokio::test]
async fn a_draft_loads_back_and_holds() {
    let folder = tempfile::tempdir().unwrap();
    let (ctx, _) = context(folder.path()).await;
    let file = folder.path().join("2024 Offers.parquet");
    let sql = format!(
        "COPY (SELECT n AS id, 'title: ' || n AS \"Title, long\", \
         CASE WHEN n % 7 = 0 THEN NULL WHEN n % 2 = 0 THEN 'Health, Beauty' ELSE 'yes' END AS kind, \
         n * 0.5 AS price, [n, n + 1] AS pair, arrow_cast([1.0, 2.0], 'FixedSizeList(2, Float32)') \
         AS vector, arrow_cast('2024-01-01', 'Timestamp(Microsecond, None)') AS at, \
         named_struct('a', n) AS nested, CAST(NULL AS VARCHAR) AS nothing, n % 2 = 0 AS even \
         FROM (SELECT unnest(range(1, 101)) AS n)) TO '{}'",
        file.display()
    );
    rows(&ctx, &sql).await;
    let text = draft(&ctx, file.to_str().unwrap()).await.unwrap();
    assert!(text.contains("# description: TODO"), "{text}");
    let path = folder.path().join("data_dict.yaml");
    fs::write(&path, &text).unwrap();

    let dictionary = match load_dictionary(&path) {
        Ok(dictionary) => dictionary,
        Err(e) => panic!("{e}\n{text}"),
    };
    let table = &dictionary.tables()[0];
    assert_eq!(table.name, "t2024_offers");
    let column = |name: &str| table.column(name).unwrap();
    assert_eq!(
        (column("id").unique, column("id").nullable),
        (true, Some(false))
    );
    assert!(column("Title, long").unique);
    assert_eq!(column("Title, long").max_length, Some(10));
    assert_eq!(column("kind").nullable, Some(true));
    assert!(!column("kind").unique);
    let choices = AcceptedValues::Values(vec!["Health, Beauty".into(), "yes".into()]);
    assert_eq!(column("kind").accepted, choices);
    assert_eq!(column("vector").type_name.as_deref(), Some("FLOAT[2]"));
    assert_eq!(column("at").type_name.as_deref(), Some("TIMESTAMP(6)"));

    let (ctx, dictionary) = context(folder.path()).await;
    let found = crate::dictionary::check::compare(&ctx, &dictionary).await;
    assert_eq!(found, [], "{text}");
}

#[tokio::test]
async fn an_empty_table_is_drafted_too() {
    let folder = tempfile::tempdir().unwrap();
    let (ctx, _) = context(folder.path()).await;
    let file = folder.path().join("empty.csv");
    fs::write(&file, "id,name\n").unwrap();
    let text = draft(&ctx, file.to_str().unwrap()).await.unwrap();
    fs::write(folder.path().join("data_dict.yaml"), &text).unwrap();
    let (ctx, dictionary) = context(folder.path()).await;
    assert_eq!(dictionary.tables()[0].columns.len(), 2, "{text}");
    assert_eq!(
        crate::dictionary::check::compare(&ctx, &dictionary).await,
        []
    );
}

#[tokio::test]
async fn an_absent_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (ctx, _) = context(folder.path()).await;
    assert!(draft(&ctx, "no/such/file.csv").await.is_err());
}

#[test]
fn scalars_read_back_as_the_same_text() {
    for text in [
        "plain",
        "yes",
        "NULL",
        "",
        " ",
        "1",
        "1.5",
        "a: b",
        "a #b",
        "- a",
        "it's",
        "\"q\"",
        "a\\b",
        "a\nb",
        "\u{85}\u{2028}\u{feff}x",
        "été",
        "{a}",
        "*",
        "&a",
        "!a",
        "%a",
        "@a",
        "FLOAT[2]",
        "~",
        "2024-01-01",
        "😀",
        "\u{1}\u{7f}",
        "a/b.c",
    ] {
        let back: String = serde_saphyr::from_str(&scalar(text)).unwrap();
        assert_eq!(back, text, "{}", scalar(text));
    }
}

#[test]
fn table_names_need_no_quotes() {
    for (file, name) in [
        ("data/Products.parquet", "products"),
        ("2024 Offers.csv.gz", "t2024_offers"),
        ("s3://bucket/folder/", "folder"),
        ("日本.csv", "data"),
    ] {
        assert_eq!(table_name(file), name);
    }
}
