//! `EXTRACT ... USING model`: a language model labels the rows of the query.

use std::collections::HashSet;

use datafusion::error::Result;
use semql_inference::progress::ProgressSink;
use semql_language_models::LanguageModelTask;
use semql_learning::extraction::model::ExtractionExamples;
use semql_learning::extraction::{SourceTexts, Span, has_text};

use super::training_context::TrainingContext;
use crate::error::{Error, to_datafusion};
use crate::functions::{
    RowAnswer, RowTask, RowValue, TaskOutput, TaskRun, described_attributes, find_language_model,
    language_model_task,
};
use crate::options::AiOptions;

/// Rows between two steps of progress.
const CHUNK_ROWS: usize = 256;

/// Task of the language model `teacher`: the values of `attributes`.
///
/// # Errors
/// An unknown language model.
pub fn teacher_task(options: &AiOptions, teacher: &str, attributes: &[String]) -> Result<RowTask> {
    let model = find_language_model(options, teacher)?;
    let task = LanguageModelTask::Extract {
        attributes: described_attributes(options, attributes.to_vec())?,
    };
    let output = TaskOutput::Values(attributes.to_vec());
    Ok(language_model_task(model, task, output))
}

/// The examples with the answers of a language model as labels. A row on which it fails
/// is not labelled.
///
/// # Errors
/// More rows than `ai.max_calls` allows, no answer at all, a language model that cannot
/// be used, cancellation.
pub fn labelled_by_language_model(
    context: &TrainingContext<'_>,
    task: &RowTask,
    attributes: &[String],
    examples: ExtractionExamples,
) -> Result<ExtractionExamples> {
    let options = context.options;
    let run = TaskRun::new(&options.runtime, &options.settings, &options.cancel, None)?;
    let rows = source_texts(&examples);
    check_budget(task, &rows, &examples.columns, &run)?;
    let mut answers = Vec::with_capacity(rows.len());
    for chunk in rows.chunks(CHUNK_ROWS) {
        context.progress.step(
            "asking the language model",
            answers.len() / CHUNK_ROWS,
            rows.len().div_ceil(CHUNK_ROWS),
        );
        answers.extend(task.answer(chunk, &examples.columns, &run.context)?);
    }
    check_answers(&answers).map_err(to_datafusion)?;
    run.record_failures(&answers)?;
    let labels = |attribute: usize| -> Vec<Option<Vec<String>>> {
        let answers = answers.iter().zip(&rows);
        answers
            .map(|(answer, texts)| values(answer, attribute, texts))
            .collect()
    };
    let values = (0..attributes.len()).map(labels).collect();
    Ok(ExtractionExamples {
        attributes: attributes.to_vec(),
        values,
        ..examples
    })
}

/// The texts of the examples by row.
fn source_texts(examples: &ExtractionExamples) -> Vec<SourceTexts<'_>> {
    let rows = examples.texts.first().map_or(0, Vec::len);
    let row = |row: usize| {
        let columns = examples.texts.iter();
        columns.map(|column| column[row].as_deref()).collect()
    };
    (0..rows).map(row).collect()
}

/// Checks that `ai.max_calls` allows a call for each distinct row without a known answer.
///
/// # Errors
/// [`Error::Forbidden`] with the number of calls.
fn check_budget(
    task: &RowTask,
    rows: &[SourceTexts<'_>],
    columns: &[String],
    run: &TaskRun,
) -> Result<()> {
    let request = &run.context;
    let (Some((model, task)), Some(remaining)) =
        (task.language_model(), request.budget.remaining())
    else {
        return Ok(());
    };
    let mut seen = HashSet::new();
    let distinct = rows
        .iter()
        .filter(|row| has_text(row))
        .filter(|row| seen.insert(*row));
    let distinct: Vec<SourceTexts<'_>> = distinct.cloned().collect();
    let needed = model.uncached(task, &distinct, columns, request) as u64;
    match needed > remaining {
        true => Err(to_datafusion(Error::Forbidden(format!(
            "the rows of the query need {needed} calls of a language model, and ai.max_calls leaves {remaining}; \
             raise it, or select fewer rows"
        )))),
        false => Ok(()),
    }
}

/// # Errors
/// [`Error::Failed`] if every row with a text failed, with the first failure.
fn check_answers(answers: &[RowAnswer]) -> std::result::Result<(), Error> {
    let has_value = |answer: &RowAnswer| matches!(answer, RowAnswer::Value(_));
    let first_failure = answers.iter().find_map(|answer| match answer {
        RowAnswer::Failed(message) => Some(message),
        _ => None,
    });
    match first_failure {
        Some(message) if !answers.iter().any(has_value) => Err(Error::Failed(format!(
            "the language model answered none of the {} rows: {message}",
            answers.len()
        ))),
        _ => Ok(()),
    }
}

/// The values of an attribute in an answer, the best first; `None` without an answer.
fn values(answer: &RowAnswer, attribute: usize, texts: &SourceTexts<'_>) -> Option<Vec<String>> {
    let RowAnswer::Value(RowValue::Spans(spans)) = answer else {
        return None;
    };
    let of_attribute = spans.iter().filter(|span| span.attribute == attribute);
    let mut spans: Vec<&Span> = of_attribute.collect();
    spans.sort_by(|a, b| b.score.total_cmp(&a.score));
    let values = spans.into_iter().filter_map(|span| span.value(texts));
    Some(values.map(str::to_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(attribute: usize, start: usize, end: usize, score: f32) -> Span {
        Span {
            attribute,
            column: 0,
            start,
            end,
            score,
            normalized: None,
        }
    }

    #[test]
    fn answers_are_labels_and_failures_are_not() {
        let texts = vec![Some("red and blue")];
        let spans = vec![span(0, 0, 3, 0.9), span(0, 8, 12, 1.0)];
        let answer = RowAnswer::Value(RowValue::Spans(spans));
        let value = |text: &str| text.to_string();
        assert_eq!(
            values(&answer, 0, &texts),
            Some(vec![value("blue"), value("red")])
        );
        assert_eq!(values(&answer, 1, &texts), Some(Vec::new()));
        for answer in [RowAnswer::NoText, RowAnswer::Failed("timeout".into())] {
            assert_eq!(values(&answer, 0, &texts), None);
        }
    }

    #[test]
    fn a_teacher_without_an_answer_is_an_error() {
        let failed = RowAnswer::Failed("connection refused".to_string());
        let answers = [RowAnswer::NoText, failed.clone()];
        let error = check_answers(&answers).unwrap_err();
        assert!(error.to_string().contains("connection refused"), "{error}");
        let empty = RowAnswer::Value(RowValue::Spans(Vec::new()));
        assert_eq!(check_answers(&[failed, empty]), Ok(()));
        assert_eq!(check_answers(&[]), Ok(()));
    }
}
