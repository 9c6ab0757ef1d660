//! The meaning of SQL in the shell and the server: the `.slt` files of this folder,
//! each in a new session, with the values of Postgres.

use std::path::Path;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use semql::{Engine, SessionOptions};
use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner};

struct ShellSession(Engine);

#[derive(Debug)]
struct StatementFailed(String);

impl std::fmt::Display for StatementFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StatementFailed {}

impl ShellSession {
    fn rows(&self, sql: &str) -> Result<DBOutput<DefaultColumnType>, String> {
        let mut result = self.0.run(sql, &mut || false).map_err(|e| e.to_string())?;
        let columns = result.schema.fields().len();
        let options = FormatOptions::new().with_null("NULL");
        let mut rows = Vec::new();
        while let Some(batch) = result
            .next_batch(&mut || false)
            .map_err(|e| e.to_string())?
        {
            let formatters: Vec<ArrayFormatter<'_>> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
                .collect();
            for row in 0..batch.num_rows() {
                let cells = formatters.iter().map(|f| match f.value(row).to_string() {
                    empty if empty.is_empty() => "(empty)".to_string(),
                    cell => cell,
                });
                rows.push(cells.collect());
            }
        }
        Ok(match columns {
            0 => DBOutput::StatementComplete(0),
            _ => DBOutput::Rows {
                types: vec![DefaultColumnType::Any; columns],
                rows,
            },
        })
    }
}

impl DB for ShellSession {
    type Error = StatementFailed;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, StatementFailed> {
        self.rows(sql).map_err(StatementFailed)
    }

    fn engine_name(&self) -> &str {
        "semql"
    }
}

#[test]
fn statements_have_the_values_of_postgres() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/meaning");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "slt"))
        .collect();
    files.sort();
    assert!(files.len() >= 5, "one file for each part");
    let mut failures = Vec::new();
    for file in files {
        let mut runner = Runner::new(|| async {
            let engine = Engine::open(&SessionOptions::default());
            let engine = engine.map_err(|error| StatementFailed(error.to_string()))?;
            Ok(ShellSession(engine))
        });
        if let Err(error) = runner.run_file(&file) {
            failures.push(error.display(false).to_string());
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
