//! What a call computes for each row.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::error::Result;
use semql_language_models::{LanguageModel, LanguageModelTask, RequestContext};
use semql_learning::extraction::{SourceTexts, Span, best_span, has_text};

use super::answer::{RowAnswer, RowValue};
use super::arrays;
use super::extractor_source::ExtractorSource;
use super::language_model_answers::row_answers;
use super::normalizers::AttributeNormalizers;
use crate::error::to_datafusion;

/// A resolved call: what answers, and the type of the results.
#[derive(Clone, Debug)]
pub struct RowTask {
    pub source: TaskSource,
    pub output: TaskOutput,
}

/// What answers.
#[derive(Clone, Debug)]
pub enum TaskSource {
    /// An extractor of this process.
    Extractor(Arc<ExtractorSource>),
    /// A language model behind an endpoint. Texts leave the process.
    LanguageModel {
        model: Arc<LanguageModel>,
        task: LanguageModelTask,
        normalizers: Arc<AttributeNormalizers>,
    },
}

/// Form of the results.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskOutput {
    /// Struct of the best value of each attribute.
    Values(Vec<String>),
    /// Struct of the spans of each attribute.
    Details(Vec<String>),
    /// One of the labels.
    Label(Vec<String>),
    Condition,
    Text,
}

impl RowTask {
    /// The language model and its task, if one answers.
    pub fn language_model(&self) -> Option<(&Arc<LanguageModel>, &LanguageModelTask)> {
        match &self.source {
            TaskSource::LanguageModel { model, task, .. } => Some((model, task)),
            TaskSource::Extractor(_) => None,
        }
    }

    /// Type of the results.
    pub fn output_type(&self) -> DataType {
        match &self.output {
            TaskOutput::Values(attributes) => arrays::values_type(attributes),
            TaskOutput::Details(attributes) => arrays::details_type(attributes, self.has_error()),
            TaskOutput::Label(_) | TaskOutput::Text => DataType::Utf8,
            TaskOutput::Condition => DataType::Boolean,
        }
    }

    /// Whether a student can learn the answers: any but free text.
    pub fn has_student(&self) -> bool {
        self.output != TaskOutput::Text
    }

    fn has_error(&self) -> bool {
        self.language_model().is_some()
    }

    /// Answers each distinct row once, in the order of `rows`. `columns` are the names of
    /// the texts.
    ///
    /// # Errors
    /// Cancellation; a language model that cannot be used, or a budget that is used up.
    pub fn answer(
        &self,
        rows: &[SourceTexts<'_>],
        columns: &[String],
        context: &RequestContext,
    ) -> Result<Vec<RowAnswer>> {
        let distinct = DistinctRows::new(rows);
        let answers = match &self.source {
            TaskSource::Extractor(source) => source.answer(&distinct.rows, &context.cancel),
            TaskSource::LanguageModel {
                model,
                task,
                normalizers,
            } => {
                let answers = model.answer(task, &distinct.rows, columns, context);
                answers.map(|answers| row_answers(answers, &distinct.rows, normalizers))
            }
        };
        Ok(distinct.scatter(answers.map_err(to_datafusion)?))
    }

    /// The results of answers as an array.
    ///
    /// # Errors
    /// Those of Arrow.
    pub fn array(
        &self,
        rows: &[SourceTexts<'_>],
        columns: &[String],
        answers: &[&RowAnswer],
    ) -> Result<ArrayRef> {
        Ok(match &self.output {
            TaskOutput::Values(attributes) => arrays::values_array(attributes, rows, answers)?,
            TaskOutput::Details(attributes) => {
                arrays::details_array(attributes, self.has_error(), columns, rows, answers)?
            }
            TaskOutput::Label(labels) => arrays::labels_array(labels, answers),
            TaskOutput::Condition => arrays::conditions_array(answers),
            TaskOutput::Text => arrays::texts_array(answers),
        })
    }
}

/// The distinct rows with a text, and the position of each row among them.
struct DistinctRows<'a> {
    rows: Vec<SourceTexts<'a>>,
    /// `None` for a row without a text.
    positions: Vec<Option<usize>>,
}

impl<'a> DistinctRows<'a> {
    fn new(all: &[SourceTexts<'a>]) -> Self {
        let (mut seen, mut rows) = (HashMap::<&[Option<&str>], usize>::new(), Vec::new());
        let positions = all
            .iter()
            .map(|texts| {
                has_text(texts).then(|| match seen.entry(texts.as_slice()) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(new) => {
                        rows.push(texts.clone());
                        *new.insert(rows.len() - 1)
                    }
                })
            })
            .collect();
        Self { rows, positions }
    }

    fn scatter(&self, answers: Vec<RowAnswer>) -> Vec<RowAnswer> {
        let answer = |position: &Option<usize>| match position {
            Some(position) => answers[*position].clone(),
            None => RowAnswer::NoText,
        };
        self.positions.iter().map(answer).collect()
    }
}

impl RowValue {
    /// Equal and compared parts of two answers to the same `texts`: the best values of
    /// attributes, else the whole answer. Attributes without a value in both are not
    /// compared.
    pub fn agreement(
        &self,
        other: &Self,
        attributes: usize,
        texts: &SourceTexts<'_>,
    ) -> (usize, usize) {
        let (Self::Spans(a), Self::Spans(b)) = (self, other) else {
            return (usize::from(self == other), 1);
        };
        let value = |spans: &[Span], attribute: usize| {
            let value = best_span(spans, attribute)?.value(texts)?;
            Some(value.trim().to_lowercase())
        };
        let (mut equal, mut total) = (0, 0);
        for attribute in 0..attributes {
            let (a, b) = (value(a, attribute), value(b, attribute));
            if a.is_some() || b.is_some() {
                total += 1;
                equal += usize::from(a == b);
            }
        }
        (equal, total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_are_answered_once_and_blank_rows_never() {
        let rows = [
            vec![Some("a"), None],
            vec![None, Some("a")],
            vec![Some("a"), None],
            vec![Some(" "), None],
        ];
        let distinct = DistinctRows::new(&rows);
        assert_eq!(distinct.rows.len(), 2);
        let answers = vec![
            RowAnswer::Value(RowValue::Label(0)),
            RowAnswer::Value(RowValue::Label(1)),
        ];
        let label = |label| RowAnswer::Value(RowValue::Label(label));
        let scattered = distinct.scatter(answers);
        assert_eq!(scattered, [label(0), label(1), label(0), RowAnswer::NoText]);
    }
}
