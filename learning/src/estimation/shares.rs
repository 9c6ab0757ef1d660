//! Shares of labels with intervals, from predictions for all rows and labels for a
//! reviewed sample.
//!
//! The estimate is that of prediction-powered inference: the model's counts plus the
//! correction that the reviewed rows teach. For a label the prediction is an indicator,
//! for which the correction with the least variance (the power tuning of PPI++) equals
//! post-stratification by prediction: in each stratum, the reviewed rows estimate the
//! share of the label, and the strata count by their rows.
//!
//! Normal intervals fail for rare labels and few reviewed rows. For each label there are
//! two groups of strata, those that predict it and all others. The share of the label
//! among the group's unreviewed rows has a beta posterior with Jeffreys' prior and the
//! sample size that would give the stratified variance. The number of rows with the
//! label is beta-binomial, hence the finite population correction. A beta distribution
//! with the mean and variance of the sum gives the interval.

use super::distributions::beta_quantile;
use super::share_counts::ShareCounts;
use super::strata::{Stratum, strata};

/// Jeffreys' prior: half a row with the label, half a row without.
const PRIOR: f64 = 0.5;

/// Rows with which the share of the group smooths the variance of a stratum.
const SMOOTHING: f64 = 2.0;

/// Estimate for one label.
#[derive(Clone, Debug, PartialEq)]
pub struct ShareEstimate {
    pub label: String,
    /// Share of all rows, 0..1; `None` without reviewed rows.
    pub share: Option<f64>,
    /// Ends of the interval, 0..1.
    pub low: f64,
    pub high: f64,
    /// All rows.
    pub rows: u64,
    /// Rows for which the label is predicted.
    pub predicted: u64,
    /// Reviewed rows with the label.
    pub reviewed: u64,
}

/// Shares of all predicted or reviewed labels, ordered by label, with intervals of this
/// `confidence`, in 0..1.
///
/// The reviewed rows must be a random sample of all rows, or of the rows of each
/// prediction.
pub fn estimate_shares(counts: &ShareCounts, confidence: f64) -> Vec<ShareEstimate> {
    let strata = strata(counts);
    let labels = counts.sorted_labels();
    let rows: u64 = strata.iter().map(|stratum| stratum.rows).sum();
    let reviewed: u64 = strata.iter().map(|stratum| stratum.reviewed).sum();
    let mut found = vec![Vec::new(); labels.len()];
    for (at, stratum) in strata.iter().enumerate() {
        for (label, rows) in &stratum.labels {
            found[*label as usize].push((at, *rows));
        }
    }
    let mut hits = vec![0u64; strata.len()];
    let mut estimates = Vec::with_capacity(labels.len());
    for label in labels {
        let found = &found[label as usize];
        found.iter().for_each(|(at, rows)| hits[*at] = *rows);
        let of_label = |stratum: &&Stratum| stratum.predicted == Some(label);
        let predicted = strata.iter().filter(of_label).map(|stratum| stratum.rows);
        let posterior = count_posterior(label, &strata, &hits);
        estimates.push(ShareEstimate {
            label: counts.name(label).to_string(),
            share: (reviewed > 0).then(|| posterior.estimate / rows as f64),
            low: 0.0,
            high: 1.0,
            rows,
            predicted: predicted.sum(),
            reviewed: posterior.reviewed as u64,
        });
        if let (Some(estimate), true) = (estimates.last_mut(), reviewed > 0) {
            let others = reviewed as f64 - posterior.reviewed;
            (estimate.low, estimate.high) = posterior.interval(rows as f64, others, confidence);
        }
        found.iter().for_each(|(at, _)| hits[*at] = 0);
    }
    sum_to_one(&mut estimates);
    estimates
}

/// Scales the shares, whose sum differs from 1 where strata have no reviewed row.
fn sum_to_one(estimates: &mut [ShareEstimate]) {
    let sum: f64 = estimates.iter().filter_map(|estimate| estimate.share).sum();
    for estimate in estimates {
        let share = estimate.share.filter(|_| sum > 0.0);
        // The prior may exclude 0 or 1 by a hair.
        estimate.share = share.map(|share| (share / sum).clamp(estimate.low, estimate.high));
    }
}

