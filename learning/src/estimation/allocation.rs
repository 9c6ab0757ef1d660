//! Which predictions to review next.

use std::collections::BTreeMap;

use super::share_counts::ShareCounts;

/// Rows with which the accuracy of all predictions smooths that of one.
const SMOOTHING: f64 = 4.0;

/// Accuracy before any row was reviewed.
const EXPECTED_ACCURACY: f64 = 0.8;

/// Highest accuracy that a plan assumes: each prediction may turn out wrong.
const MAX_ACCURACY: f64 = 0.98;

/// The next `reviews` rows to review, by their predictions, so that the intervals of
/// [`estimate_shares`](super::estimate_shares) narrow fast. Rows of one prediction must be
/// taken at random.
///
/// This is Neyman's allocation: predictions with more rows, and with rows that differ
/// more in their labels, get more reviews. Each prediction gets some, since the first
/// review of a stratum teaches most.
pub fn plan_reviews(counts: &ShareCounts, reviews: usize) -> Vec<Option<&str>> {
    let mut strata: BTreeMap<Option<&str>, ReviewStratum> = BTreeMap::new();
    for count in counts.counts() {
        let stratum = strata.entry(count.predicted).or_default();
        stratum.rows += count.rows;
        if let Some(label) = count.reviewed {
            stratum.reviewed += count.rows;
            if Some(label) == count.predicted {
                stratum.hits += count.rows;
            }
        }
    }
    let sum = |of: fn(&ReviewStratum) -> u64| strata.values().map(of).sum::<u64>() as f64;
    let (hits, reviewed) = (sum(|s| s.hits), sum(|s| s.reviewed));
    let usual = (hits + SMOOTHING * EXPECTED_ACCURACY) / (reviewed + SMOOTHING);
    let mut strata: Vec<(Option<&str>, ReviewStratum)> = strata.into_iter().collect();
    for (predicted, stratum) in &mut strata {
        stratum.deviation = stratum.label_deviation(predicted.is_some(), usual);
    }
    let mut plan = Vec::with_capacity(reviews);
    while plan.len() < reviews {
        let open = strata.iter_mut().filter(|(_, s)| s.reviewed < s.rows);
        // The first of equals, so that the plan is the same each time.
        let next = open.reduce(|best, other| {
            let better = other.1.gain() > best.1.gain();
            if better { other } else { best }
        });
        let Some((predicted, stratum)) = next else {
            break;
        };
        stratum.reviewed += 1;
        plan.push(*predicted);
    }
    plan
}

/// Rows of one prediction.
#[derive(Clone, Copy, Debug, Default)]
struct ReviewStratum {
    rows: u64,
    reviewed: u64,
    /// Reviewed rows with the predicted label.
    hits: u64,
    deviation: f64,
}

impl ReviewStratum {
    /// Standard deviation of whether a row has the predicted label.
    fn label_deviation(&self, has_prediction: bool, usual: f64) -> f64 {
        if !has_prediction {
            return 0.5;
        }
        let hits = self.hits as f64 + SMOOTHING * usual;
        let accuracy = (hits / (self.reviewed as f64 + SMOOTHING)).min(MAX_ACCURACY);
        (accuracy * (1.0 - accuracy)).sqrt()
    }

    /// Decrease of the standard error with one more review, up to a factor that all
    /// strata share.
    fn gain(&self) -> f64 {
        let reviewed = self.reviewed as f64;
        let gain = self.rows as f64 * self.deviation / (reviewed * (reviewed + 1.0)).sqrt();
        // Strata without a review come first, the largest before the others.
        if gain.is_finite() {
            gain
        } else {
            1e18 + self.rows as f64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rows: &[(Option<&str>, Option<&str>, usize)]) -> ShareCounts {
        let mut counts = ShareCounts::default();
        for (predicted, label, times) in rows {
            for _ in 0..*times {
                counts.add(*predicted, *label, None).unwrap();
            }
        }
        counts
    }

    fn planned(plan: &[Option<&str>], label: Option<&str>) -> usize {
        plan.iter().filter(|planned| **planned == label).count()
    }

    #[test]
    fn large_and_uncertain_predictions_get_more_reviews() {
        let counts = counts(&[
            (Some("large"), None, 900),
            (Some("small"), None, 90),
            (None, None, 5),
        ]);
        let plan = plan_reviews(&counts, 100);
        assert_eq!(plan[..3], [Some("large"), Some("small"), None]);
        assert!(planned(&plan, Some("large")) > 8 * planned(&plan, Some("small")));

        let known = self::counts(&[
            (Some("sure"), Some("sure"), 50),
            (Some("sure"), None, 450),
            (Some("doubtful"), Some("doubtful"), 25),
            (Some("doubtful"), Some("sure"), 25),
            (Some("doubtful"), None, 450),
        ]);
        let plan = plan_reviews(&known, 60);
        assert_eq!(planned(&plan, Some("doubtful")), 60);
    }

    #[test]
    fn a_plan_has_no_more_rows_than_are_left() {
        let counts = counts(&[
            (Some("a"), Some("a"), 3),
            (Some("a"), None, 2),
            (Some("b"), None, 1),
        ]);
        let plan = plan_reviews(&counts, 10);
        assert_eq!((plan.len(), planned(&plan, Some("a"))), (3, 2));
        assert!(plan_reviews(&ShareCounts::default(), 10).is_empty());
    }
}
