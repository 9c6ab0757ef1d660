//! A trained extractor.

use std::fmt;

use semql_inference::{Error, Result};

use super::context::context_hash;
use super::core::{Decoder, ExtractorCore, SourceText};
use super::crf::Lattice;
use super::metadata::ExtractorMetadata;
use super::spans::choose_spans;
use crate::extraction::extractor::Extractor;
use crate::extraction::span::{SourceTexts, Span};

/// Rows between two checks for cancellation.
const CANCEL_INTERVAL: usize = 64;

/// Extractor of `CREATE MODEL ... EXTRACT`.
pub struct TrainedExtractor {
    pub metadata: ExtractorMetadata,
    pub(super) core: ExtractorCore,
    /// Probability that a value must reach.
    pub(super) threshold: f64,
    decoder: Decoder,
    attributes: Vec<String>,
    columns: Vec<String>,
}

impl TrainedExtractor {
    pub(super) fn new(metadata: ExtractorMetadata, core: ExtractorCore, threshold: f64) -> Self {
        Self {
            decoder: Decoder::new(&core),
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
            threshold,
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
        let sources = self.source_columns();
        let mut lattice = Lattice::default();
        let mut all = Vec::with_capacity(rows.len());
        for (at, row) in rows.iter().enumerate() {
            if at % CANCEL_INTERVAL == 0 && is_cancelled() {
                return Err(Error::Interrupted);
            }
            let texts: Vec<Option<SourceText<'_>>> = row
                .iter()
                .take(sources)
                .map(|text| text.map(SourceText::new))
                .collect();
            let context = context_hash(row.iter().skip(sources).copied());
            let candidates = self
                .core
                .candidates(&texts, context, &self.decoder, &mut lattice);
            all.push(choose_spans(&candidates, row, self.threshold));
        }
        Ok(all)
    }
}
