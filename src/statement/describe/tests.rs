use std::collections::HashMap;
use std::fs;

use arrow::array::Int64Array;
use arrow::datatypes::DataType;
use arrow::util::pretty::pretty_format_batches;
use datafusion::catalog::MemTable;

use super::*;
use crate::dictionary::test_session::{context, rows};

const DICTIONARY: &str = r#"version: 1
tables:
  - name: shop
    description: What is sold.
    location: shop.csv
    columns:
      - {name: id, type: BIGINT, description: The key.}
  - {name: later, description: Made later., location: later.parquet}
"#;

fn shown(batch: RecordBatch) -> String {
    pretty_format_batches(&[batch]).unwrap().to_string()
}

#[tokio::test]
async fn tables_files_and_views_are_described() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data_dict.yaml"), DICTIONARY).unwrap();
    let file = folder.path().join("shop.csv");
    fs::write(&file, "id,name\n1,tea\n").unwrap();
    let (ctx, dictionary) = context(folder.path()).await;
    rows(&ctx, "CREATE VIEW v AS SELECT id AS key, name FROM shop").await;
    for (name, column) in [
        ("shop", "| id "),
        (file.to_str().unwrap(), "| id "),
        ("v", "| key "),
    ] {
        let table = TableReference::bare(name);
        let text = shown(table_columns(&ctx, &dictionary, &table).await.unwrap());
        let line = text.lines().find(|line| line.contains(column)).unwrap();
        assert!(
            line.contains("| BIGINT ") && line.contains("| The key. "),
            "{name}\n{text}"
        );
        let line = text.lines().find(|line| line.contains("| name ")).unwrap();
        assert!(
            line.contains("| VARCHAR ") && line.contains("| true "),
            "{name}\n{text}"
        );
    }
    for (absent, says) in [("later", "has no data yet"), ("nowhere", "nowhere")] {
        let table = TableReference::bare(absent);
        let error = table_columns(&ctx, &dictionary, &table).await.unwrap_err();
        assert!(error.message.contains(says), "{error}");
    }
}

#[test]
fn a_vector_says_how_it_was_made() {
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let metadata = HashMap::from([
        ("semql.revision".to_string(), "abc".to_string()),
        ("semql.model".to_string(), "tiny".to_string()),
        ("PARQUET:field_id".to_string(), "3".to_string()),
    ]);
    let vector = Field::new("v", DataType::FixedSizeList(item, 4), true).with_metadata(metadata);
    let text = shown(columns(&Schema::new(vec![vector]), None).unwrap());
    assert!(
        text.contains("| FLOAT[4] ") && text.contains("| model tiny, revision abc "),
        "{text}"
    );
}

#[tokio::test]
async fn the_list_of_tables_shows_descriptions_and_known_counts() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data_dict.yaml"), DICTIONARY).unwrap();
    fs::write(folder.path().join("shop.csv"), "id,name\n1,tea\n").unwrap();
    let (ctx, dictionary) = context(folder.path()).await;
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap();
    ctx.register_table("numbers", Arc::new(table)).unwrap();
    rows(&ctx, "CREATE VIEW v AS SELECT 1").await;
    let text = shown(tables(&ctx, &dictionary).await.unwrap());
    for (name, kind, rest) in [
        ("numbers", "table", "| 3 "),
        ("shop", "table", "| What is sold. "),
        ("later", "no data yet", "| Made later. "),
        ("v", "view", ""),
    ] {
        let start = format!("| {name} ");
        let line = text.lines().find(|line| line.starts_with(&start)).unwrap();
        assert!(line.contains(kind) && line.contains(rest), "{text}");
    }
}
