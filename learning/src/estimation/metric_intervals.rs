//! Intervals of accuracy, F1 and kappa, from the confusion matrix of a random sample.

use semql_inference::random::Random;

use super::binomial::binomial;
use super::distributions::normal_quantile;
use crate::evaluation::{
    Confusion, LabelCounts, cohen_kappa, macro_f1, weighted_f1, wilson_interval,
};

/// Resampled confusion matrices.
const REPLICATES: usize = 2_000;

const SEED: u64 = 0;

/// Rows that resampling assumes beside those seen, once as correct and once as wrong
/// predictions. Without them, a small sample without an error would have no width.
const PRIOR: f64 = 0.5;

/// A figure with an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetricInterval {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// Accuracy with Wilson's interval; `None` without rows.
pub fn accuracy_interval(confusion: &Confusion, confidence: f64) -> Option<MetricInterval> {
    let value = confusion.accuracy()?;
    let rows = confusion.rows() as f64;
    let (low, high) = wilson_interval(value * rows, rows, normal_quantile(confidence));
    Some(MetricInterval {
        value,
        low: low.min(value),
        high: high.max(value),
    })
}

/// [`Confusion::macro_f1`] with a bootstrap interval.
pub fn macro_f1_interval(confusion: &Confusion, confidence: f64) -> Option<MetricInterval> {
    let metric = |labels: &[LabelCounts]| macro_f1(labels.iter());
    bootstrap(confusion, confusion.macro_f1()?, confidence, metric)
}

/// [`Confusion::weighted_f1`] with a bootstrap interval.
pub fn weighted_f1_interval(confusion: &Confusion, confidence: f64) -> Option<MetricInterval> {
    let metric = |labels: &[LabelCounts]| weighted_f1(labels.iter());
    bootstrap(confusion, confusion.weighted_f1()?, confidence, metric)
}

/// [`Confusion::cohen_kappa`] with a bootstrap interval.
pub fn cohen_kappa_interval(confusion: &Confusion, confidence: f64) -> Option<MetricInterval> {
    let metric = |labels: &[LabelCounts]| cohen_kappa(labels.iter());
    bootstrap(confusion, confusion.cohen_kappa()?, confidence, metric)
}

/// Percentile interval of `metric` over matrices whose cells are drawn anew: as many rows
/// as the matrix has, each cell with its share of the rows. The same matrix has the same
/// interval.
fn bootstrap(
    confusion: &Confusion,
    value: f64,
    confidence: f64,
    metric: impl Fn(&[LabelCounts]) -> Option<f64>,
) -> Option<MetricInterval> {
    let (cells, labels) = smoothed_cells(confusion);
    let rows = confusion.rows();
    let mut random = Random::new(SEED);
    let mut values: Vec<f64> = Vec::with_capacity(REPLICATES);
    let mut counts = vec![LabelCounts::default(); labels];
    for _ in 0..REPLICATES {
        counts.fill(LabelCounts::default());
        let (mut left, mut weight) = (rows, cells.iter().map(|cell| cell.weight).sum::<f64>());
        for cell in &cells {
            // Conditional on the cells before it, a cell is binomial.
            let drawn = binomial(left, (cell.weight / weight).min(1.0), &mut random);
            left -= drawn;
            weight = (weight - cell.weight).max(f64::MIN_POSITIVE);
            counts[cell.label].rows += drawn;
            if let Some(predicted) = cell.predicted {
                counts[predicted].predicted += drawn;
                if predicted == cell.label {
                    counts[predicted].hits += drawn;
                }
            }
        }
        values.extend(metric(&counts));
    }
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let at = |share: f64| values[((share * last as f64).round() as usize).min(last)];
    let tail = (1.0 - confidence) / 2.0;
    Some(MetricInterval {
        value,
        low: at(tail).min(value),
        high: at(1.0 - tail).max(value),
    })
}

/// Cell of a confusion matrix; labels are numbers.
struct Cell {
    predicted: Option<usize>,
    label: usize,
    weight: f64,
}

