//! `CREATE MODEL`, `DESCRIBE MODEL`, `EXPORT MODEL` and `DROP MODEL`.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use semql_udfs::AiOptions;
use semql_udfs::trained::{self, CreateModel, Trained};

use super::counting::Counting;
use super::syntax::{name, with_usage, word};
use super::{Outcome, query};
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;

/// `DROP MODEL [IF EXISTS] name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropModel {
    pub name: String,
    pub if_exists: bool,
}

impl DropModel {
    /// Reads the statement from a parser that stands before its `DROP`.
    ///
    /// # Errors
    /// Syntax.
    pub fn parse(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        with_usage(Self::parts(parser), "DROP MODEL [IF EXISTS] name")
    }

    fn parts(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        parser.expect_keyword(Keyword::DROP)?;
        word(parser, "MODEL")?;
        let if_exists = parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS]);
        Ok(Self {
            name: name(parser)?,
            if_exists,
        })
    }
}

/// `EXPORT MODEL name TO 'file.onnx'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportModel {
    pub name: String,
    pub file: String,
}

impl ExportModel {
    /// Reads the statement from a parser that stands before its `EXPORT`.
    ///
    /// # Errors
    /// Syntax.
    pub fn parse(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        with_usage(Self::parts(parser), "EXPORT MODEL name TO 'file.onnx'")
    }

    fn parts(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        word(parser, "EXPORT")?;
        word(parser, "MODEL")?;
        let name = name(parser)?;
        parser.expect_keyword(Keyword::TO)?;
        Ok(Self {
            name,
            file: parser.parse_literal_string()?,
        })
    }
}

/// Runs `CREATE [OR REPLACE] MODEL ...`; the rows say how good it is.
///
/// # Errors
/// Those of the query and of training. A model of the same name is then as it was.
pub async fn create(session: &Session, create: &CreateModel) -> Result<Outcome> {
    session.policy.check_write("CREATE MODEL")?;
    let plan = query::plan_query(session, create.query.clone()).await?;
    let Outcome::Rows { stream, .. } = query::run_plan(session, plan).await? else {
        return Err(ShellError::query("the query of CREATE MODEL gives no rows"));
    };
    let pool = &session.ctx.runtime_env().memory_pool;
    let line = Counting::new(|done| format!("training: {done} boundaries between labels found"));
    let halted = |done, _| {
        line.show(done);
        false
    };
    let options =
        AiOptions::of(&session.ctx).ok_or_else(|| ShellError::query("ai.* is not registered"))?;
    let trained = trained::create(&options, pool, create, stream, &halted).await;
    std::mem::drop(line);
    rows(summary(&*trained?)?)
}

/// Runs `DESCRIBE MODEL name`: what it predicts, and how well on rows that it
/// had not seen.
///
/// # Errors
/// If there is no such model.
pub fn describe(session: &Session, name: &str) -> Result<Outcome> {
    let trained = session.ai.trained().get(name).map_err(into)?;
    let mut of_labels = Vec::new();
    for level in &trained.about.levels {
        let labels = level.labels.iter().zip(&level.of_labels);
        of_labels.extend(labels.map(|(label, of_label)| (level, label, of_label)));
    }
    let text = |get: fn(usize, &[&str; 2]) -> String| -> ArrayRef {
        let values = of_labels.iter().enumerate();
        let values = values.map(|(at, (level, label, _))| Some(get(at, &[&level.column, label])));
        Arc::new(values.collect::<StringArray>())
    };
    let figure = |get: fn(&trained::OfLabel) -> f64| -> ArrayRef {
        let values = of_labels
            .iter()
            .map(|(_, _, of_label)| Some(round(get(of_label))));
        Arc::new(values.collect::<Float64Array>())
    };
    let held_out = of_labels
        .iter()
        .map(|(_, _, of_label)| Some(of_label.rows as i64));
    rows(RecordBatch::try_from_iter([
        ("predicts", text(|_, [level, _]| level.to_string())),
        ("label", text(|_, [_, label]| label.to_string())),
        (
            "held_out",
            Arc::new(held_out.collect::<Int64Array>()) as ArrayRef,
        ),
        ("precision", figure(|of_label| of_label.precision)),
        ("recall", figure(|of_label| of_label.recall)),
        ("f1", figure(|of_label| of_label.f1)),
    ])?)
}

/// Runs `DROP MODEL [IF EXISTS] name`.
///
/// # Errors
/// If there is no such model, unless the statement allows for it.
pub fn drop(session: &Session, statement: &DropModel) -> Result<Outcome> {
    session.policy.check_write("DROP MODEL")?;
    let name = &statement.name;
    if !trained::names().contains(name) {
        let message = format!("there is no model {name}");
        return match statement.if_exists {
            true => Ok(Outcome::done(message)),
            false => Err(ShellError::of_kind(ErrorKind::UndefinedObject, message)),
        };
    }
    session.ai.trained().remove(name).map_err(into)?;
    Ok(Outcome::done(format!("dropped model {name}")))
}

/// Runs `EXPORT MODEL name TO 'file.onnx'`.
///
/// # Errors
/// If there is no such model, or the file cannot be written.
pub fn export(session: &Session, statement: &ExportModel) -> Result<Outcome> {
    let file = Path::new(&statement.file);
    session.policy.check_write_path(file)?;
    let trained = session.ai.trained().get(&statement.name).map_err(into)?;
    trained::export(&trained, file).map_err(into)?;
    Ok(Outcome::done(format!("wrote {}", statement.file)))
}

fn into(error: semql_udfs::Error) -> ShellError {
    datafusion::error::DataFusionError::from(error).into()
}

fn summary(trained: &Trained) -> Result<RecordBatch> {
    let (about, levels) = (&trained.about, trained.about.levels.iter());
    let names: StringArray = levels
        .clone()
        .map(|level| Some(level.column.as_str()))
        .collect();
    let labels: Int64Array = levels
        .clone()
        .map(|level| Some(level.labels.len() as i64))
        .collect();
    let same = |count: u64| -> ArrayRef {
        Arc::new(Int64Array::from(vec![count as i64; about.levels.len()]))
    };
    let figure = |get: fn(&trained::Level) -> f64| -> ArrayRef {
        Arc::new(
            levels
                .clone()
                .map(|level| Some(round(get(level))))
                .collect::<Float64Array>(),
        )
    };
    Ok(RecordBatch::try_from_iter([
        ("predicts", Arc::new(names) as ArrayRef),
        ("labels", Arc::new(labels)),
        ("accuracy", figure(|level| level.accuracy)),
        ("macro_f1", figure(|level| level.macro_f1)),
        ("weighted_f1", figure(|level| level.weighted_f1)),
        ("held_out", same(about.held_out)),
        ("rows", same(about.rows)),
        ("left_out", same(about.left_out)),
    ])?)
}

fn round(figure: f64) -> f64 {
    (figure * 1e4).round() / 1e4
}

pub(super) fn rows(batch: RecordBatch) -> Result<Outcome> {
    let schema = batch.schema();
    let rows = futures::stream::iter([Ok(batch)]);
    Ok(Outcome::Rows {
        schema: Arc::clone(&schema),
        stream: Box::pin(RecordBatchStreamAdapter::new(schema, rows)),
    })
}
