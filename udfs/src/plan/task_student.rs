//! Students of language models: small models that learn from answers to a sample.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use datafusion::error::Result;
use semql_inference::progress::ProgressSink;
use semql_learning::evaluation::wilson_lower_bound;
use semql_learning::extraction::model::{
    ExtractionExamples, ExtractionOptions, TrainedExtractor, train_extractor,
};
use semql_learning::extraction::{Extractor, SourceTexts, best_span, has_text};
use semql_learning::text_classifier::{TextClassifier, TrainingExamples, TrainingOptions, train};

use super::task_call::TaskCall;
use crate::error::{Error, to_datafusion};
use crate::functions::{RowAnswer, RowTask, RowValue, TaskOutput, TaskRun};
use crate::settings::Settings;

/// Rows of the largest sample.
pub const MAX_TASK_SAMPLE: usize = 3000;

/// Rows of the smallest sample, for input that is large enough.
const MIN_TASK_SAMPLE: usize = 300;

/// Rows for each row of the sample.
const ROWS_PER_SAMPLED: usize = 100;

/// Smallest number of answers that a student learns from.
const MIN_ANSWERS: usize = 20;

/// Every n-th row of the sample is held out.
const HELD_OUT_EVERY: usize = 5;

/// Share of the budget for the sample; the rest is for retries and uncertain rows.
const SAMPLE_SHARE: f64 = 0.9;

/// Confidence of an answer without a value.
const EMPTY_CONFIDENCE: f32 = 0.5;

/// A small model in place of a language model.
pub struct TaskStudent {
    model: StudentModel,
    /// Answers below this confidence go to the language model.
    min_confidence: f32,
    /// Rows that may still go to the language model.
    escalations: AtomicU64,
}

enum StudentModel {
    Extractor(Box<TrainedExtractor>),
    Classifier {
        classifier: Box<TextClassifier>,
        /// By label of the classifier: the answer.
        answers: Vec<RowValue>,
    },
}

/// A trained student, and what it promises.
pub struct TrainedTask {
    /// `None` if the language model answers all rows.
    pub student: Option<TaskStudent>,
    /// For users.
    pub notice: String,
    /// For `EXPLAIN ANALYZE`.
    pub outcome: String,
}

