//! `CREATE INDEX`, `DROP INDEX` and `SHOW INDEXES`: indexes of vectors.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;
use semql_udfs::AiOptions;
use semql_udfs::index::{self, Created, DataFiles, IndexFile, Wanted};

use super::counting::Counting;
use super::model::rows;
use super::syntax::{name, table, with_usage, word};
use super::{Outcome, diagnose};
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;

/// `CREATE [OR REPLACE] INDEX name ON table USING hnsw (column)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateIndex {
    pub name: String,
    pub table: TableReference,
    pub column: String,
    pub replace: bool,
}

impl CreateIndex {
    /// Reads the statement from a parser that stands before its `CREATE`.
    ///
    /// # Errors
    /// Syntax.
    pub fn parse(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        let usage = "CREATE [OR REPLACE] INDEX name ON table USING hnsw (column)";
        with_usage(Self::parts(parser), usage)
    }

    fn parts(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        parser.expect_keyword(Keyword::CREATE)?;
        let replace = parser.parse_keywords(&[Keyword::OR, Keyword::REPLACE]);
        parser.expect_keyword(Keyword::INDEX)?;
        let index = name(parser)?;
        parser.expect_keyword(Keyword::ON)?;
        let table = table(parser)?;
        parser.expect_keyword(Keyword::USING)?;
        word(parser, "hnsw")?;
        parser.expect_token(&Token::LParen)?;
        let column = name(parser)?;
        parser.expect_token(&Token::RParen)?;
        Ok(Self {
            name: index,
            table,
            column,
            replace,
        })
    }
}

/// `DROP INDEX name ON table`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropIndex {
    pub name: String,
    pub table: TableReference,
}

impl DropIndex {
    /// Reads the statement from a parser that stands before its `DROP`.
    ///
    /// # Errors
    /// Syntax.
    pub fn parse(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        with_usage(Self::parts(parser), "DROP INDEX name ON table")
    }

    fn parts(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        parser.expect_keyword(Keyword::DROP)?;
        parser.expect_keyword(Keyword::INDEX)?;
        let index = name(parser)?;
        parser.expect_keyword(Keyword::ON)?;
        Ok(Self {
            name: index,
            table: table(parser)?,
        })
    }
}

/// Runs `CREATE [OR REPLACE] INDEX`; the rows say how well it finds.
///
/// # Errors
/// For a table that cannot have one, and if one is there that is not to be
/// replaced; what was there is then as it was.
pub async fn create(session: &Session, statement: &CreateIndex) -> Result<Outcome> {
    session.policy.check_write("CREATE INDEX")?;
    diagnose::check_table(session, &statement.table).await?;
    let provider = session.ctx.table_provider(statement.table.clone()).await?;
    if let Some(data) = DataFiles::of(provider.as_ref()) {
        session
            .policy
            .check_write_path(&data.index_path(&statement.name))?;
    }
    let options =
        AiOptions::of(&session.ctx).ok_or_else(|| ShellError::query("ai.* is not registered"))?;
    let pool = Arc::clone(&session.ctx.runtime_env().memory_pool);
    let wanted = Wanted {
        name: statement.name.clone(),
        column: statement.column.clone(),
        replace: statement.replace,
    };
    // It reads files and computes for long: not on a thread that serves others.
    let created = tokio::task::spawn_blocking(move || {
        let line = Counting::new(|done| format!("indexing: {done} vectors"));
        index::create(provider.as_ref(), &wanted, &options, &pool, &|done| {
            line.show(done)
        })
    });
    let created = created
        .await
        .map_err(|_| ShellError::of_kind(ErrorKind::Internal, "CREATE INDEX ended unexpectedly"))?;
    rows(summary(&created.map_err(into)?)?)
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
