//! Doubt about a student's label: which rows the encoder should answer first.

use super::calibration::INVERSE_TEMPERATURE;
use semql_inference::classifier::best_label;

/// Added to the shares of labels, so that the rarest do not take all.
const SMOOTHING: f32 = 0.002;

/// Ranks rows by the probability that another label is right and by the rarity of the
/// labels: an error in a rare label costs its precision and recall more.
pub struct Doubt {
    /// By label: one over the root of its share of the rows.
    rarities: Vec<f32>,
}

/// Label of a row, and the doubt about it: 0 without any, larger with more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DoubtfulLabel {
    pub label: usize,
    pub doubt: f32,
}

impl Doubt {
    /// For rows with the label `scores`.
    pub fn of(scores: &[Vec<f32>], labels: usize) -> Self {
        let mut counts = vec![0f32; labels];
        for label in scores.iter().filter_map(|scores| best_label(scores)) {
            counts[label] += 1.0;
        }
        let rows = (scores.len() as f32).max(1.0);
        let rarity = |count: &f32| 1.0 / (count / rows + SMOOTHING).sqrt();
        Self {
            rarities: counts.iter().map(rarity).collect(),
        }
    }

    /// The label with the highest score; `None` without labels.
    pub fn label(&self, scores: &[f32]) -> Option<DoubtfulLabel> {
        let label = best_label(scores)?;
        let others = (0..scores.len()).filter(|other| *other != label);
        let second = others.max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        let doubt = second.map_or(0.0, |second| {
            let margin = scores[label] - scores[second];
            let is_wrong = 1.0 / (1.0 + (INVERSE_TEMPERATURE * margin).exp());
            is_wrong * (self.rarities[label] + self.rarities[second])
        });
        Some(DoubtfulLabel { label, doubt })
    }
}

/// The doubt above which about the share `escalated` of rows with `doubts` lies, which
/// descend.
pub fn doubt_threshold(doubts: &[f32], escalated: f64) -> f32 {
    let count = (escalated * doubts.len() as f64) as usize;
    if count == 0 {
        return f32::INFINITY;
    }
    doubts.get(count).copied().unwrap_or(f32::NEG_INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_and_rare_labels_are_in_doubt() {
        let mut scores = vec![vec![0.9, 0.1, 0.1]; 98];
        scores.extend([vec![0.1, 0.9, 0.1], vec![0.1, 0.1, 0.9]]);
        let doubt = Doubt::of(&scores, 3);
        let of = |scores: &[f32]| doubt.label(scores).unwrap().doubt;
        assert!(of(&[0.50, 0.49, 0.1]) > of(&[0.50, 0.45, 0.1]));
        assert!(of(&[0.1, 0.50, 0.49]) > of(&[0.50, 0.49, 0.1]));
        assert_eq!(doubt.label(&[0.1, 0.50, 0.49]).unwrap().label, 1);
        let one = Doubt::of(&[vec![0.3]], 1);
        assert_eq!(one.label(&[0.3]).unwrap().doubt, 0.0);
    }

    #[test]
    fn the_threshold_escalates_the_share() {
        let doubts = [0.4, 0.3, 0.2, 0.1];
        let above = |share: f64| {
            let threshold = doubt_threshold(&doubts, share);
            doubts.iter().filter(|doubt| **doubt > threshold).count()
        };
        assert_eq!([0.0, 0.2, 0.5, 1.0].map(above), [0, 0, 2, 4]);
    }
}
