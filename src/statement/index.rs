//! `CREATE INDEX`, `DROP INDEX` and `SHOW INDEXES`: indexes of vectors.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use semql_udfs::AiOptions;
use semql_udfs::index::{self, CreatedIndex, DataFiles, IndexDefinition, IndexFile};

use super::context::StatementContext;
use super::diagnose;
use super::index_syntax::{CreateIndex, DropIndex};
use super::observer::CountedWork;
use super::outcome::Outcome;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;

/// Runs `CREATE [OR REPLACE] INDEX`. The rows report recall and size.
///
/// # Errors
/// For a table that cannot have an index, and for an existing index without `OR
/// REPLACE`. An existing index is then unchanged.
pub async fn create(context: &StatementContext, statement: &CreateIndex) -> Result<Outcome> {
    let session = &context.session;
    session.policy.check_write("CREATE INDEX")?;
    diagnose::check_table(session, &statement.table).await?;
    let provider = session.ctx.table_provider(statement.table.clone()).await?;
    if let Some(data) = DataFiles::of(provider.as_ref()) {
        session
            .policy
            .check_write_path(&data.index_path(&statement.name))?;
    }
    let options = AiOptions::from_session(&session.ctx)
        .ok_or_else(|| ShellError::query("ai.* is not registered"))?;
    let pool = Arc::clone(&session.ctx.runtime_env().memory_pool);
    let definition = IndexDefinition {
        name: statement.name.clone(),
        column: statement.column.clone(),
        replace: statement.replace,
    };
    // Reading and computing block, so not on a thread of the async runtime.
    let observer = Arc::clone(&context.observer);
    let created = tokio::task::spawn_blocking(move || {
        index::create(provider.as_ref(), &definition, &options, &pool, &|done| {
            observer.work_counted(CountedWork::IndexedVectors, done)
        })
    });
    let created = created.await;
    context.observer.progress_ended();
    let created = created.map_err(|_| {
        ShellError::of_kind(ErrorKind::Internal, "CREATE INDEX ended unexpectedly")
    })??;
    Ok(Outcome::of_batch(summary(&created)?))
}

fn summary(created: &CreatedIndex) -> Result<RecordBatch> {
    let metadata = &created.metadata;
    let speed_up = created.exact.as_secs_f64() / created.by_index.as_secs_f64().max(1e-9);
    let number = |number: u64| Arc::new(Int64Array::from(vec![number as i64])) as ArrayRef;
    let figure = |figure: f64| Arc::new(Float64Array::from(vec![figure])) as ArrayRef;
    let text = |text: &str| Arc::new(StringArray::from(vec![text.to_string()])) as ArrayRef;
    Ok(RecordBatch::try_from_iter([
        ("index", text(&metadata.name)),
        ("vectors", number(metadata.vectors)),
        ("dims", number(metadata.dims as u64)),
        (
            "recall_at_10",
            figure((metadata.recall * 1e4).round() / 1e4),
        ),
        ("speed_up", figure((speed_up * 10.0).round() / 10.0)),
        ("megabytes", number(created.bytes.div_ceil(1_000_000))),
    ])?)
}

/// Runs `DROP INDEX name ON table`.
///
/// # Errors
/// If there is no such index.
pub async fn drop(session: &Session, statement: &DropIndex) -> Result<Outcome> {
    let DropIndex { name, table } = statement;
    session.policy.check_write("DROP INDEX")?;
    let data = data(session, table).await?;
    let path = data.index_path(name);
    session.policy.check_write_path(&path)?;
    std::fs::remove_file(&path).map_err(|_| {
        let known = data.indexes().join(", ");
        let known = if known.is_empty() { "none" } else { &known };
        ShellError::of_kind(
            ErrorKind::UndefinedObject,
            format!("{table} has no index {name}; it has {known}"),
        )
    })?;
    Ok(Outcome::done(format!("dropped index {name}")))
}

async fn data(session: &Session, table: &TableReference) -> Result<DataFiles> {
    diagnose::check_table(session, table).await?;
    let provider: Arc<dyn TableProvider> = session.ctx.table_provider(table.clone()).await?;
    DataFiles::of(provider.as_ref()).ok_or_else(|| {
        ShellError::query(format!(
            "{table} cannot have indexes: only tables of Parquet files on this machine can"
        ))
    })
}

/// Runs `SHOW INDEXES ON table`.
///
/// # Errors
/// For a table that cannot have any.
pub async fn show(session: &Session, table: &TableReference) -> Result<Outcome> {
    let data = data(session, table).await?;
    let stamps = data.stamps()?;
    let names = data.indexes();
    let opened: Vec<Option<IndexFile>> = names.iter().map(|name| data.index(name).ok()).collect();
    let all = || opened.iter().map(Option::as_ref);
    let number = |get: fn(&IndexFile) -> u64| -> ArrayRef {
        let numbers = all().map(|index| index.map(|index| get(index) as i64));
        Arc::new(numbers.collect::<Int64Array>())
    };
    let columns: StringArray = all()
        .map(|i| i.map(|i| i.metadata.column.as_str()))
        .collect();
    let recalls: Float64Array = all().map(|i| i.map(|i| i.metadata.recall)).collect();
    let fresh: BooleanArray = all()
        .map(|i| i.map(|i| i.metadata.files == stamps))
        .collect();
    let names: StringArray = names.iter().map(Some).collect();
    let shown = RecordBatch::try_from_iter_with_nullable([
        ("index", Arc::new(names) as ArrayRef, false),
        ("column", Arc::new(columns), true),
        ("vectors", number(|index| index.metadata.vectors), true),
        ("recall_at_10", Arc::new(recalls), true),
        ("fresh", Arc::new(fresh), true),
        (
            "megabytes",
            number(|index| index.size().div_ceil(1_000_000)),
            true,
        ),
    ])?;
    Ok(Outcome::of_batch(shown))
}
