//! Metadata of a trained extractor.

use std::collections::HashSet;

use super::aligned_rows::AlignedRows;
use super::columns::ColumnRoles;
use super::corpus::{Corpus, CorpusRow};
use super::evaluation::ValueCounts;
use super::examples::{ExtractionExamples, ExtractionFeatures};
use super::hashing::{hash_text, mix};
use super::metadata::{AttributeQuality, ExtractorColumn, ExtractorMetadata};

/// The metadata, with the counts of `held_out` rows by attribute.
pub fn metadata(
    name: &str,
    examples: &ExtractionExamples,
    roles: &ColumnRoles,
    aligned: &AlignedRows<'_>,
    corpus: &Corpus,
    held_out: usize,
    counts: &[ValueCounts],
) -> ExtractorMetadata {
    let column = |is_context: bool| {
        move |at: &usize| ExtractorColumn {
            name: examples.columns[*at].clone(),
            is_context,
        }
    };
    let sources = roles.sources.iter().map(column(false));
    let attributes = examples.attributes.iter().enumerate().map(|(at, name)| {
        let rows = || {
            corpus
                .rows
                .iter()
                .filter_map(move |row| row.values[at].as_ref())
        };
        let values: HashSet<&String> = rows().flatten().collect();
        AttributeQuality {
            name: name.clone(),
            labelled: rows().filter(|values| !values.is_empty()).count() as u64,
            values: values.len() as u64,
            misaligned: aligned.misaligned_counts[at],
            quality: counts[at].quality(),
        }
    });
    ExtractorMetadata {
        name: name.to_string(),
        semql_version: env!("CARGO_PKG_VERSION").to_string(),
        columns: sources
            .chain(roles.contexts.iter().map(column(true)))
            .collect(),
        attributes: attributes.collect(),
        rows: corpus.rows.len() as u64,
        skipped_rows: aligned.skipped_rows as u64,
        held_out: held_out as u64,
        fingerprint: fingerprint(corpus),
        micro: ValueCounts::total(counts).quality(),
        misaligned: aligned.misaligned.clone(),
        features: ExtractionFeatures::ALL[0].0.to_string(),
        teacher: None,
    }
}

/// Sum of the hashes of the rows, which does not depend on their order.
fn fingerprint(corpus: &Corpus) -> String {
    let row_hash = |row: &CorpusRow| {
        let texts = row
            .texts
            .iter()
            .map(|text| text.as_ref().map_or(1, |text| hash_text(&text.text)));
        let values = row
            .values
            .iter()
            .flatten()
            .flatten()
            .map(|value| hash_text(value));
        texts.chain(values).fold(0, mix)
    };
    let sum = corpus
        .rows
        .iter()
        .map(row_hash)
        .fold(0_u64, u64::wrapping_add);
    format!("{sum:016x}")
}