/// The cells with the prior rows, and the number of labels.
fn smoothed_cells(confusion: &Confusion) -> (Vec<Cell>, usize) {
    let labels: Vec<(&str, LabelCounts)> = confusion.labels().into_iter().collect();
    let number = |name: &str| labels.binary_search_by_key(&name, |(label, _)| label).ok();
    let mut cells: Vec<Cell> = Vec::new();
    for (predicted, label, rows) in confusion.entries() {
        if let Some(label) = number(label) {
            cells.push(Cell {
                predicted: predicted.and_then(number),
                label,
                weight: rows as f64,
            });
        }
    }
    let rows = confusion.rows().max(1) as f64;
    for (label, (_, counts)) in labels.iter().enumerate() {
        let share = counts.rows as f64 / rows;
        // A wrong prediction is that of the next label; a sole label has no other.
        let wrong = (labels.len() > 1).then(|| (label + 1) % labels.len());
        for predicted in [Some(label), wrong] {
            cells.push(Cell {
                predicted,
                label,
                weight: PRIOR * share,
            });
        }
    }
    (cells, labels.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confusion(cells: &[(Option<&str>, &str, u64)]) -> Confusion {
        let mut confusion = Confusion::default();
        for (predicted, label, rows) in cells {
            confusion.add(*predicted, label, *rows);
        }
        confusion
    }

    const METRICS: [fn(&Confusion, f64) -> Option<MetricInterval>; 4] = [
        accuracy_interval,
        macro_f1_interval,
        weighted_f1_interval,
        cohen_kappa_interval,
    ];

    /// Cells of a population: predicted, label, share.
    const POPULATION: [(usize, usize, f64); 7] = [
        (0, 0, 0.45),
        (1, 0, 0.05),
        (1, 1, 0.25),
        (0, 1, 0.05),
        (2, 2, 0.12),
        (0, 2, 0.04),
        (2, 1, 0.04),
    ];

    fn sample(rows: usize, seed: u64) -> Confusion {
        let mut random = Random::new(seed);
        let mut confusion = Confusion::default();
        for _ in 0..rows {
            let mut left = random.unit();
            let cell = POPULATION.iter().find(|(.., share)| {
                left -= share;
                left < 0.0
            });
            let (predicted, label, _) = cell.unwrap_or(&POPULATION[0]);
            confusion.add(
                Some(["a", "b", "c"][*predicted]),
                ["a", "b", "c"][*label],
                1,
            );
        }
        confusion
    }

    #[test]
    fn intervals_cover_the_figures_of_the_population() {
        let mut population = Confusion::default();
        for (predicted, label, share) in POPULATION {
            let rows = (share * 1e6).round() as u64;
            population.add(
                Some(["a", "b", "c"][predicted]),
                ["a", "b", "c"][label],
                rows,
            );
        }
        const SAMPLES: usize = 300;
        for (number, metric) in METRICS.iter().enumerate() {
            let truth = metric(&population, 0.95).unwrap().value;
            let covered = (0..SAMPLES).filter(|seed| {
                let interval = metric(&sample(200, *seed as u64 + 1), 0.95).unwrap();
                (interval.low..=interval.high).contains(&truth)
            });
            let covered = covered.count() as f64 / SAMPLES as f64;
            assert!((0.91..=0.99).contains(&covered), "{number}: {covered}");
        }
    }

    #[test]
    fn a_sample_without_errors_is_no_proof() {
        for metric in METRICS {
            let few = confusion(&[(Some("a"), "a", 8), (Some("b"), "b", 8)]);
            let interval = metric(&few, 0.95).unwrap();
            assert_eq!((interval.value, interval.high), (1.0, 1.0));
            assert!(interval.low < 0.95, "{interval:?}");
            assert_eq!(metric(&few, 0.95), Some(interval));
        }
        let wrong = confusion(&[(Some("b"), "a", 8), (None, "b", 8)]);
        let interval = accuracy_interval(&wrong, 0.95).unwrap();
        assert!(interval.low == 0.0 && interval.high > 0.1, "{interval:?}");
        let interval = macro_f1_interval(&wrong, 0.95).unwrap();
        assert!(interval.low == 0.0 && interval.high > 0.0, "{interval:?}");
    }

    #[test]
    fn many_rows_give_narrow_intervals() {
        let many = confusion(&[
            (Some("a"), "a", 900_000_000),
            (Some("b"), "a", 100_000_000),
            (Some("b"), "b", 500_000_000),
        ]);
        for metric in METRICS {
            let interval = metric(&many, 0.99).unwrap();
            assert!(interval.high - interval.low < 1e-3, "{interval:?}");
            assert!(interval.low < interval.high, "{interval:?}");
        }
    }

    #[test]
    fn an_empty_matrix_has_no_interval() {
        for metric in METRICS {
            assert_eq!(metric(&Confusion::default(), 0.95), None);
        }
        let one = confusion(&[(Some("a"), "a", 3)]);
        assert_eq!(cohen_kappa_interval(&one, 0.95), None);
        assert!(macro_f1_interval(&one, 0.95).unwrap().low < 1.0);
    }
}
