//! Quality of predictions compared with true labels.
//!
//! Figures equal those of scikit-learn: `accuracy_score`, `f1_score` with
//! `average='macro'` and `'weighted'`, `cohen_kappa_score`.

use std::collections::BTreeMap;

/// Confusion matrix.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Confusion {
    /// By true label, by prediction: rows. A missing prediction is wrong.
    counts: BTreeMap<String, BTreeMap<Option<String>, u64>>,
}

/// Counts of one label.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LabelCounts {
    /// Rows with the label that were predicted correctly.
    pub hits: u64,
    /// Rows for which the label was predicted.
    pub predicted: u64,
    /// Rows with the label.
    pub rows: u64,
}

impl LabelCounts {
    /// Precision, 0..1; 0 for a label that was never predicted.
    pub fn precision(&self) -> f64 {
        share(self.hits, self.predicted)
    }

    /// Recall, 0..1; 0 for a label without rows.
    pub fn recall(&self) -> f64 {
        share(self.hits, self.rows)
    }

    /// Harmonic mean of precision and recall.
    pub fn f1(&self) -> f64 {
        share(2 * self.hits, self.predicted + self.rows)
    }
}

fn share(part: u64, all: u64) -> f64 {
    if all == 0 {
        return 0.0;
    }
    part as f64 / all as f64
}

impl Confusion {
    /// Adds `rows` rows with a prediction and a true label.
    pub fn add(&mut self, predicted: Option<&str>, label: &str, rows: u64) {
        let predictions = self.counts.entry(label.to_string()).or_default();
        *predictions
            .entry(predicted.map(str::to_string))
            .or_default() += rows;
    }

    /// Predictions, true labels and rows, ordered by true label.
    pub fn entries(&self) -> impl Iterator<Item = (Option<&str>, &str, u64)> {
        self.counts.iter().flat_map(|(label, predictions)| {
            predictions
                .iter()
                .map(move |(predicted, count)| (predicted.as_deref(), label.as_str(), *count))
        })
    }

    /// Rows with a true label.
    pub fn rows(&self) -> u64 {
        self.entries().map(|(_, _, count)| count).sum()
    }

    /// Counts of every true or predicted label.
    pub fn labels(&self) -> BTreeMap<&str, LabelCounts> {
        let mut labels: BTreeMap<&str, LabelCounts> = BTreeMap::new();
        for (predicted, label, count) in self.entries() {
            labels.entry(label).or_default().rows += count;
            if let Some(predicted) = predicted {
                labels.entry(predicted).or_default().predicted += count;
                if predicted == label {
                    labels.entry(label).or_default().hits += count;
                }
            }
        }
        labels
    }

    /// Share of rows with a correct prediction; `None` without rows.
    pub fn accuracy(&self) -> Option<f64> {
        accuracy(self.labels().values())
    }

    /// Unweighted mean F1 of the labels.
    pub fn macro_f1(&self) -> Option<f64> {
        macro_f1(self.labels().values())
    }

    /// Mean F1 of the labels, weighted by their rows.
    pub fn weighted_f1(&self) -> Option<f64> {
        weighted_f1(self.labels().values())
    }

    /// Cohen's kappa: agreement beyond chance, 1 at most. `None` if chance alone
    /// explains all.
    pub fn cohen_kappa(&self) -> Option<f64> {
        cohen_kappa(self.labels().values())
    }
}

fn sum<'a>(labels: impl Iterator<Item = &'a LabelCounts>, count: fn(&LabelCounts) -> u64) -> u64 {
    labels.map(count).sum()
}

/// [`Confusion::accuracy`] of the counts of all labels.
pub(crate) fn accuracy<'a>(labels: impl Iterator<Item = &'a LabelCounts> + Clone) -> Option<f64> {
    let rows = sum(labels.clone(), |l| l.rows);
    (rows > 0).then(|| share(sum(labels, |l| l.hits), rows))
}

/// [`Confusion::macro_f1`] of the counts of all labels; labels without counts are absent.
pub(crate) fn macro_f1<'a>(labels: impl Iterator<Item = &'a LabelCounts>) -> Option<f64> {
    let present = labels.filter(|l| l.rows + l.predicted > 0);
    let (count, sum) = present.fold((0, 0.0), |(count, sum), l| (count + 1, sum + l.f1()));
    (count > 0).then(|| sum / f64::from(count))
}

