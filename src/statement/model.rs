//! `CREATE MODEL`, `DESCRIBE MODEL`, `EXPORT MODEL` and `DROP MODEL`.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use semql_udfs::AiOptions;
use semql_udfs::trained::{self, CreateModel, Trained};

use super::counting::Counting;
use super::{Outcome, query};
use crate::error::{Result, ShellError};
use crate::script::first_words;
use crate::session::Session;

/// Runs `CREATE [OR REPLACE] MODEL ...`; the rows say how good it is.
///
/// # Errors
/// Those of the query and of training. A model of the same name is then as it was.
pub async fn create(session: &Session, sql: &str) -> Result<Outcome> {
    let create = CreateModel::parse(sql).map_err(ShellError::query)?;
    let Outcome::Rows { stream, .. } = query::run(session, &create.query).await? else {
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
    let trained = trained::create(&options, pool, &create, stream, &halted).await;
    std::mem::drop(line);
    rows(summary(&*trained?)?)
}

/// Runs `DESCRIBE MODEL name`: what it predicts, and how well on rows that it
/// had not seen.
///
/// # Errors
/// If there is no such model.
pub fn describe(session: &Session, name: &str) -> Result<Outcome> {
    let trained = session.ai.trained().get(&unquoted(name)).map_err(into)?;
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
pub fn drop(session: &Session, rest: &str) -> Result<Outcome> {
    let (words, after) = first_words(rest, 2);
    let (may_lack, name) = match words.as_slice() {
        [first, second] if first == "IF" && second == "EXISTS" => (true, after),
        _ => (false, rest),
    };
    let name = unquoted(name);
    if may_lack && !trained::names().contains(&name) {
        return Ok(done(format!("there is no model {name}")));
    }
    session.ai.trained().remove(&name).map_err(into)?;
    Ok(done(format!("dropped model {name}")))
}

/// Runs `EXPORT MODEL name TO 'file.onnx'`.
///
/// # Errors
/// If there is no such model, or the file cannot be written.
pub fn export(session: &Session, rest: &str) -> Result<Outcome> {
    let usage = || ShellError::query("the statement is EXPORT MODEL name TO 'file.onnx'");
    let (name, after) = rest
        .trim()
        .split_once(char::is_whitespace)
        .ok_or_else(usage)?;
    let (words, file) = first_words(after, 1);
    let file = unquoted_file(file)
        .filter(|_| words == ["TO"])
        .ok_or_else(usage)?;
    let trained = session.ai.trained().get(&unquoted(name)).map_err(into)?;
    trained::export(&trained, Path::new(file)).map_err(into)?;
    Ok(done(format!("wrote {file}")))
}

fn unquoted_file(text: &str) -> Option<&str> {
    let text = text.trim().trim_end_matches(';').trim_end();
    text.strip_prefix('\'')?.strip_suffix('\'')
}

fn into(error: semql_udfs::Error) -> ShellError {
    datafusion::error::DataFusionError::from(error).into()
}

pub(super) fn done(message: String) -> Outcome {
    Outcome::Done { message }
}

/// A name as SQL has it: in lower case unless it is quoted.
pub(super) fn unquoted(name: &str) -> String {
    let name = name.trim().trim_end_matches(';').trim_end();
    for quote in ['"', '\''] {
        let inner = name
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner.to_string();
        }
    }
    name.to_lowercase()
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
