//! Trains the scorer of `CREATE MODEL ... MATCH` on labelled pairs.

use semql_inference::parallel::parallel_for_each;
use semql_inference::progress::ProgressSink;
use semql_inference::{Error, Result};

use super::comparison::Comparison;
use super::labelled_pairs::{LabelledPairs, LabelledProduct};
use super::pair_folds::{FOLDS, pair_folds};
use super::pair_scorer::PairScorer;
use super::record::ProductRecord;
use super::scorer_training::{TrainingPair, fit_scorer, log_loss};
use super::trained_matcher::{MatcherMetadata, PairQuality, TrainedMatcher};
use super::vectors::RecordVectors;

/// Strengths of the prior that held-out pairs choose from, the weakest first.
const STRENGTHS: &[f64] = &[0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

/// Fewest pairs of either label.
const MIN_PAIRS_OF_LABEL: usize = 5;

/// Pairs of a task.
const PAIRS_PER_TASK: usize = 4_096;

/// Names and vectors that a training takes beside the pairs.
pub struct MatcherInput<'a> {
    /// Name of the model.
    pub name: &'a str,
    /// Columns of the products: some of `title`, `text` and `price`.
    pub columns: Vec<String>,
    /// Encoder of the titles, and its revision.
    pub encoder: String,
    pub revision: String,
    /// Vectors of the headlines of the products, of `dims` values each.
    pub vectors: &'a [f32],
    pub dims: usize,
}

/// Trains a scorer of pairs. A step of progress is a fit.
///
/// # Errors
/// [`Error::Invalid`] for fewer than five pairs of either label; [`Error::Interrupted`]
/// once `progress` is cancelled.
pub fn train_matcher(
    labelled: &LabelledPairs,
    input: MatcherInput<'_>,
    progress: &dyn ProgressSink,
) -> Result<TrainedMatcher> {
    let matches = labelled.matches();
    let others = labelled.pairs.len() - matches;
    if matches.min(others) < MIN_PAIRS_OF_LABEL {
        return Err(Error::Invalid(format!(
            "the query has {matches} pairs that match and {others} that do not; a matcher learns from at least \
             {MIN_PAIRS_OF_LABEL} of each"
        )));
    }
    let pairs = training_pairs(labelled, &input, progress)?;
    let folds = pair_folds(labelled);
    let untrained = PairScorer::default();
    let mut steps = 0;
    let mut fit = |pairs: &[TrainingPair], strength: f64| -> Result<PairScorer> {
        if progress.is_cancelled() {
            return Err(Error::Interrupted);
        }
        steps += 1;
        progress.step("fits", steps, STRENGTHS.len() * FOLDS + 1);
        Ok(fit_scorer(pairs, &untrained, strength))
    };
    let mut best: Option<(f64, f64, PairQuality)> = None;
    for strength in STRENGTHS {
        let (mut loss, mut quality) = (0.0, PairQuality::default());
        for fold in 0..FOLDS {
            let (training, held_out) = split(&pairs, &folds, fold);
            let scorer = fit(&training, *strength)?;
            loss += log_loss(&held_out, &scorer) * held_out.len() as f64;
            add_quality(&mut quality, &held_out, &scorer);
        }
        if best.is_none_or(|(least, ..)| loss < least) {
            best = Some((loss, *strength, quality));
        }
    }
    let Some((_, strength, quality)) = best else {
        return Err(Error::Failed(
            "no fit of the matcher has a finite loss".to_string(),
        ));
    };
    let scorer = fit(&pairs, strength)?;
    let mut quality_untrained = PairQuality::default();
    add_quality(&mut quality_untrained, &pairs, &untrained);
    Ok(TrainedMatcher {
        metadata: MatcherMetadata {
            name: input.name.to_string(),
            semql_version: env!("CARGO_PKG_VERSION").to_string(),
            columns: input.columns,
            encoder: input.encoder,
            revision: input.revision,
            pairs: pairs.len() as u64,
            matches: matches as u64,
            skipped_rows: labelled.skipped_rows,
            conflicts: labelled.conflicts,
            fingerprint: labelled.fingerprint(),
            strength,
            quality,
            untrained: quality_untrained,
        },
        scorer,
    })
}

/// The features of all pairs.
fn training_pairs(
    labelled: &LabelledPairs,
    input: &MatcherInput<'_>,
    progress: &dyn ProgressSink,
) -> Result<Vec<TrainingPair>> {
    let is_cancelled = || progress.is_cancelled();
    let products = labelled.products.iter();
    let records: Vec<ProductRecord<'_>> = products.map(LabelledProduct::record).collect();
    let vectors = input.vectors.chunks_exact(input.dims.max(1)).map(Some);
    let vectors = RecordVectors::new(input.dims, vectors);
    let comparison = Comparison::new(&records, vectors, &is_cancelled)?;
    let mut found: Vec<Vec<TrainingPair>> =
        vec![Vec::new(); labelled.pairs.len().div_ceil(PAIRS_PER_TASK)];
    let tasks = found.iter_mut().zip(labelled.pairs.chunks(PAIRS_PER_TASK));
    parallel_for_each(tasks, |(found, pairs)| {
        if is_cancelled() {
            return;
        }
        found.extend(pairs.iter().map(|pair| TrainingPair {
            features: comparison.features(pair.a, pair.b),
            is_match: pair.is_match,
        }));
    });
    match is_cancelled() {
        true => Err(Error::Interrupted),
        false => Ok(found.into_iter().flatten().collect()),
    }
}

/// The pairs outside of a fold, and those in it.
fn split(
    pairs: &[TrainingPair],
    folds: &[usize],
    fold: usize,
) -> (Vec<TrainingPair>, Vec<TrainingPair>) {
    let (mut training, mut held_out) = (Vec::new(), Vec::new());
    for (pair, of) in pairs.iter().zip(folds) {
        match *of == fold {
            true => held_out.push(*pair),
            false => training.push(*pair),
        }
    }
    (training, held_out)
}

fn add_quality(quality: &mut PairQuality, pairs: &[TrainingPair], scorer: &PairScorer) {
    for pair in pairs {
        let is_found = scorer.log_odds(&pair.features) >= 0.0;
        quality.hits += u64::from(is_found && pair.is_match);
        quality.found += u64::from(is_found);
        quality.matches += u64::from(pair.is_match);
    }
}
