//! Cross-validation: chooses the parameters of the fit.

use super::super::linear_head::LinearHead;
use super::super::options::{Method, TrainingOptions};
use super::fit_task::{FitParameters, FitTask};
use semql_inference::{Error, Result};

/// Candidates of the cost.
const COSTS: &[f32] = &[0.3, 1.0, 3.0];

/// Candidates of the share of the identity in a metric adapter.
const IDENTITY_SHARES: &[f32] = &[0.6, 0.3, 0.1];

/// Largest number of rows of a cross-validation.
const MAX_ROWS: usize = 3000;
const FOLDS: usize = 3;

/// Gain of accuracy from which a later candidate is better: the first ones
/// generalize better.
const MIN_GAIN: f64 = 0.002;

/// Number of binary classifiers that [`choose_parameters`] trains.
pub fn planned_classifiers(options: &TrainingOptions, width: usize, labels: &[Vec<&str>]) -> usize {
    let of_level = |level: Option<&Vec<&str>>| level.map_or(0, Vec::len) * FOLDS;
    let costs = match options.cost {
        None => COSTS.len() * of_level(labels.first()),
        Some(_) => 0,
    };
    let adapters = match tries_adapters(options, width) {
        true => (1 + IDENTITY_SHARES.len()) * of_level(labels.last()),
        false => 0,
    };
    costs + adapters
}

/// Chooses the cost by the first level, and the adapter by the last level.
///
/// # Errors
/// [`Error::Interrupted`] once the progress is cancelled.
pub fn choose_parameters(task: &FitTask<'_>, options: &TrainingOptions) -> Result<FitParameters> {
    let mut rows: Vec<usize> = (0..task.rows.len()).collect();
    rows.sort_unstable_by_key(|row| task.rows.hashes[*row]);
    rows.truncate(MAX_ROWS);
    let mut parameters = FitParameters {
        cost: options.cost.unwrap_or(COSTS[0]),
        adapter: None,
    };
    if options.cost.is_none() {
        let candidates = COSTS.iter().map(|cost| FitParameters {
            cost: *cost,
            ..parameters
        });
        parameters = best_parameters(task, candidates, 0, &rows)?;
    }
    if tries_adapters(options, task.width) {
        let shares = IDENTITY_SHARES.iter().map(|share| Some(*share));
        let candidates = [None]
            .into_iter()
            .chain(shares)
            .map(|adapter| FitParameters {
                adapter,
                ..parameters
            });
        parameters = best_parameters(task, candidates, task.rows.labels.len() - 1, &rows)?;
    }
    Ok(parameters)
}

fn tries_adapters(options: &TrainingOptions, width: usize) -> bool {
    options.method == Method::Adapter && width > 0
}

/// The first candidate that no other clearly exceeds in accuracy on a level.
fn best_parameters(
    task: &FitTask<'_>,
    candidates: impl Iterator<Item = FitParameters>,
    level: usize,
    rows: &[usize],
) -> Result<FitParameters> {
    let mut best: Option<(FitParameters, f64)> = None;
    for candidate in candidates {
        let mut hits = 0;
        for fold in 0..FOLDS {
            let (train, test) = task.split(rows, fold, FOLDS);
            let (_, vectors) = task.fit_adapter(&train, candidate.adapter);
            let head = task.fit_level(level, &train, candidate.cost, &vectors)?;
            hits += test
                .iter()
                .filter(|row| is_hit(task, level, &head, **row, &vectors))
                .count();
        }
        let accuracy = hits as f64 / rows.len() as f64;
        if best.is_none_or(|(_, highest)| accuracy > highest + MIN_GAIN) {
            best = Some((candidate, accuracy));
        }
    }
    best.map(|(parameters, _)| parameters)
        .ok_or(Error::Interrupted)
}

fn is_hit(
    task: &FitTask<'_>,
    level: usize,
    head: &LinearHead,
    row: usize,
    vectors: &[f32],
) -> bool {
    let scores = head.scores(&[task.feature_row(row, vectors)]);
    semql_inference::classifier::best_label(&scores) == Some(task.rows.paths[row][level] as usize)
}
