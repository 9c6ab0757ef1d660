use semql_inference::random::Random;

use super::{ShareCounts, ShareEstimate, estimate_shares};

/// Predicted and true labels of a table.
type Table = Vec<(String, String)>;

/// A table of `size` rows whose labels have these `shares`, each predicted right with the
/// probability `accuracy`, otherwise as any label.
fn table(shares: &[f64], size: usize, accuracy: f64, seed: u64) -> Table {
    let mut random = Random::new(seed);
    (0..size)
        .map(|_| {
            let mut left = random.unit();
            let label = shares.iter().position(|share| {
                left -= share;
                left < 0.0
            });
            let label = label.unwrap_or(shares.len() - 1);
            let predicted = if random.unit() < accuracy {
                label
            } else {
                random.below(shares.len())
            };
            (predicted.to_string(), label.to_string())
        })
        .collect()
}

/// Estimates of `table` with `reviewed` random rows reviewed.
fn resampled(table: &Table, reviewed: usize, seed: u64) -> Vec<ShareEstimate> {
    let mut random = Random::new(seed);
    let mut rows: Vec<usize> = (0..table.len()).collect();
    for at in 0..reviewed {
        let other = at + random.below(table.len() - at);
        rows.swap(at, other);
    }
    let mut counts = ShareCounts::default();
    for (at, row) in rows.iter().enumerate() {
        let (predicted, label) = &table[*row];
        let label = (at < reviewed).then_some(label.as_str());
        counts.add(Some(predicted), label, None).unwrap();
    }
    estimate_shares(&counts, 0.95)
}

/// Coverage and mean width of the intervals of each label.
fn coverage(table: &Table, reviewed: usize, labels: usize) -> Vec<(f64, f64)> {
    const RESAMPLINGS: usize = 1_000;
    let mut sums = vec![(0.0, 0.0); labels];
    for seed in 0..RESAMPLINGS {
        for estimate in resampled(table, reviewed, seed as u64 + 1) {
            let rows = table.iter().filter(|(_, label)| *label == estimate.label);
            let share = rows.count() as f64 / table.len() as f64;
            let sum = &mut sums[estimate.label.parse::<usize>().unwrap()];
            let covers = (estimate.low - 1e-12..=estimate.high + 1e-12).contains(&share);
            sum.0 += f64::from(u8::from(covers)) / RESAMPLINGS as f64;
            sum.1 += (estimate.high - estimate.low) / RESAMPLINGS as f64;
        }
    }
    sums
}

#[test]
fn intervals_cover_the_truth_with_few_reviewed_rows() {
    // A good, a perfect and a useless predictor; 20 of 500 rows are reviewed.
    for (accuracy, least) in [(0.8, 0.92), (1.0, 0.95), (0.0, 0.92)] {
        let table = table(&[0.5, 0.3, 0.2], 500, accuracy, 7);
        for (label, (covered, width)) in coverage(&table, 20, 3).into_iter().enumerate() {
            assert!(covered >= least, "{accuracy} {label}: {covered}");
            assert!(width > 0.02, "{accuracy} {label}: {width}");
        }
    }
}

#[test]
fn good_predictions_narrow_the_intervals() {
    let shares = [0.5, 0.3, 0.2];
    let width = |accuracy| {
        let table = table(&shares, 2_000, accuracy, 3);
        coverage(&table, 100, 3)[0].1
    };
    let (good, useless) = (width(0.9), width(0.0));
    assert!(good < 0.6 * useless, "{good} {useless}");
}

fn counts(rows: &[(Option<&str>, Option<&str>, usize)]) -> ShareCounts {
    let mut counts = ShareCounts::default();
    for (predicted, label, times) in rows {
        for _ in 0..*times {
            counts.add(*predicted, *label, None).unwrap();
        }
    }
    counts
}

#[test]
fn a_reviewed_table_has_exact_shares() {
    let all = counts(&[(Some("a"), Some("a"), 3), (Some("a"), Some("b"), 1)]);
    for (estimate, share) in estimate_shares(&all, 0.99).iter().zip([0.75, 0.25]) {
        assert_eq!(estimate.share, Some(share));
        assert_eq!((estimate.low, estimate.high), (share, share));
    }
}

#[test]
fn without_reviewed_rows_nothing_is_known() {
    let none = counts(&[
        (Some("a"), None, 300),
        (Some("b"), None, 100),
        (None, None, 5),
    ]);
    for estimate in estimate_shares(&none, 0.95) {
        assert_eq!(estimate.share, None);
        assert_eq!((estimate.low, estimate.high), (0.0, 1.0));
    }
    assert!(estimate_shares(&counts(&[]), 0.95).is_empty());
}

#[test]
fn one_reviewed_row_says_little() {
    let one = counts(&[(Some("a"), Some("a"), 1), (Some("a"), None, 999)]);
    let estimates = estimate_shares(&one, 0.95);
    assert_eq!(estimates.len(), 1);
    assert!(
        estimates[0].low < 0.2 && estimates[0].high > 0.99,
        "{estimates:?}"
    );
}

#[test]
fn predictions_without_reviewed_rows_widen_the_interval() {
    let some = counts(&[
        (Some("a"), Some("a"), 50),
        (Some("a"), None, 450),
        (Some("b"), None, 500),
    ]);
    let estimates = estimate_shares(&some, 0.95);
    // All that is known about half of the rows is their prediction.
    assert!(estimates[0].high - estimates[0].low > 0.3, "{estimates:?}");
    assert!(estimates[1].high - estimates[1].low > 0.3, "{estimates:?}");
}

#[test]
fn unequal_sampling_of_predictions_is_corrected() {
    // 100 of 200 rows predicted rare are reviewed, 100 of 9,800 others.
    let sample = counts(&[
        (Some("rare"), Some("rare"), 80),
        (Some("rare"), Some("common"), 20),
        (Some("rare"), None, 100),
        (Some("common"), Some("common"), 95),
        (Some("common"), Some("rare"), 5),
        (Some("common"), None, 9_700),
    ]);
    let estimates = estimate_shares(&sample, 0.95);
    let rare = estimates[1].share.unwrap();
    let expected = (0.8 * 200.0 + 0.05 * 9_800.0) / 10_000.0;
    assert!((rare - expected).abs() < 1e-9, "{rare} {expected}");
    assert!(estimates[1].low < expected && expected < estimates[1].high);
    let sum: f64 = estimates.iter().filter_map(|estimate| estimate.share).sum();
    assert!((sum - 1.0).abs() < 1e-9);
}

#[test]
fn rows_without_a_prediction_and_labels_without_one_count() {
    let some = counts(&[
        (None, Some("never predicted"), 10),
        (None, None, 90),
        (Some("a"), Some("a"), 10),
        (Some("a"), None, 90),
    ]);
    let estimates = estimate_shares(&some, 0.95);
    let never = &estimates[1];
    assert_eq!(
        (never.label.as_str(), never.predicted, never.rows),
        ("never predicted", 0, 200)
    );
    assert!((never.share.unwrap() - 0.5).abs() < 1e-9, "{never:?}");
}

#[test]
fn a_higher_confidence_gives_a_wider_interval() {
    let some = counts(&[
        (Some("a"), Some("a"), 9),
        (Some("a"), Some("b"), 1),
        (Some("a"), None, 90),
    ]);
    let width = |confidence| {
        let estimate = &estimate_shares(&some, confidence)[0];
        estimate.high - estimate.low
    };
    assert!(width(0.5) < width(0.9) && width(0.9) < width(0.999));
}
