//! Trains a classifier, and measures it on held-out rows.

use std::sync::atomic::AtomicUsize;

use super::super::classifier::TextClassifier;
use super::super::metadata::{ClassifierMetadata, LabelLevel, LabelScores};
use super::super::ngrams::{NgramBuffers, NgramVocabulary, SparseVector};
use super::super::options::TrainingOptions;
use super::cross_validation::{choose_parameters, planned_classifiers};
use super::examples::{TrainingExamples, TrainingVectors};
use super::fit_task::{FitTask, FittedHeads};
use super::held_out_evaluation::{
    HeldOutResults, evaluate_held_out, held_out_folds, label_conflicts,
};
use super::training_rows::TrainingRows;
use crate::evaluation::Confusion;
use semql_inference::Result;
use semql_inference::progress::ProgressSink;

/// Trains a classifier called `name`, on n-grams alone without `vectors`. A step of
/// `progress` is the training of a binary classifier.
///
/// # Errors
/// [`Invalid`](semql_inference::Error::Invalid) without usable rows or with a single
/// label, [`Interrupted`](semql_inference::Error::Interrupted) once `progress` is
/// cancelled.
pub fn train(
    name: &str,
    examples: &TrainingExamples,
    options: &TrainingOptions,
    vectors: Option<TrainingVectors>,
    progress: &dyn ProgressSink,
) -> Result<TextClassifier> {
    let rows = TrainingRows::new(examples)?;
    let vocabulary = NgramVocabulary::of(&rows.texts, examples.columns.len());
    let mut buffers = NgramBuffers::default();
    let ngrams = rows
        .texts
        .iter()
        .map(|row| vocabulary.row(row, &mut buffers));
    let ngrams: Vec<SparseVector> = ngrams.collect();
    let mut paths: Vec<Vec<u32>> = rows.paths.clone();
    paths.sort_unstable();
    paths.dedup();
    let classes = rows.paths.iter();
    let classes = classes.map(|path| paths.binary_search(path).unwrap_or_default() as u32);
    let (width, block) = vectors.as_ref().map_or((0, 0), |v| (v.width, v.block));
    let labels: usize = rows.labels.iter().map(Vec::len).sum();
    let final_fits = held_out_folds(rows.len()) + 1;
    let task = FitTask {
        rows: &rows,
        paths: &paths,
        classes: classes.collect(),
        ngrams: &ngrams,
        features: vocabulary.len(),
        vectors: vectors
            .as_ref()
            .map_or_else(Vec::new, |v| v.of(&rows.positions)),
        width,
        block,
        balanced: options.balanced,
        progress,
        trained: AtomicUsize::new(0),
        planned: planned_classifiers(options, width, &rows.labels) + final_fits * labels,
    };
    let parameters = choose_parameters(&task, options)?;
    let all: Vec<usize> = (0..rows.len()).collect();
    let HeldOutResults {
        confusions,
        rows: held_out,
        doubts,
    } = evaluate_held_out(&task, parameters, &all)?;
    let conflicts = label_conflicts(&task);
    let FittedHeads { adapter, heads, .. } = task.fit(&all, parameters)?;
    let source = vectors.map(|vectors| vectors.source);
    let levels = examples.levels.iter().zip(&rows.labels).zip(confusions);
    let levels = levels
        .map(|((column, labels), confusion)| label_level(column, labels, &confusion))
        .collect();
    Ok(TextClassifier {
        metadata: ClassifierMetadata {
            name: name.to_string(),
            semql_version: env!("CARGO_PKG_VERSION").to_string(),
            columns: examples.columns.clone(),
            levels,
            rows: rows.len() as u64,
            skipped_rows: (examples.len() - rows.len()) as u64,
            fingerprint: rows.fingerprint(),
            cost: parameters.cost,
            balanced: options.balanced,
            features: source
                .as_ref()
                .map(|source| source.features)
                .unwrap_or_default(),
            adapter: parameters.adapter.filter(|_| !adapter.map.is_empty()),
            held_out,
            doubts,
            conflicts,
            paths,
        },
        ngrams: vocabulary,
        source,
        adapter,
        heads,
    })
}

fn label_level(column: &str, labels: &[&str], confusion: &Confusion) -> LabelLevel {
    let counts = confusion.labels();
    let scores = |label: &&str| {
        let counts = counts.get(label).copied().unwrap_or_default();
        LabelScores {
            rows: counts.rows,
            precision: counts.precision(),
            recall: counts.recall(),
            f1: counts.f1(),
        }
    };
    LabelLevel {
        column: column.to_string(),
        labels: labels.iter().map(|label| label.to_string()).collect(),
        accuracy: confusion.accuracy().unwrap_or_default(),
        macro_f1: confusion.macro_f1().unwrap_or_default(),
        weighted_f1: confusion.weighted_f1().unwrap_or_default(),
        label_scores: labels.iter().map(scores).collect(),
    }
}
