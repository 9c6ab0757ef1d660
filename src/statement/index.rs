//! `CREATE INDEX`, `DROP INDEX` and `SHOW INDEXES`: indexes of vectors.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::catalog::TableProvider;
use semql_udfs::AiOptions;
use semql_udfs::index::{self, Created, DataFiles, IndexFile, Wanted};

use super::counting::Counting;
use super::model::{done, rows, unquoted};
use super::show::reference;
use super::{Outcome, Statement};
use crate::error::{Result, ShellError};
use crate::script::first_words;
use crate::session::Session;

const CREATE: &str = "CREATE [OR REPLACE] INDEX name ON table USING hnsw (column)";

/// Runs `CREATE [OR REPLACE] INDEX name ON table USING hnsw (column)`; the rows
/// say how well it finds.
///
/// # Errors
/// For a table that cannot have one, and if one is there that is not to be
/// replaced; what was there is then as it was.
pub async fn create(session: &Session, statement: &Statement<'_>) -> Result<Outcome> {
    let usage = || ShellError::query(format!("the statement is {CREATE}"));
    let (begin, _) = first_words(statement.sql, 2);
    let replace = begin.last().is_some_and(|word| word == "OR");
    let (name, table, rest) = named(statement.rest).ok_or_else(usage)?;
    let (words, columns) = first_words(rest, 2);
    let column = columns.trim().trim_end_matches(';').trim_end();
    let column = column
        .strip_prefix('(')
        .and_then(|column| column.strip_suffix(')'))
        .filter(|_| words == ["USING", "HNSW"]);
    let column = unquoted(column.ok_or_else(usage)?);
    let provider = session.ctx.table_provider(reference(table)).await?;
    let options =
        AiOptions::of(&session.ctx).ok_or_else(|| ShellError::query("ai.* is not registered"))?;
    let pool = &session.ctx.runtime_env().memory_pool;
    let line = Counting::new(|done| format!("indexing: {done} vectors"));
    let wanted = Wanted {
        name,
        column,
        replace,
    };
    let created = index::create(provider.as_ref(), &wanted, &options, pool, &|done| {
        line.show(done)
    });
    std::mem::drop(line);
    rows(summary(&created.map_err(into)?)?)
}

/// `name ON table ...`.
fn named(text: &str) -> Option<(String, &str, &str)> {
    let (name, rest) = text.trim().split_once(char::is_whitespace)?;
    let (words, rest) = first_words(rest, 1);
    if words != ["ON"] {
        return None;
    }
    let quoted = |quote: char| {
        let inside = rest.strip_prefix(quote)?;
        inside.find(quote).map(|end| end + 2)
    };
    let end = quoted('\'').or_else(|| quoted('"'));
    let end = end.or_else(|| rest.find(char::is_whitespace));
    let (table, rest) = rest.split_at(end.unwrap_or(rest.len()));
    let table = table.trim().trim_end_matches(';');
    (!table.is_empty()).then(|| (unquoted(name), table, rest))
}

fn summary(created: &Created) -> Result<RecordBatch> {
    let about = &created.about;
    let speed_up = created.exact.as_secs_f64() / created.by_index.as_secs_f64().max(1e-9);
    let number = |number: u64| Arc::new(Int64Array::from(vec![number as i64])) as ArrayRef;
    let figure = |figure: f64| Arc::new(Float64Array::from(vec![figure])) as ArrayRef;
    let text = |text: &str| Arc::new(StringArray::from(vec![text.to_string()])) as ArrayRef;
    Ok(RecordBatch::try_from_iter([
        ("index", text(&about.name)),
        ("vectors", number(about.vectors)),
        ("dims", number(about.dims as u64)),
        ("recall_at_10", figure((about.recall * 1e4).round() / 1e4)),
        ("speed_up", figure((speed_up * 10.0).round() / 10.0)),
        ("megabytes", number(created.bytes.div_ceil(1_000_000))),
    ])?)
}

/// Runs `DROP INDEX name ON table`.
///
/// # Errors
/// If there is no such index.
pub async fn drop(session: &Session, statement: &Statement<'_>) -> Result<Outcome> {
    let usage = || ShellError::query("the statement is DROP INDEX name ON table");
    let (name, table, _) = named(statement.rest).ok_or_else(usage)?;
    let data = data(session, table).await?;
    let path = data.index_path(&name);
    std::fs::remove_file(&path).map_err(|_| {
        let known = data.indexes().join(", ");
        let known = if known.is_empty() { "none" } else { &known };
        ShellError::query(format!("{table} has no index {name}; it has {known}"))
    })?;
    Ok(done(format!("dropped index {name}")))
}

async fn data(session: &Session, table: &str) -> Result<DataFiles> {
    let provider: Arc<dyn TableProvider> = session.ctx.table_provider(reference(table)).await?;
    DataFiles::of(provider.as_ref()).ok_or_else(|| {
        ShellError::query(format!(
            "{table} has no indexes: it is no table of Parquet files on this machine"
        ))
    })
}

/// Runs `SHOW INDEXES ON table`.
///
/// # Errors
/// For a table that cannot have any.
pub async fn show(session: &Session, statement: &Statement<'_>) -> Result<Outcome> {
    let (words, table) = first_words(statement.rest, 1);
    let table = table.trim().trim_end_matches(';').trim_end();
    if !matches!(words.first().map(String::as_str), Some("ON" | "FROM")) || table.is_empty() {
        return Err(ShellError::query("the statement is SHOW INDEXES ON table"));
    }
    let data = data(session, table).await?;
    let stamps = data.stamps().map_err(into)?;
    let names = data.indexes();
    let opened: Vec<Option<IndexFile>> = names.iter().map(|name| data.index(name).ok()).collect();
    let all = || opened.iter().map(Option::as_ref);
    let number = |get: fn(&IndexFile) -> u64| -> ArrayRef {
        let numbers = all().map(|index| index.map(|index| get(index) as i64));
        Arc::new(numbers.collect::<Int64Array>())
    };
    let columns: StringArray = all().map(|i| i.map(|i| i.about.column.as_str())).collect();
    let recalls: Float64Array = all().map(|i| i.map(|i| i.about.recall)).collect();
    let fresh: BooleanArray = all().map(|i| i.map(|i| i.about.files == stamps)).collect();
    let names: StringArray = names.iter().map(Some).collect();
    rows(RecordBatch::try_from_iter_with_nullable([
        ("index", Arc::new(names) as ArrayRef, false),
        ("column", Arc::new(columns), true),
        ("vectors", number(|index| index.about.vectors), true),
        ("recall_at_10", Arc::new(recalls), true),
        ("fresh", Arc::new(fresh), true),
        (
            "megabytes",
            number(|index| index.size().div_ceil(1_000_000)),
            true,
        ),
    ])?)
}

fn into(error: semql_udfs::Error) -> ShellError {
    datafusion::error::DataFusionError::from(error).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_tables_are_told_apart() {
        assert_eq!(
            named("V_idx ON 'a b.parquet' USING hnsw (v)"),
            Some(("v_idx".to_string(), "'a b.parquet'", " USING hnsw (v)"))
        );
        assert_eq!(named("i on t;"), Some(("i".to_string(), "t", "")));
        assert_eq!(named("i t"), None);
        assert_eq!(named("i ON"), None);
    }
}
