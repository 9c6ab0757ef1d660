use std::fs;
use std::path::Path;

use arrow::util::pretty::pretty_format_batches;

use crate::dictionary::test_session::{context, rows};

const DICTIONARY: &str = r#"version: 1
tables:
  - name: shop
    location: shop.csv
    columns:
      - {name: id, type: BIGINT, description: The key.}
      - {name: name, type: VARCHAR, description: What it is called.}
  - name: made
    location: out/made.parquet
    columns:
      - {name: id, type: BIGINT, description: The key of what was made.}
  - name: folder
    location: many/
  - name: noted
    description: Documentation only.
"#;

fn set_up(folder: &Path) {
    fs::write(folder.join("data_dict.yaml"), DICTIONARY).unwrap();
    fs::write(folder.join("shop.csv"), "id,name\n1,tea\n2,cup\n").unwrap();
}

#[tokio::test]
async fn a_table_with_a_location_is_queryable_and_described() {
    let folder = tempfile::tempdir().unwrap();
    set_up(folder.path());
    let (ctx, _) = context(folder.path()).await;
    let shown = rows(&ctx, "SELECT name FROM shop WHERE id = 2").await;
    assert!(shown.contains("cup") && !shown.contains("tea"), "{shown}");
    let frame = ctx
        .sql("SELECT name AS n, count(*) FROM shop GROUP BY 1")
        .await
        .unwrap();
    let described = frame
        .schema()
        .field(0)
        .metadata()
        .get("description")
        .cloned();
    assert_eq!(described.as_deref(), Some("What it is called."));
    // The metadata must not confuse aggregates, joins and unions.
    frame.collect().await.unwrap();
    let sql = "SELECT a.name, max(b.id) FROM shop a JOIN shop b USING (id) GROUP BY a.name \
               UNION ALL SELECT 'x', 1 ORDER BY 1";
    assert!(rows(&ctx, sql).await.contains("tea"));
}

#[tokio::test]
async fn a_missing_location_is_an_error_only_when_the_table_is_used() {
    let folder = tempfile::tempdir().unwrap();
    set_up(folder.path());
    let (ctx, _) = context(folder.path()).await;
    let message = ctx.sql("SELECT * FROM made").await.unwrap_err().to_string();
    assert!(
        message.contains("table 'made' has no data yet"),
        "{message}"
    );
    assert!(message.contains("out/made.parquet"), "{message}");
    let qualified = ctx
        .sql("SELECT * FROM shop JOIN public.made USING (id)")
        .await;
    assert!(
        qualified
            .unwrap_err()
            .to_string()
            .contains("has no data yet")
    );
    // A common table expression may have the same name.
    let cte = "WITH made AS (SELECT 5 AS five) SELECT m.* FROM made AS m";
    assert!(rows(&ctx, cte).await.contains("five"));
    // The catalogue can still be listed.
    let listed = rows(&ctx, "SELECT table_name FROM information_schema.tables").await;
    assert!(
        listed.contains("shop") && !listed.contains("made"),
        "{listed}"
    );
    rows(&ctx, "SELECT * FROM information_schema.columns").await;
}

#[tokio::test]
async fn the_next_statement_reads_a_table_that_a_script_wrote() {
    let folder = tempfile::tempdir().unwrap();
    set_up(folder.path());
    let (ctx, _) = context(folder.path()).await;
    let target = folder.path().join("out/made.parquet");
    let write = |rows: &str| format!("COPY ({rows}) TO '{}'", target.display());
    rows(&ctx, &write("SELECT id FROM shop")).await;
    assert!(
        rows(&ctx, "SELECT count(*) FROM made")
            .await
            .contains("| 2 ")
    );
    // Rewritten with another schema and another number of rows.
    fs::remove_file(&target).unwrap();
    rows(
        &ctx,
        &write("SELECT id, name FROM shop UNION ALL SELECT 7, 'x'"),
    )
    .await;
    assert!(
        rows(&ctx, "SELECT count(*) FROM made")
            .await
            .contains("| 3 ")
    );
    let max = rows(&ctx, "SELECT max(id), max(name) FROM made").await;
    assert!(max.contains("| 7 ") && max.contains("x"), "{max}");
    // Removed.
    fs::remove_file(&target).unwrap();
    assert!(ctx.sql("SELECT * FROM made").await.is_err());
}