/// Distribution of the number of rows with a label.
#[derive(Debug)]
struct CountPosterior {
    /// Reviewed rows with the label.
    reviewed: f64,
    /// Estimated rows, without the prior.
    estimate: f64,
    mean: f64,
    variance: f64,
}

impl CountPosterior {
    /// Interval of the share of `rows` rows, of which `others` were reviewed and have
    /// other labels.
    fn interval(&self, rows: f64, others: f64, confidence: f64) -> (f64, f64) {
        let (least, most) = (self.reviewed, rows - others);
        let range = most - least;
        if range <= 0.0 {
            return (least / rows, most / rows);
        }
        let mean = ((self.mean - least) / range).clamp(1e-12, 1.0 - 1e-12);
        let variance = (self.variance / (range * range)).max(1e-16);
        let size = (mean * (1.0 - mean) / variance - 1.0).max(1e-6);
        let tail = (1.0 - confidence) / 2.0;
        let end = |tail| {
            let end = beta_quantile(tail, mean * size, (1.0 - mean) * size);
            (least + range * end) / rows
        };
        (end(tail), end(1.0 - tail))
    }
}

/// Distribution of the number of rows with `label`, of which each stratum has `hits`
/// reviewed ones.
fn count_posterior(label: u32, strata: &[Stratum], hits: &[u64]) -> CountPosterior {
    let reviewed = hits.iter().sum::<u64>() as f64;
    let mut count = CountPosterior {
        reviewed,
        estimate: reviewed,
        mean: reviewed,
        variance: 0.0,
    };
    for predicted in [true, false] {
        let group = || {
            let all = strata.iter().zip(hits);
            all.filter(move |(s, _)| (s.predicted == Some(label)) == predicted)
                .map(|(s, hits)| (s.rows as f64, s.reviewed as f64, *hits as f64))
        };
        count.add_group(&group);
    }
    count
}

impl CountPosterior {
    /// Adds the unreviewed rows of strata: rows, reviewed rows, reviewed rows with the
    /// label.
    fn add_group<I: Iterator<Item = (f64, f64, f64)>>(&mut self, strata: &impl Fn() -> I) {
        let unreviewed: f64 = strata().map(|(rows, reviewed, _)| rows - reviewed).sum();
        if unreviewed <= 0.0 {
            return;
        }
        let reviewed: f64 = strata().map(|(_, reviewed, _)| reviewed).sum();
        // Share among the sampled strata, each by its rows.
        let sampled = || strata().filter(|(_, reviewed, _)| *reviewed > 0.0);
        let sampled_rows: f64 = sampled().map(|(rows, ..)| rows).sum();
        let share = match sampled_rows > 0.0 {
            true => {
                let hits = sampled().map(|(rows, reviewed, hits)| rows * hits / reviewed);
                hits.sum::<f64>() / sampled_rows
            }
            false => PRIOR / (2.0 * PRIOR),
        };
        let smooth = (reviewed * share + PRIOR) / (reviewed + 2.0 * PRIOR);
        let (mut estimate, mut smoothed, mut variance) = (0.0, 0.0, 0.0);
        for (rows, reviewed, hits) in strata() {
            let weight = (rows - reviewed) / unreviewed;
            let own = if reviewed > 0.0 {
                hits / reviewed
            } else {
                share
            };
            let own_smooth = (hits + SMOOTHING * smooth) / (reviewed + SMOOTHING);
            estimate += weight * own;
            smoothed += weight * own_smooth;
            // One less than the rows makes the variance of a sample unbiased.
            let freedom = (reviewed - 1.0).max(1.0);
            variance += weight * weight * own_smooth * (1.0 - own_smooth) / freedom;
        }
        let size = match reviewed > 0.0 && variance > 0.0 {
            true => smoothed * (1.0 - smoothed) / variance,
            false => 0.0,
        };
        let (with, without) = (size * estimate + PRIOR, size * (1.0 - estimate) + PRIOR);
        let mean = with / (with + without);
        let spread = mean * (1.0 - mean);
        let uncertainty = spread / (with + without + 1.0);
        self.estimate += unreviewed * estimate;
        self.mean += unreviewed * mean;
        self.variance +=
            unreviewed * unreviewed * uncertainty + unreviewed * (spread - uncertainty);
    }
}