/// Asks the language model about a sample of the rows, and trains a student on the
/// answers. `rows` are a random sample of `distinct` rows.
///
/// # Errors
/// Those of the language model; cancellation.
pub fn train_on_answers(
    call: &TaskCall,
    rows: &[Vec<Option<String>>],
    distinct: usize,
    run: &TaskRun,
) -> Result<TrainedTask> {
    let remaining = run.context.budget.remaining();
    let size = sample_rows(distinct, remaining).min(rows.len());
    if size * 3 > distinct * 2 || size < MIN_ANSWERS {
        return Ok(without_student(format!(
            "Fast mode: the language model answers all rows, because there are only {distinct} different ones \
             for a sample of {size}."
        )));
    }
    let sample: Vec<SourceTexts<'_>> = rows[..size]
        .iter()
        .map(|row| row.iter().map(Option::as_deref).collect())
        .collect();
    let answers = call.task.answer(&sample, &call.columns, &run.context)?;
    let answered: Vec<(SourceTexts<'_>, RowValue)> = sample
        .into_iter()
        .zip(answers)
        .filter_map(|(texts, answer)| match answer {
            RowAnswer::Value(value) => Some((texts, value)),
            _ => None,
        })
        .collect();
    if answered.len() < MIN_ANSWERS {
        return Err(to_datafusion(Error::Failed(format!(
            "the language model answered {} of {size} rows of the sample, and fast mode needs {MIN_ANSWERS}; \
             see ai_extract_details(...).error, or SET ai.mode = 'exact'",
            answered.len()
        ))));
    }
    let (held_out, learnt): (Vec<_>, Vec<_>) = answered
        .iter()
        .cloned()
        .enumerate()
        .partition(|(at, _)| at % HELD_OUT_EVERY == 0);
    let without_position = |rows: Vec<(usize, _)>| rows.into_iter().map(|(_, row)| row).collect();
    let (held_out, learnt): (Vec<_>, Vec<_>) =
        (without_position(held_out), without_position(learnt));
    let progress = || run.context.cancel.is_cancelled();
    let train = |answered: &[_]| train_model(call, answered, &progress);
    let Some(student) = train(&learnt)? else {
        return Ok(without_student(
            "Fast mode: the language model answers all rows, because no student could be trained on its answers."
                .to_string(),
        ));
    };
    let attributes = attribute_count(&call.task);
    let checks = check(&student, &held_out, attributes, &progress)?;
    let rest = (distinct - size).max(1);
    let max_escalations = match run.context.budget.remaining() {
        Some(remaining) => remaining.min(rest as u64),
        None => rest as u64,
    };
    let max_share = (max_escalations as f64 / rest as f64).min(call.settings.fast_escalation.get());
    let expected = ExpectedQuality::choose(checks, max_share, call.settings.fast_agreement.get());
    let model = train(&answered)?.unwrap_or(student);
    let notice = expected.notice(call, answered.len());
    let outcome = format!(
        "mode=fast, sample={}, agreement~{:.3}, bound={:.3}, escalated~{:.3}",
        answered.len(),
        expected.agreement,
        expected.lower_bound,
        expected.escalated
    );
    Ok(TrainedTask {
        student: Some(TaskStudent {
            model,
            min_confidence: expected.min_confidence,
            escalations: AtomicU64::new((max_share * rest as f64) as u64),
        }),
        notice,
        outcome,
    })
}

/// Rows of the sample of `distinct` rows, within the budget.
pub fn sample_rows(distinct: usize, remaining: Option<u64>) -> usize {
    let rows = (distinct / ROWS_PER_SAMPLED).clamp(MIN_TASK_SAMPLE, MAX_TASK_SAMPLE);
    match remaining {
        Some(remaining) => rows.min((remaining as f64 * SAMPLE_SHARE) as usize),
        None => rows,
    }
}

fn without_student(notice: String) -> TrainedTask {
    TrainedTask {
        student: None,
        notice,
        outcome: "mode=exact after fast".to_string(),
    }
}

fn attribute_count(task: &RowTask) -> usize {
    match &task.output {
        TaskOutput::Values(attributes) | TaskOutput::Details(attributes) => attributes.len(),
        TaskOutput::Label(_) | TaskOutput::Condition | TaskOutput::Text => 0,
    }
}

/// A student of the answers; `None` if nothing can be learnt from them.
fn train_model(
    call: &TaskCall,
    answered: &[(SourceTexts<'_>, RowValue)],
    progress: &dyn ProgressSink,
) -> Result<Option<StudentModel>> {
    let trained = match &call.task.output {
        TaskOutput::Values(attributes) | TaskOutput::Details(attributes) => {
            train_on_spans(call, attributes, answered, progress)
        }
        _ => train_on_labels(call, answered, progress),
    };
    match trained {
        Ok(model) => Ok(Some(model)),
        // A single label, or values that are in no text.
        Err(Error::Invalid(_)) => Ok(None),
        Err(error) => Err(to_datafusion(error)),
    }
}

fn texts_by_column(
    answered: &[(SourceTexts<'_>, RowValue)],
    columns: usize,
) -> Vec<Vec<Option<String>>> {
    let column = |column: usize| {
        let texts = answered.iter().map(|(texts, _)| texts[column]);
        texts.map(|text| text.map(str::to_string)).collect()
    };
    (0..columns).map(column).collect()
}

fn train_on_spans(
    call: &TaskCall,
    attributes: &[String],
    answered: &[(SourceTexts<'_>, RowValue)],
    progress: &dyn ProgressSink,
) -> semql_inference::Result<StudentModel> {
    let values = |attribute: usize| {
        let of_row = |(texts, value): &(SourceTexts<'_>, RowValue)| {
            let RowValue::Spans(spans) = value else {
                return None;
            };
            let mut spans: Vec<_> = spans
                .iter()
                .filter(|span| span.attribute == attribute)
                .collect();
            // The best value first.
            spans.sort_by(|a, b| b.score.total_cmp(&a.score));
            let values = spans.into_iter().filter_map(|span| span.value(texts));
            Some(values.map(str::to_string).collect())
        };
        answered.iter().map(of_row).collect()
    };
    let examples = ExtractionExamples {
        columns: call.columns.clone(),
        texts: texts_by_column(answered, call.columns.len()),
        attributes: attributes.to_vec(),
        values: (0..attributes.len()).map(values).collect(),
        groups: None,
    };
    let options = ExtractionOptions {
        // All texts are read for values.
        context: Some(Vec::new()),
        seed: call.settings.seed,
        ..ExtractionOptions::default()
    };
    let extractor = train_extractor("student", &examples, &options, None, progress)?;
    Ok(StudentModel::Extractor(Box::new(extractor)))
}

fn train_on_labels(
    call: &TaskCall,
    answered: &[(SourceTexts<'_>, RowValue)],
    progress: &dyn ProgressSink,
) -> semql_inference::Result<StudentModel> {
    let mut answers: Vec<RowValue> = Vec::new();
    let mut labels = Vec::with_capacity(answered.len());
    for (_, value) in answered {
        let known = answers.iter().position(|answer| answer == value);
        let position = known.unwrap_or_else(|| {
            answers.push(value.clone());
            answers.len() - 1
        });
        labels.push(Some(position.to_string()));
    }
    let examples = TrainingExamples {
        columns: call.columns.clone(),
        levels: vec!["answer".to_string()],
        texts: texts_by_column(answered, call.columns.len()),
        labels: vec![labels],
    };
    let options = TrainingOptions::default();
    let classifier = train("student", &examples, &options, None, progress)?;
    // The classifier sorts its labels.
    let position = |label: &String| {
        label
            .parse()
            .ok()
            .and_then(|at: usize| answers.get(at).cloned())
    };
    let answers = classifier.metadata.levels[0]
        .labels
        .iter()
        .filter_map(position)
        .collect();
    Ok(StudentModel::Classifier {
        classifier: Box::new(classifier),
        answers,
    })
}

impl StudentModel {
    /// Answers with their confidence; `None` for a row without words.
    fn predict(
        &self,
        rows: &[SourceTexts<'_>],
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Option<(RowValue, f32)>>> {
        match self {
            Self::Extractor(extractor) => {
                let spans = extractor
                    .extract(rows, is_cancelled)
                    .map_err(to_datafusion)?;
                Ok(spans
                    .into_iter()
                    .map(|spans| {
                        let best = (0..extractor.attributes().len())
                            .filter_map(|attribute| Some(best_span(&spans, attribute)?.score));
                        let confidence = best.reduce(f32::min).unwrap_or(EMPTY_CONFIDENCE);
                        Some((RowValue::Spans(spans), confidence))
                    })
                    .collect())
            }
            Self::Classifier {
                classifier,
                answers,
            } => {
                let predictions = classifier.predict(rows, &[]).into_iter();
                Ok(predictions
                    .map(|prediction| {
                        let prediction = prediction?;
                        let label = *prediction.labels.first()? as usize;
                        let mut scores = prediction.scores.into_iter().next()?;
                        scores.sort_by(|a, b| b.total_cmp(a));
                        let second = scores.get(1).copied().unwrap_or(f32::NEG_INFINITY);
                        Some((answers.get(label)?.clone(), scores[0] - second))
                    })
                    .collect())
            }
        }
    }
}

impl TaskStudent {
    /// Answers the certain rows, and asks the language model about the others while the
    /// budget lasts. A row on which it fails keeps the answer of the student.
    ///
    /// # Errors
    /// Those of the language model; cancellation.
    pub fn answer(
        &self,
        task: &RowTask,
        rows: &[SourceTexts<'_>],
        columns: &[String],
        run: &TaskRun,
    ) -> Result<Vec<RowAnswer>> {
        let is_cancelled = || run.context.cancel.is_cancelled();
        let predictions = self.model.predict(rows, &is_cancelled)?;
        let mut uncertain = Vec::new();
        let mut answers: Vec<RowAnswer> = Vec::with_capacity(rows.len());
        for (at, (prediction, texts)) in predictions.into_iter().zip(rows).enumerate() {
            answers.push(match prediction {
                _ if !has_text(texts) => RowAnswer::NoText,
                Some((value, confidence)) => {
                    if confidence < self.min_confidence {
                        uncertain.push(at);
                    }
                    RowAnswer::Value(value)
                }
                None => {
                    uncertain.push(at);
                    RowAnswer::Failed("the student of fast mode has no answer".to_string())
                }
            });
        }
        uncertain.truncate(self.reserve(uncertain.len() as u64, run) as usize);
        let texts: Vec<SourceTexts<'_>> = uncertain.iter().map(|at| rows[*at].clone()).collect();
        let asked = task.answer(&texts, columns, &run.context)?;
        for (at, answer) in uncertain.into_iter().zip(asked) {
            if matches!(answer, RowAnswer::Value(_)) {
                answers[at] = answer;
            }
        }
        Ok(answers)
    }

    /// Takes up to `rows` of the escalations that are left.
    fn reserve(&self, rows: u64, run: &TaskRun) -> u64 {
        let remaining = run.context.budget.remaining().unwrap_or(u64::MAX);
        let wanted = rows.min(remaining);
        let before = self
            .escalations
            .fetch_update(Relaxed, Relaxed, |left| Some(left.saturating_sub(wanted)));
        wanted.min(before.unwrap_or(0))
    }
}

/// A held-out row: confidence of the student, and equal and compared parts.
struct HeldOutRow {
    confidence: f32,
    equal: usize,
    compared: usize,
}

fn check(
    student: &StudentModel,
    held_out: &[(SourceTexts<'_>, RowValue)],
    attributes: usize,
    is_cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<HeldOutRow>> {
    let rows: Vec<SourceTexts<'_>> = held_out.iter().map(|(texts, _)| texts.clone()).collect();
    let predictions = student.predict(&rows, is_cancelled)?;
    let checks = predictions
        .into_iter()
        .zip(held_out)
        .map(|(prediction, (texts, value))| {
            let (prediction, confidence) = match prediction {
                Some((prediction, confidence)) => (prediction, confidence),
                None => {
                    return HeldOutRow {
                        confidence: 0.0,
                        equal: 0,
                        compared: 1,
                    };
                }
            };
            let (equal, compared) = value.agreement(&prediction, attributes, texts);
            HeldOutRow {
                confidence,
                equal,
                compared,
            }
        });
    Ok(checks.collect())
}

/// Quality that held-out rows let expect.
#[derive(Debug, PartialEq)]
struct ExpectedQuality {
    /// Share of the answers that equal those of the language model, and its 95 % bound.
    agreement: f64,
    lower_bound: f64,
    /// Share of the rows that go to the language model.
    escalated: f64,
    min_confidence: f32,
    is_sufficient: bool,
}

impl ExpectedQuality {
    /// The smallest share of escalated rows, up to `max_share`, that reaches the
    /// agreement `target`; else `max_share`.
    fn choose(mut rows: Vec<HeldOutRow>, max_share: f64, target: f64) -> Self {
        rows.sort_by(|a, b| a.confidence.total_cmp(&b.confidence));
        let compared: usize = rows.iter().map(|row| row.compared).sum();
        let mut equal: usize = rows.iter().map(|row| row.equal).sum();
        let max = (max_share * rows.len() as f64) as usize;
        let mut escalated = 0;
        while (equal as f64) < target * compared as f64 && escalated < max {
            equal += rows[escalated].compared - rows[escalated].equal;
            escalated += 1;
        }
        let min_confidence = match escalated {
            0 => f32::NEG_INFINITY,
            escalated => rows
                .get(escalated)
                .map_or(f32::INFINITY, |row| row.confidence),
        };
        let agreement = equal as f64 / compared.max(1) as f64;
        Self {
            agreement,
            lower_bound: wilson_lower_bound(equal, compared),
            escalated: escalated as f64 / rows.len().max(1) as f64,
            min_confidence,
            is_sufficient: agreement >= target,
        }
    }

    fn notice(&self, call: &TaskCall, answers: usize) -> String {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let model = call
            .task
            .language_model()
            .map_or("", |(model, _)| &model.options().name);
        let mut notice = format!(
            "Fast mode: a student learnt from {answers} answers of {model}. It sends about {} of the rest to {model}; \
             about {} of the answers are those of {model}, by held-out rows (at least {}, with 95 % confidence).",
            percent(self.escalated),
            percent(self.agreement),
            percent(self.lower_bound)
        );
        if !self.is_sufficient {
            let Settings { fast_agreement, .. } = &call.settings;
            notice += &format!(
                " This is less than ai.fast_agreement = {}; raise ai.max_calls or ai.fast_escalation, or SET ai.mode = 'exact'.",
                fast_agreement.get()
            );
        }
        notice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<HeldOutRow> {
        (0..100)
            .map(|at| HeldOutRow {
                confidence: at as f32 / 100.0,
                equal: usize::from(at >= 30),
                compared: 1,
            })
            .collect()
    }

    #[test]
    fn the_least_certain_rows_go_to_the_language_model() {
        let expected = ExpectedQuality::choose(rows(), 0.5, 0.9);
        assert_eq!(expected.escalated, 0.2);
        assert_eq!(expected.min_confidence, 0.2);
        assert!(expected.is_sufficient && expected.lower_bound < 0.9);
        let bounded = ExpectedQuality::choose(rows(), 0.1, 0.9);
        assert_eq!((bounded.escalated, bounded.is_sufficient), (0.1, false));
        let certain = ExpectedQuality::choose(rows(), 0.5, 0.6);
        assert_eq!(certain.min_confidence, f32::NEG_INFINITY);
    }

    #[test]
    fn samples_leave_a_part_of_the_budget() {
        assert_eq!(sample_rows(1_000_000, None), MAX_TASK_SAMPLE);
        assert_eq!(sample_rows(1_000, None), MIN_TASK_SAMPLE);
        assert_eq!(sample_rows(1_000, Some(300)), 270);
        assert_eq!(sample_rows(1_000, Some(0)), 0);
    }
}