#[tokio::test]
async fn added_files_of_a_folder_are_read() {
    let folder = tempfile::tempdir().unwrap();
    set_up(folder.path());
    let (ctx, _) = context(folder.path()).await;
    let part = |n: usize| folder.path().join(format!("many/{n}.parquet"));
    for n in 1..=3 {
        let sql = format!("COPY (SELECT {n} AS n) TO '{}'", part(n).display());
        rows(&ctx, &sql).await;
        let counted = rows(&ctx, "SELECT count(*) AS c, max(n) FROM folder").await;
        assert!(counted.contains(&format!("| {n} | {n} ")), "{counted}");
    }
    fs::remove_file(part(3)).unwrap();
    let counted = rows(&ctx, "SELECT count(*) AS c, max(n) FROM folder").await;
    assert!(counted.contains("| 2 | 2 "), "{counted}");
}

#[tokio::test]
async fn a_description_survives_a_parquet_round_trip() {
    let folder = tempfile::tempdir().unwrap();
    set_up(folder.path());
    let (ctx, dictionary) = context(folder.path()).await;
    let batches = ctx
        .sql("SELECT * FROM shop")
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    let schema =
        crate::dictionary::annotate::annotate(&dictionary, Some("shop"), &batches[0].schema());
    let path = folder.path().join("copy.parquet");
    let file = fs::File::create(&path).unwrap();
    let mut writer = datafusion::parquet::arrow::ArrowWriter::try_new(file, schema, None).unwrap();
    writer.write(&batches[0]).unwrap();
    writer.close().unwrap();
    let back = ctx.table(path.to_str().unwrap()).await.unwrap();
    let metadata = back.schema().field(0).metadata();
    assert_eq!(
        metadata.get("description").map(String::as_str),
        Some("The key.")
    );
}

#[tokio::test]
async fn tables_of_the_session_precede_the_dictionary_and_drop_hides_it() {
    let folder = tempfile::tempdir().unwrap();
    set_up(folder.path());
    let (ctx, _) = context(folder.path()).await;
    // A table without data can be created in memory.
    rows(&ctx, "DROP TABLE IF EXISTS made").await;
    rows(&ctx, "CREATE TABLE made AS SELECT 42 AS answer").await;
    assert!(rows(&ctx, "SELECT * FROM made").await.contains("42"));
    rows(&ctx, "CREATE OR REPLACE TABLE shop AS SELECT 43 AS answer").await;
    assert!(rows(&ctx, "SELECT * FROM shop").await.contains("43"));
    rows(&ctx, "DROP TABLE shop").await;
    assert!(ctx.sql("SELECT * FROM shop").await.is_err());
    assert!(folder.path().join("shop.csv").exists());
    // Documentation only: no table.
    assert!(ctx.sql("SELECT * FROM noted").await.is_err());
}

#[tokio::test]
async fn a_broken_file_is_an_error_of_its_table_alone() {
    let folder = tempfile::tempdir().unwrap();
    set_up(folder.path());
    fs::create_dir(folder.path().join("out")).unwrap();
    fs::write(folder.path().join("out/made.parquet"), b"PAR1 half").unwrap();
    let (ctx, _) = context(folder.path()).await;
    let message = ctx.sql("SELECT * FROM made").await.unwrap_err().to_string();
    assert!(message.contains("table 'made': "), "{message}");
    assert!(message.contains("made.parquet"), "{message}");
    assert!(rows(&ctx, "SELECT count(*) FROM shop").await.contains("2"));
}

#[tokio::test]
async fn other_tables_than_files_are_described_by_a_projection() {
    use arrow::array::{Int64Array, RecordBatch};
    use datafusion::catalog::MemTable;
    use datafusion::prelude::SessionContext;
    use std::sync::Arc;

    let folder = tempfile::tempdir().unwrap();
    set_up(folder.path());
    let (ctx, dictionary) = context(folder.path()).await;
    let ids: arrow::array::ArrayRef = Arc::new(Int64Array::from(vec![5, 6]));
    let batch = RecordBatch::try_from_iter([("id", ids)]).unwrap();
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap();
    let caches = &ctx.runtime_env().cache_manager;
    let known = dictionary.table("shop").unwrap();
    let described =
        crate::dictionary::annotate::describe_provider(Arc::new(table), known, caches).unwrap();
    let other = SessionContext::new();
    other.register_table("t", described).unwrap();
    let frame = other
        .sql("SELECT id FROM t WHERE id > 5 GROUP BY id")
        .await
        .unwrap();
    let metadata = frame.schema().field(0).metadata().clone();
    assert_eq!(
        metadata.get("description").map(String::as_str),
        Some("The key.")
    );
    let shown = pretty_format_batches(&frame.collect().await.unwrap())
        .unwrap()
        .to_string();
    assert!(shown.contains('6') && !shown.contains('5'), "{shown}");
}
