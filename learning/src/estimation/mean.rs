//! The mean of a number with an interval, from predictions for all rows and true numbers
//! for a reviewed sample.
//!
//! Prediction-powered inference with power tuning (PPI++): the mean of the reviewed
//! numbers, plus a multiple of how far the mean prediction of all rows is from that of
//! the reviewed rows. The multiple is the slope of the reviewed numbers over their
//! predictions, so useless predictions add nothing. Scores divide the rows into strata.
//! The interval takes a quantile of Student's t, the finite population correction, and
//! the uncertainty of the slope.

use super::distributions::student_t_quantile;
use super::mean_counts::{MeanCells, MeanCounts};
use super::moments::PairMoments;
use super::strata::{part_count, part_of};

/// Estimated mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MeanEstimate {
    /// `None` without reviewed rows.
    pub mean: Option<f64>,
    /// Ends of the interval; `None` with too few reviewed rows for their variance.
    pub interval: Option<(f64, f64)>,
    /// Rows with a reviewed number.
    pub reviewed: u64,
}

/// The mean over all rows with an interval of this `confidence`, in 0..1. The reviewed
/// rows must be a random sample of all rows. A row without a prediction counts as one
/// with the mean prediction.
pub fn estimate_mean(counts: &MeanCounts, confidence: f64) -> MeanEstimate {
    let total = counts
        .cells()
        .fold(MeanCells::default(), |sum, (_, cells)| sum.merged(*cells));
    let reviewed = total.reviewed_rows();
    if reviewed == 0 {
        return MeanEstimate::default();
    }
    let usual = total.predicted.mean_x;
    let mut parts = part_count(reviewed);
    let strata = loop {
        let strata = strata(counts, parts, total.rows(), usual);
        // Each needs a variance.
        if parts == 1 || strata.iter().all(|stratum| stratum.reviewed.pairs >= 2) {
            break strata;
        }
        parts -= 1;
    };
    combine(&strata, total.rows() as f64, confidence)
}

/// Rows with neighbouring scores.
#[derive(Debug)]
struct MeanStratum {
    rows: f64,
    /// Mean prediction of all rows.
    mean_prediction: f64,
    /// Predictions as x, reviewed numbers as y.
    reviewed: PairMoments,
}

/// Divides all `rows` rows into at most `parts` strata; missing predictions are `usual`.
fn strata(counts: &MeanCounts, parts: u64, rows: u64, usual: f64) -> Vec<MeanStratum> {
    let mut sums: Vec<(u64, MeanCells)> = Vec::new();
    let mut before = 0;
    for (_, cells) in counts.cells() {
        let part = part_of(before, cells.rows(), rows, parts);
        before += cells.rows();
        match sums.last_mut() {
            Some((last, sum)) if *last == part => *sum = sum.merged(*cells),
            _ => sums.push((part, *cells)),
        }
    }
    let stratum = |(_, cells): (u64, MeanCells)| {
        let rows = cells.rows() as f64;
        let missing = PairMoments {
            mean_x: usual,
            ..cells.reviewed_unpredicted
        };
        let predicted = cells.predicted.pairs as f64 * cells.predicted.mean_x;
        MeanStratum {
            rows,
            mean_prediction: (predicted + cells.unpredicted as f64 * usual) / rows,
            reviewed: cells.reviewed.merged(missing),
        }
    };
    sums.into_iter().map(stratum).collect()
}

fn combine(strata: &[MeanStratum], rows: f64, confidence: f64) -> MeanEstimate {
    let reviewed: u64 = strata.iter().map(|stratum| stratum.reviewed.pairs).sum();
    let xx: f64 = strata.iter().map(|stratum| stratum.reviewed.xx).sum();
    let xy: f64 = strata.iter().map(|stratum| stratum.reviewed.xy).sum();
    // Two reviewed rows are always on a line.
    let tuned = xx > 0.0 && reviewed as usize > strata.len() + 1;
    let slope = if tuned { xy / xx } else { 0.0 };
    let (mut mean, mut variance, mut shift, mut residuals) = (0.0, 0.0, 0.0, 0.0);
    for stratum in strata {
        let (sample, weight) = (&stratum.reviewed, stratum.rows / rows);
        let correction = stratum.mean_prediction - sample.mean_x;
        mean += weight * (sample.mean_y + slope * correction);
        shift += weight * correction;
        let squares = sample.residuals(slope);
        residuals += squares;
        if sample.pairs >= 2 {
            let sampled = sample.pairs as f64;
            let unseen = 1.0 - sampled / stratum.rows;
            variance += weight * weight * unseen * squares / (sampled * (sampled - 1.0));
        }
    }
    let mut estimate = MeanEstimate {
        mean: mean.is_finite().then_some(mean),
        interval: None,
        reviewed,
    };
    if reviewed as f64 >= rows {
        estimate.interval = estimate.mean.map(|mean| (mean, mean));
        return estimate;
    }
    let degrees = reviewed as f64 - strata.len() as f64 - f64::from(u8::from(tuned));
    if degrees < 1.0 {
        return estimate;
    }
    if tuned {
        variance *= (degrees + 1.0) / degrees;
        variance += shift * shift * residuals / (degrees * xx);
    }
    let half = student_t_quantile(confidence, degrees) * variance.sqrt();
    estimate.interval = half.is_finite().then_some((mean - half, mean + half));
    estimate
}

