//! A trained extractor.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use semql_inference::parallel::parallel_for_each;
use semql_inference::{Error, Result};

use super::candidates::row_values;
use super::context::context_hash;
use super::core::{Decoder, DecoderSets, ExtractorCore, SourceText};
use super::metadata::ExtractorMetadata;
use super::ranking::ValueRanking;
use super::spans::choose_spans;
use crate::extraction::extractor::Extractor;
use crate::extraction::span::{SourceTexts, Span};

/// Rows of a task. Each begins with a check for cancellation.
const CHUNK_ROWS: usize = 64;

/// Extractor of `CREATE MODEL ... EXTRACT`.
pub struct TrainedExtractor {
    pub metadata: ExtractorMetadata,
    pub(super) core: ExtractorCore,
    pub(super) ranking: ValueRanking,
    /// Score that a value must reach.
    pub(super) threshold: f32,
    sets: DecoderSets,
    attributes: Vec<String>,
    columns: Vec<String>,
}

impl TrainedExtractor {
    pub(super) fn new(
        metadata: ExtractorMetadata,
        core: ExtractorCore,
        ranking: ValueRanking,
        threshold: f32,
    ) -> Self {
        Self {
            sets: DecoderSets::new(&core),
            attributes: metadata
                .attributes
                .iter()
                .map(|one| one.name.clone())
                .collect(),
            columns: metadata
                .columns
                .iter()
                .map(|one| one.name.clone())
                .collect(),
            metadata,
            core,
            ranking,
            threshold,
        }
    }

    fn extract_chunk(&self, rows: &[SourceTexts<'_>], spans: &mut [Vec<Span>]) {
        let sources = self.source_columns();
        let mut decoder = Decoder::default();
        for (spans, row) in spans.iter_mut().zip(rows) {
            let texts = row.iter().take(sources);
            let texts: Vec<Option<SourceText>> = texts
                .map(|text| text.map(|text| SourceText::new(text, self.core.splits)))
                .collect();
            let context = context_hash(row.iter().skip(sources).copied());
            let found = self
                .core
                .candidates(&texts, context, &mut decoder, &self.sets);
            let values = row_values(&found.candidates, row, &self.core.rates[found.set]);
            let scores = self.ranking.scores(&values);
            *spans = choose_spans(&found.candidates, &values, &scores, self.threshold);
        }
    }

    fn source_columns(&self) -> usize {
        let columns = self.metadata.columns.iter();
        columns.filter(|column| !column.is_context).count()
    }
}

impl fmt::Debug for TrainedExtractor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrainedExtractor")
            .field("name", &self.metadata.name)
            .finish_non_exhaustive()
    }
}

impl Extractor for TrainedExtractor {
    fn attributes(&self) -> &[String] {
        &self.attributes
    }

    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn extract(
        &self,
        rows: &[SourceTexts<'_>],
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Vec<Span>>> {
        let is_stopped = AtomicBool::new(false);
        let mut all = vec![Vec::new(); rows.len()];
        let chunks = all.chunks_mut(CHUNK_ROWS).zip(rows.chunks(CHUNK_ROWS));
        parallel_for_each(chunks, |(spans, rows)| {
            if is_stopped.load(Ordering::Relaxed) || is_cancelled() {
                is_stopped.store(true, Ordering::Relaxed);
                return;
            }
            self.extract_chunk(rows, spans);
        });
        if is_stopped.into_inner() {
            return Err(Error::Interrupted);
        }
        Ok(all)
    }
}
