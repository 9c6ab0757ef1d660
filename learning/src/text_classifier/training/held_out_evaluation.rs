//! Quality on held-out rows, doubtful labels and conflicting labels.

use super::super::label_conflicts::conflicting_rows;
use super::super::label_path::{best_path, path_score};
use super::super::metadata::{LabelConflict, LabelDoubt};
use super::fit_task::{FitParameters, FitTask, FittedHeads};
use super::training_rows::TrainingRows;
use crate::evaluation::Confusion;
use semql_inference::Result;

/// Rows below which each row is held out once. With more rows, one fold is held out.
const MIN_ROWS_FOR_ONE_FOLD: usize = 500;
const FOLDS: usize = 5;

/// Largest numbers of reported rows, and characters of their texts.
const MAX_DOUBTS: usize = 500;
const MAX_CONFLICTS: usize = 500;
const MAX_TEXT_CHARS: usize = 200;

/// Results of held-out rows.
#[derive(Default)]
pub struct HeldOutResults {
    /// By level.
    pub confusions: Vec<Confusion>,
    pub rows: u64,
    /// Rows with another prediction, by descending margin.
    pub doubts: Vec<LabelDoubt>,
}

/// Number of folds that are held out of `rows` rows.
pub fn held_out_folds(rows: usize) -> usize {
    match rows < MIN_ROWS_FOR_ONE_FOLD {
        true => FOLDS,
        false => 1,
    }
}

/// Predicts the rows of each held-out fold after a fit to all other rows.
///
/// # Errors
/// [`semql_inference::Error::Interrupted`] once the progress is cancelled.
pub fn evaluate_held_out(
    task: &FitTask<'_>,
    parameters: FitParameters,
    rows: &[usize],
) -> Result<HeldOutResults> {
    let mut results = HeldOutResults {
        confusions: vec![Confusion::default(); task.rows.labels.len()],
        ..HeldOutResults::default()
    };
    for fold in 0..held_out_folds(rows.len()) {
        let (train, test) = task.split(rows, fold, FOLDS);
        let fitted = task.fit(&train, parameters)?;
        for row in test {
            evaluate_row(task, row, &fitted, &mut results);
        }
    }
    let doubts = &mut results.doubts;
    doubts.sort_by(|a, b| b.margin.total_cmp(&a.margin));
    doubts.truncate(MAX_DOUBTS);
    Ok(results)
}

fn evaluate_row(
    task: &FitTask<'_>,
    row: usize,
    fitted: &FittedHeads,
    results: &mut HeldOutResults,
) {
    let features = task.feature_row(row, &fitted.vectors);
    let scores = fitted.heads.iter().map(|head| head.scores(&[features]));
    let scores: Vec<Vec<f32>> = scores.collect();
    let predicted = best_path(task.paths, &scores);
    let labels = &task.rows.paths[row];
    results.rows += 1;
    for (level, confusion) in results.confusions.iter_mut().enumerate() {
        let name = |label: u32| task.rows.labels[level][label as usize];
        confusion.add(Some(name(predicted[level])), name(labels[level]), 1);
    }
    if predicted != *labels {
        results.doubts.push(LabelDoubt {
            texts: text_starts(task.rows, row),
            margin: path_score(&predicted, &scores) - path_score(labels, &scores),
            labels: labels.clone(),
            predicted,
        });
    }
}

/// Pairs of similar rows with different labels.
pub fn label_conflicts(task: &FitTask<'_>) -> Vec<LabelConflict> {
    let pairs = conflicting_rows(&task.rows.texts, &task.classes, MAX_CONFLICTS);
    pairs
        .into_iter()
        .map(|pair| {
            let both = [pair.first, pair.second];
            LabelConflict {
                texts: both.map(|row| text_starts(task.rows, row)),
                labels: both.map(|row| task.rows.paths[row].clone()),
                similarity: pair.similarity,
            }
        })
        .collect()
}

/// By column: the start of the row's text.
fn text_starts(rows: &TrainingRows<'_>, row: usize) -> Vec<Option<String>> {
    let start = |text: &Option<&str>| text.map(|text| text.chars().take(MAX_TEXT_CHARS).collect());
    rows.texts[row].iter().map(start).collect()
}