#[cfg(test)]
mod tests {
    use semql_inference::random::Random;

    use super::*;

    /// Predicted and true numbers, and scores that are low where predictions are bad.
    fn table(rows: usize, noise: f64) -> Vec<(f64, f64, f64)> {
        let mut random = Random::new(11);
        (0..rows)
            .map(|_| {
                let prediction = 100.0 * random.unit().powi(2);
                let score = random.unit();
                let error = (random.unit() - 0.3) * noise * (1.1 - score);
                (prediction, 0.8 * prediction + 5.0 + error, score)
            })
            .collect()
    }

    fn resampled(
        table: &[(f64, f64, f64)],
        reviewed: usize,
        scored: bool,
        seed: u64,
    ) -> MeanEstimate {
        let mut random = Random::new(seed);
        let mut rows: Vec<usize> = (0..table.len()).collect();
        let mut counts = MeanCounts::default();
        for at in 0..rows.len() {
            let other = at + random.below(rows.len() - at);
            rows.swap(at, other);
            let (predicted, number, score) = table[rows[at]];
            let number = (at < reviewed).then_some(number);
            counts.add(Some(predicted), number, scored.then_some(score));
        }
        estimate_mean(&counts, 0.95)
    }

    /// Share of intervals that cover the truth, and their mean width.
    fn coverage(table: &[(f64, f64, f64)], reviewed: usize, scored: bool) -> (f64, f64) {
        const RESAMPLINGS: usize = 1_000;
        let truth = table.iter().map(|row| row.1).sum::<f64>() / table.len() as f64;
        let (mut covered, mut widths) = (0, 0.0);
        for seed in 0..RESAMPLINGS {
            let estimate = resampled(table, reviewed, scored, seed as u64 + 1);
            let (low, high) = estimate.interval.unwrap();
            covered += usize::from((low..=high).contains(&truth));
            widths += high - low;
        }
        (
            covered as f64 / RESAMPLINGS as f64,
            widths / RESAMPLINGS as f64,
        )
    }

    #[test]
    fn intervals_cover_the_truth_and_predictions_and_scores_narrow_them() {
        let table = table(1_000, 60.0);
        let blind: Vec<_> = table
            .iter()
            .map(|(_, y, score)| (1.0, *y, *score))
            .collect();
        let mut widths = Vec::new();
        for (table, reviewed, scored) in [
            (&blind, 100, false),
            (&table, 100, false),
            (&table, 100, true),
            (&table, 12, false),
        ] {
            let (covered, width) = coverage(table, reviewed, scored);
            assert!((0.93..=0.97).contains(&covered), "{covered}");
            widths.push(width);
        }
        assert!(widths[1] < 0.8 * widths[0], "{widths:?}");
        assert!(widths[2] < widths[1], "{widths:?}");
    }

    #[test]
    fn few_reviewed_rows_have_no_interval_and_all_of_them_are_exact() {
        let table = table(50, 10.0);
        let none = resampled(&table, 0, true, 1);
        assert_eq!(none, MeanEstimate::default());
        let one = resampled(&table, 1, true, 1);
        assert!(one.mean.is_some() && one.interval.is_none(), "{one:?}");
        let all = resampled(&table, 50, true, 1);
        let truth = table.iter().map(|row| row.1).sum::<f64>() / 50.0;
        let (low, high) = all.interval.unwrap();
        assert!(low == high && (low - truth).abs() < 1e-9, "{all:?}");
    }

    #[test]
    fn missing_predictions_are_no_zeros() {
        let mut counts = MeanCounts::default();
        for at in 0..200 {
            let number = 1_000.0 + f64::from(at % 10);
            let reviewed = (at % 4 == 0).then_some(number);
            counts.add((at % 3 > 0).then_some(number), reviewed, None);
        }
        let estimate = estimate_mean(&counts, 0.95);
        let (low, high) = estimate.interval.unwrap();
        assert!(low > 1_000.0 && high < 1_009.0, "{estimate:?}");
    }
}
