//! Extraction by an extractor of this process: trained, or by rules.

use std::sync::{Arc, Mutex, PoisonError};

use semql_inference::cancellation::Cancellation;
use semql_inference::parallel::{cores, parallel_for_each};
use semql_inference::sync::lock;
use semql_inference::{Error, Result};
use semql_learning::extraction::{Extractor, SourceTexts, Span};

use super::answer::{RowAnswer, RowValue};
use super::normalizers::AttributeNormalizers;

/// Rows that one thread extracts between two checks of the other threads.
const ROWS_PER_TASK: usize = 256;

/// Attributes that an extractor finds, and those that a call requests.
#[derive(Debug)]
pub struct ExtractorSource {
    pub extractor: Arc<dyn Extractor>,
    /// By attribute of the extractor: its position in the call.
    pub requested: Vec<Option<usize>>,
    /// Text columns of the extractor that the call omits, at the end.
    pub omitted: usize,
    pub normalizers: AttributeNormalizers,
}

impl ExtractorSource {
    /// Extracts the spans of distinct rows, on all cores.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn answer(
        &self,
        rows: &[SourceTexts<'_>],
        cancel: &Cancellation,
    ) -> Result<Vec<RowAnswer>> {
        let mut answers: Vec<RowAnswer> = vec![RowAnswer::NoText; rows.len()];
        let size = rows.len().div_ceil(cores()).clamp(1, ROWS_PER_TASK);
        let is_cancelled = || cancel.is_cancelled();
        let parts: Vec<_> = answers.chunks_mut(size).zip(rows.chunks(size)).collect();
        let failed: Mutex<Option<Error>> = Mutex::default();
        parallel_for_each(parts.into_iter(), |(answers, rows)| {
            let padded: Vec<SourceTexts<'_>> = match self.omitted {
                0 => rows.to_vec(),
                omitted => rows.iter().map(|row| padded(row, omitted)).collect(),
            };
            match self.extractor.extract(&padded, &is_cancelled) {
                Ok(found) => {
                    for ((answer, spans), texts) in answers.iter_mut().zip(found).zip(rows) {
                        *answer = RowAnswer::Value(RowValue::Spans(self.selected(spans, texts)));
                    }
                }
                Err(error) => {
                    lock(&failed).get_or_insert(error);
                }
            }
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(answers),
        }
    }

    /// The spans of the requested attributes, ordered by attribute, column and start.
    fn selected(&self, spans: Vec<Span>, texts: &SourceTexts<'_>) -> Vec<Span> {
        let mut selected: Vec<Span> = spans
            .into_iter()
            .filter_map(|mut span| {
                span.attribute = (*self.requested.get(span.attribute)?)?;
                Some(span)
            })
            .collect();
        selected.sort_by_key(|span| (span.attribute, span.column, span.start));
        self.normalizers.apply(&mut selected, texts);
        selected
    }
}

fn padded<'a>(row: &SourceTexts<'a>, omitted: usize) -> SourceTexts<'a> {
    let mut row = row.clone();
    row.resize(row.len() + omitted, None);
    row
}
