//! Training of an extractor, with held-out quality.

use std::collections::HashSet;
use std::sync::Arc;

use semql_inference::progress::ProgressSink;
use semql_inference::{Error, Result};

use super::columns::ColumnRoles;
use super::core::{Decoder, ExtractorCore, SourceText, fold_of};
use super::corpus::{Corpus, CorpusRow};
use super::crf::{CrfOptions, Lattice};
use super::evaluation::ValueCounts;
use super::examples::{ExtractionExamples, ExtractionFeatures, ExtractionOptions};
use super::format::MAX_ATTRIBUTES;
use super::hashing::{hash_text, mix};
use super::metadata::{AttributeQuality, ExtractorColumn, ExtractorMetadata, MisalignedValue};
use super::spans::{Candidate, choose_spans};
use super::trained_extractor::TrainedExtractor;
use crate::token_vectors::TokenVectors;

/// Folds whose rows are held out in turn.
const FOLDS: usize = 3;

/// Groups below which nothing is held out.
const MIN_GROUPS: usize = 6;

/// Threshold of the probability without held-out rows.
const DEFAULT_THRESHOLD: f64 = 0.4;

/// Thresholds that are compared on held-out rows.
const THRESHOLDS: [f64; 9] = [0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6];

/// Optimization of the extractor.
const FINAL: CrfOptions = CrfOptions {
    l2: 1.0,
    iterations: 40,
};

/// Optimization for held-out rows.
const HELD_OUT: CrfOptions = CrfOptions {
    l2: 1.0,
    iterations: 30,
};

/// Step label of the progress.
const STEP: &str = "extractors";

/// Trains an extractor. `vectors` are reserved for features that it does not use yet.
///
/// # Errors
/// [`Error::Invalid`] for duplicate attributes, and if no value is in a text of its row;
/// [`Error::Interrupted`] once `progress` is cancelled.
pub fn train_extractor(
    name: &str,
    examples: &ExtractionExamples,
    options: &ExtractionOptions,
    _vectors: Option<Arc<TokenVectors>>,
    progress: &dyn ProgressSink,
) -> Result<TrainedExtractor> {
    check(examples)?;
    let roles = ColumnRoles::choose(examples, options)?;
    let corpus = Corpus::new(examples, &roles);
    let has_value = corpus.groups.iter().any(|values| !values.is_empty());
    if !has_value {
        return Err(nothing_to_learn(examples, &corpus));
    }
    let steps = FOLDS + 1;
    progress.step(STEP, 0, steps);
    let held_out = held_out(&corpus, options.seed, progress, steps)?;
    let threshold = best_threshold(&held_out, corpus.attributes);
    let all: Vec<&CorpusRow> = corpus.rows.iter().collect();
    let core = ExtractorCore::train(&corpus, &all, FINAL, progress)?;
    progress.step(STEP, steps, steps);
    let counts = counts(&held_out, corpus.attributes, threshold);
    let metadata = metadata(name, examples, &roles, &corpus, &held_out, &counts);
    Ok(TrainedExtractor::new(metadata, core, threshold))
}

fn check(examples: &ExtractionExamples) -> Result<()> {
    let invalid = |message: String| Err(Error::Invalid(message));
    if examples.attributes.is_empty() {
        return invalid("an extractor needs an attribute".to_string());
    }
    let mut seen = HashSet::new();
    for attribute in &examples.attributes {
        if attribute.trim().is_empty() {
            return invalid("the name of an attribute is blank".to_string());
        }
        if !seen.insert(attribute.to_lowercase()) {
            return invalid(format!("the attribute {attribute} is given twice"));
        }
    }
    if examples.attributes.len() > MAX_ATTRIBUTES {
        return invalid(format!(
            "{} attributes exceed the limit of {MAX_ATTRIBUTES}",
            examples.attributes.len()
        ));
    }
    if examples.columns.is_empty() {
        return invalid("an extractor needs a text column".to_string());
    }
    Ok(())
}

fn nothing_to_learn(examples: &ExtractionExamples, corpus: &Corpus) -> Error {
    let Some(example) = corpus.misaligned.first() else {
        return Error::Invalid(format!(
            "no row has a text and a value of {}, so there is nothing to learn",
            examples.attributes.join(", ")
        ));
    };
    let texts: Vec<&str> = example.texts.iter().flatten().map(String::as_str).collect();
    Error::Invalid(format!(
        "no value is in a text of its row, so there is nothing to learn; for example, {} = '{}' is not in '{}'",
        attribute_name(examples, &example.attribute),
        example.value,
        texts.join("' or '")
    ))
}

fn attribute_name<'a>(examples: &'a ExtractionExamples, position: &str) -> &'a str {
    let position: usize = position.parse().unwrap_or(0);
    examples.attributes.get(position).map_or("", String::as_str)
}

/// A held-out row with its candidates.
struct HeldOut<'a> {
    row: &'a CorpusRow,
    candidates: Vec<Candidate>,
}

impl HeldOut<'_> {
    fn texts(&self) -> Vec<Option<&str>> {
        let texts = self.row.texts.iter();
        texts
            .map(|text| text.as_ref().map(|text| text.text.as_str()))
            .collect()
    }
}