/// [`Confusion::weighted_f1`] of the counts of all labels.
pub(crate) fn weighted_f1<'a>(
    labels: impl Iterator<Item = &'a LabelCounts> + Clone,
) -> Option<f64> {
    let rows = sum(labels.clone(), |l| l.rows);
    let f1: f64 = labels.map(|l| l.f1() * l.rows as f64).sum();
    (rows > 0).then(|| f1 / rows as f64)
}

/// [`Confusion::cohen_kappa`] of the counts of all labels.
pub(crate) fn cohen_kappa<'a>(
    labels: impl Iterator<Item = &'a LabelCounts> + Clone,
) -> Option<f64> {
    let rows = sum(labels.clone(), |l| l.rows) as f64;
    let agreed = accuracy(labels.clone())?;
    let products = labels.map(|l| l.predicted as f64 * l.rows as f64);
    let by_chance = products.sum::<f64>() / (rows * rows);
    (by_chance < 1.0).then(|| (agreed - by_chance) / (1.0 - by_chance))
}

/// Wilson's two-sided interval of a share of which `hits` in `all` rows were seen, for
/// the normal quantile `z`. `all` is above 0.
pub(crate) fn wilson_interval(hits: f64, all: f64, z: f64) -> (f64, f64) {
    let (share, square) = (hits / all, z * z);
    let centre = share + square / (2.0 * all);
    let spread = z * (share * (1.0 - share) / all + square / (4.0 * all * all)).sqrt();
    let end = |end: f64| (end / (1.0 + square / all)).clamp(0.0, 1.0);
    (end(centre - spread), end(centre + spread))
}

/// Wilson's one-sided 95 % bound of the share of `hits` in `all`; 0 without any.
pub fn wilson_lower_bound(hits: usize, all: usize) -> f64 {
    const Z: f64 = 1.645;
    match all {
        0 => 0.0,
        _ => wilson_interval(hits as f64, all as f64, Z).0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confusion(pairs: &[(Option<&str>, &str)]) -> Confusion {
        let mut confusion = Confusion::default();
        for (predicted, label) in pairs {
            confusion.add(*predicted, label, 1);
        }
        confusion
    }

    #[test]
    fn the_lower_bound_is_wilsons() {
        // 90 of 100: by hand (0.9 + 0.01353 - 1.645 * 0.03131) / 1.02706.
        assert!((wilson_lower_bound(90, 100) - 0.8393).abs() < 1e-3);
        assert!(wilson_lower_bound(10, 10) < 1.0);
        assert_eq!(wilson_lower_bound(0, 10), 0.0);
    }

    #[test]
    fn figures_equal_those_of_scikit_learn() {
        // y_true = a a a b b c, y_pred = a b a b b d, in scikit-learn 1.9.1.
        let confusion = confusion(&[
            (Some("a"), "a"),
            (Some("b"), "a"),
            (Some("a"), "a"),
            (Some("b"), "b"),
            (Some("b"), "b"),
            (Some("d"), "c"),
        ]);
        let near = |value: Option<f64>, expected: f64| {
            assert!(
                (value.unwrap() - expected).abs() < 1e-12,
                "{value:?} {expected}"
            );
        };
        near(confusion.accuracy(), 4.0 / 6.0);
        near(confusion.macro_f1(), 0.4);
        near(confusion.weighted_f1(), 2.0 / 3.0);
        near(confusion.cohen_kappa(), 0.5);
    }

    #[test]
    fn a_missing_prediction_is_wrong_and_not_a_label() {
        let confusion = confusion(&[(Some("a"), "a"), (None, "a")]);
        assert_eq!(confusion.accuracy(), Some(0.5));
        assert_eq!(confusion.labels().len(), 1);
        assert_eq!(confusion.macro_f1(), Some(2.0 / 3.0));
    }

    #[test]
    fn an_empty_matrix_has_no_figures() {
        let none = Confusion::default();
        assert_eq!(none.accuracy(), None);
        assert_eq!(none.macro_f1(), None);
        assert_eq!(none.weighted_f1(), None);
        assert_eq!(none.cohen_kappa(), None);
        assert_eq!(confusion(&[(Some("a"), "a")]).cohen_kappa(), None);
    }
}
