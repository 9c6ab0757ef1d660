//! Quality of predictions on held-out rows.

use super::metadata::Quality;
use crate::extraction::span::{SourceTexts, Span, best_span};

/// Counts of right and wrong values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ValueCounts {
    pub right: u64,
    /// Another value than the label.
    pub wrong: u64,
    /// A value where the label is empty.
    pub invented: u64,
    pub missed: u64,
}

impl ValueCounts {
    /// Adds the best value of an attribute of a row, whose labels are in lower case.
    /// Nothing counts if both are absent.
    pub fn add(
        &mut self,
        spans: &[Span],
        attribute: usize,
        texts: &SourceTexts<'_>,
        labels: &[String],
    ) {
        let value = best_span(spans, attribute).and_then(|span| span.value(texts));
        match value.map(|value| value.trim().to_lowercase()) {
            None => self.missed += u64::from(!labels.is_empty()),
            Some(_) if labels.is_empty() => self.invented += 1,
            Some(value) if labels.contains(&value) => self.right += 1,
            Some(_) => self.wrong += 1,
        }
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.invented += other.invented;
        self.missed += other.missed;
    }

    /// The sum of counts.
    pub fn total(counts: &[Self]) -> Self {
        counts.iter().fold(Self::default(), |mut sum, counts| {
            sum.merge(counts);
            sum
        })
    }

    /// Precision, recall and F1; 0 without values.
    pub fn quality(&self) -> Quality {
        let share = |of: u64| self.right as f64 / of.max(1) as f64;
        let precision = share(self.right + self.wrong + self.invented);
        let recall = share(self.right + self.wrong + self.missed);
        Quality {
            precision,
            recall,
            f1: 2.0 * precision * recall / (precision + recall).max(1e-9),
        }
    }
}
