//! How good are predictions, given what is true? Knows nothing of SQL.
//!
//! Figures are those of scikit-learn: `accuracy_score`, `f1_score` with
//! `average='macro'` and `'weighted'`, `cohen_kappa_score`.

use std::collections::BTreeMap;

/// How often each label was predicted for each true one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Confusion {
    /// True label, then prediction. No prediction counts as a wrong one.
    counts: BTreeMap<String, BTreeMap<Option<String>, u64>>,
}

/// How often one label is predicted, and true.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OfLabel {
    pub hits: u64,
    pub predicted: u64,
    pub rows: u64,
}

impl OfLabel {
    /// 0..1; 0 for a label that was never predicted.
    pub fn precision(&self) -> f64 {
        share(self.hits, self.predicted)
    }

    /// 0..1; 0 for a label that no row has.
    pub fn recall(&self) -> f64 {
        share(self.hits, self.rows)
    }

    /// The harmonic mean of precision and recall.
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
    /// `times` rows of which `predicted` was said and `label` is true.
    pub fn add(&mut self, predicted: Option<&str>, label: &str, times: u64) {
        let of_label = self.counts.entry(label.to_string()).or_default();
        *of_label.entry(predicted.map(str::to_string)).or_default() += times;
    }

    /// Predictions, true labels and counts, in the labels' order.
    pub fn entries(&self) -> impl Iterator<Item = (Option<&str>, &str, u64)> {
        self.counts.iter().flat_map(|(label, of_label)| {
            of_label
                .iter()
                .map(move |(predicted, count)| (predicted.as_deref(), label.as_str(), *count))
        })
    }

    /// Rows with a true label.
    pub fn rows(&self) -> u64 {
        self.entries().map(|(_, _, count)| count).sum()
    }

    /// Every label that is true or predicted somewhere.
    pub fn labels(&self) -> BTreeMap<&str, OfLabel> {
        let mut labels: BTreeMap<&str, OfLabel> = BTreeMap::new();
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

    /// The share of rows whose prediction is true; `None` without rows.
    pub fn accuracy(&self) -> Option<f64> {
        let hits = self.labels().values().map(|l| l.hits).sum();
        (self.rows() > 0).then(|| share(hits, self.rows()))
    }

    /// The mean F1 of the labels, each counting the same.
    pub fn macro_f1(&self) -> Option<f64> {
        let labels = self.labels();
        let sum: f64 = labels.values().map(OfLabel::f1).sum();
        (!labels.is_empty()).then(|| sum / labels.len() as f64)
    }

    /// The mean F1 of the labels, each counting as often as it is true.
    pub fn weighted_f1(&self) -> Option<f64> {
        let labels = self.labels();
        let sum: f64 = labels.values().map(|l| l.f1() * l.rows as f64).sum();
        (self.rows() > 0).then(|| sum / self.rows() as f64)
    }

    /// How much more often prediction and truth agree than by chance, 1 at
    /// most; `None` where chance alone explains all.
    pub fn cohen_kappa(&self) -> Option<f64> {
        let rows = self.rows() as f64;
        let agreed = self.accuracy()?;
        let products = self
            .labels()
            .into_values()
            .map(|l| l.predicted as f64 * l.rows as f64);
        let by_chance = products.sum::<f64>() / (rows * rows);
        (by_chance < 1.0).then(|| (agreed - by_chance) / (1.0 - by_chance))
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
    fn figures_are_those_of_scikit_learn() {
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
    fn no_prediction_is_wrong_and_no_label_of_its_own() {
        let confusion = confusion(&[(Some("a"), "a"), (None, "a")]);
        assert_eq!(confusion.accuracy(), Some(0.5));
        assert_eq!(confusion.labels().len(), 1);
        assert_eq!(confusion.macro_f1(), Some(2.0 / 3.0));
    }

    #[test]
    fn nothing_has_no_figures() {
        let none = Confusion::default();
        assert_eq!(none.accuracy(), None);
        assert_eq!(none.macro_f1(), None);
        assert_eq!(none.weighted_f1(), None);
        assert_eq!(none.cohen_kappa(), None);
        assert_eq!(confusion(&[(Some("a"), "a")]).cohen_kappa(), None);
    }
}