fn held_out<'a>(
    corpus: &'a Corpus,
    seed: u64,
    progress: &dyn ProgressSink,
    steps: usize,
) -> Result<Vec<HeldOut<'a>>> {
    let groups: HashSet<usize> = corpus.rows.iter().map(|row| row.group).collect();
    if groups.len() < MIN_GROUPS {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for fold in 0..FOLDS {
        let (out, learnt): (Vec<&CorpusRow>, Vec<&CorpusRow>) = corpus
            .rows
            .iter()
            .partition(|row| fold_of(row.group, seed, FOLDS) == fold);
        if out.is_empty() || learnt.is_empty() {
            continue;
        }
        let core = ExtractorCore::train(corpus, &learnt, HELD_OUT, progress)?;
        let (decoder, mut lattice) = (Decoder::new(&core), Lattice::default());
        for row in out {
            let texts: Vec<Option<SourceText<'_>>> = row
                .texts
                .iter()
                .map(|text| text.as_ref().map(|text| SourceText::new(&text.text)))
                .collect();
            let context = row.context.map(|at| corpus.contexts.contexts[at].0);
            all.push(HeldOut {
                row,
                candidates: core.candidates(&texts, context, &decoder, &mut lattice),
            });
        }
        progress.step(STEP, fold + 1, steps);
    }
    Ok(all)
}

/// By attribute: the counts at a threshold.
fn counts(held_out: &[HeldOut<'_>], attributes: usize, threshold: f64) -> Vec<ValueCounts> {
    let mut counts = vec![ValueCounts::default(); attributes];
    for one in held_out {
        let texts = one.texts();
        let spans = choose_spans(&one.candidates, &texts, threshold);
        for (attribute, counts) in counts.iter_mut().enumerate() {
            if let Some(labels) = &one.row.values[attribute] {
                counts.add(&spans, attribute, &texts, labels);
            }
        }
    }
    counts
}

fn total(counts: &[ValueCounts]) -> ValueCounts {
    counts
        .iter()
        .fold(ValueCounts::default(), |mut sum, counts| {
            sum.merge(counts);
            sum
        })
}

fn best_threshold(held_out: &[HeldOut<'_>], attributes: usize) -> f64 {
    let mut best = (DEFAULT_THRESHOLD, 0.0);
    for threshold in THRESHOLDS {
        let f1 = total(&counts(held_out, attributes, threshold)).quality().f1;
        if f1 > best.1 {
            best = (threshold, f1);
        }
    }
    best.0
}

fn metadata(
    name: &str,
    examples: &ExtractionExamples,
    roles: &ColumnRoles,
    corpus: &Corpus,
    held_out: &[HeldOut<'_>],
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
            misaligned: corpus.misaligned_counts[at],
            quality: counts[at].quality(),
        }
    });
    let misaligned = corpus.misaligned.iter().map(|one| MisalignedValue {
        attribute: attribute_name(examples, &one.attribute).to_string(),
        ..one.clone()
    });
    ExtractorMetadata {
        name: name.to_string(),
        semql_version: env!("CARGO_PKG_VERSION").to_string(),
        columns: sources
            .chain(roles.contexts.iter().map(column(true)))
            .collect(),
        attributes: attributes.collect(),
        rows: corpus.rows.len() as u64,
        skipped_rows: corpus.skipped_rows as u64,
        held_out: held_out.len() as u64,
        fingerprint: fingerprint(corpus),
        micro: total(counts).quality(),
        misaligned: misaligned.collect(),
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

#[cfg(test)]
mod tests {
    use super::super::test_rows::products;
    use super::*;
    use crate::extraction::extractor::Extractor;

    fn trained(examples: &ExtractionExamples) -> Result<TrainedExtractor> {
        train_extractor("a", examples, &ExtractionOptions::default(), None, &|| {
            false
        })
    }

    #[test]
    fn values_of_new_rows_are_found() {
        let extractor = trained(&products(120)).unwrap();
        let metadata = &extractor.metadata;
        assert!(metadata.micro.f1 > 0.9, "{:?}", metadata.micro);
        assert_eq!((metadata.rows, metadata.held_out), (120, 120));
        let text = "Dyna dark blue chair 999";
        let spans = extractor
            .extract(&[vec![Some(text)], vec![None]], &|| false)
            .unwrap();
        let values: Vec<_> = spans[0]
            .iter()
            .map(|span| (span.attribute, &text[span.start..span.end]))
            .collect();
        assert_eq!(values, [(0, "Dyna"), (1, "dark blue")]);
        assert!(spans[1].is_empty());
        let cancelled = extractor.extract(&[vec![Some(text)]], &|| true);
        assert_eq!(cancelled, Err(Error::Interrupted));
    }

    #[test]
    fn unusable_rows_are_errors() {
        let mut twice = products(10);
        twice.attributes[1] = "Brand".to_string();
        assert!(
            trained(&twice)
                .unwrap_err()
                .to_string()
                .contains("given twice")
        );
        let mut elsewhere = products(10);
        elsewhere.values = vec![vec![Some(vec!["nowhere".to_string()]); 10]; 2];
        let message = trained(&elsewhere).unwrap_err().to_string();
        assert!(
            message.contains("brand = 'nowhere' is not in 'Acme"),
            "{message}"
        );
        let mut unlabelled = products(10);
        unlabelled.values = vec![vec![None; 10]; 2];
        assert!(trained(&unlabelled).is_err());
    }

    #[test]
    fn one_row_is_enough_for_a_model() {
        let one = trained(&products(1)).unwrap();
        assert_eq!((one.metadata.rows, one.metadata.held_out), (1, 0));
    }

    #[test]
    fn misaligned_values_are_listed() {
        let mut examples = products(30);
        examples.values[1][1] = Some(vec!["purple".to_string()]);
        let metadata = trained(&examples).unwrap().metadata;
        let listed: Vec<_> = metadata
            .misaligned
            .iter()
            .map(|one| (one.attribute.as_str(), one.value.as_str()))
            .collect();
        assert_eq!(listed, [("color", "purple")]);
        assert_eq!(metadata.attributes[1].misaligned, 1);
    }
}
