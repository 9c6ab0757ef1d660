//! The `.slt` files of this folder, each in a new session.

use std::path::Path;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::{SessionConfig, SessionContext};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};

/// A session with the AI functions, created as in a host program.
struct Session(SessionContext);

#[derive(Debug)]
struct Failed(String);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

impl Session {
    fn new() -> Self {
        let config = SessionConfig::new()
            .with_target_partitions(3)
            .with_batch_size(7)
            .with_information_schema(true);
        let ctx = SessionContext::new_with_config(config);
        semql_udfs::register_all(&ctx).unwrap();
        Self(ctx)
    }

    async fn answer(&self, sql: &str) -> datafusion::error::Result<DBOutput<DefaultColumnType>> {
        let frame = self.0.sql(sql).await?;
        let columns = frame.schema().fields().len();
        let batches = frame.collect().await?;
        if columns == 0 {
            return Ok(DBOutput::StatementComplete(0));
        }
        let options = FormatOptions::new().with_null("NULL");
        let mut rows = Vec::new();
        for batch in &batches {
            let formatters: Vec<ArrayFormatter<'_>> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
                .collect::<Result<_, _>>()?;
            for row in 0..batch.num_rows() {
                let cells = formatters.iter().map(|f| match f.value(row).to_string() {
                    empty if empty.is_empty() => "(empty)".to_string(),
                    cell => cell,
                });
                rows.push(cells.collect());
            }
        }
        Ok(DBOutput::Rows {
            types: vec![DefaultColumnType::Any; columns],
            rows,
        })
    }
}

#[async_trait::async_trait]
impl AsyncDB for Session {
    type Error = Failed;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failed> {
        self.answer(sql).await.map_err(|e| Failed(e.to_string()))
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        "semql"
    }
}

#[test]
fn slt_files_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "slt"))
        .collect();
    files.sort();
    assert!(files.len() >= 6, "one file for each function");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut failures = Vec::new();
    for file in files {
        let mut runner = Runner::new(|| async { Ok(Session::new()) });
        if let Err(error) = runtime.block_on(runner.run_file_async(&file)) {
            failures.push(error.display(false).to_string());
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
