//! Whether a model's 8-bit graph is as good as its fp32 graph.

use serde::{Deserialize, Serialize};

/// Short texts of many kinds, a line each, written for semql.
const CALIBRATION_TEXTS: &str = include_str!("calibration.txt");

/// The mean cosine to fp32 from which on 8 bits are good enough.
const LEAST_MEAN: f32 = 0.995;

/// The same for the worst text.
const LEAST: f32 = 0.98;

/// How near the vectors of 8 bits were to those of fp32 on texts that the
/// 8-bit graph was not calibrated on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Mean cosine.
    pub mean: f32,
    /// Least cosine.
    pub least: f32,
    pub texts: usize,
}

impl Verdict {
    /// From one cosine for each text.
    pub fn new(cosines: &[f32]) -> Self {
        let texts = cosines.len();
        Self {
            mean: cosines.iter().sum::<f32>() / texts.max(1) as f32,
            least: cosines.iter().copied().fold(1.0, f32::min),
            texts,
        }
    }

    /// Whether `auto` may take 8 bits.
    pub fn passes(&self) -> bool {
        self.texts > 0 && self.mean >= LEAST_MEAN && self.least >= LEAST
    }
}

/// What scales are measured on: every other line, alone and several in one.
pub fn calibration_texts() -> Vec<String> {
    texts(0)
}

/// What the result is checked on: the other lines.
pub fn check_texts() -> Vec<String> {
    texts(1)
}

fn texts(offset: usize) -> Vec<String> {
    let lines: Vec<&str> = CALIBRATION_TEXTS
        .lines()
        .filter(|line| !line.is_empty())
        .skip(offset)
        .step_by(2)
        .collect();
    // Texts of all lengths: activations grow with the company that a word has.
    let alone = lines.iter().map(|line| line.to_string());
    let some = lines.chunks(4).map(|lines| lines.join(". "));
    let many = lines.chunks(12).map(|lines| lines.join(" "));
    alone.chain(some).chain(many).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_sets_are_apart_and_of_a_size() {
        let (calibration, check) = (calibration_texts(), check_texts());
        assert!(
            (64..=128).contains(&calibration.len()),
            "{}",
            calibration.len()
        );
        assert!((64..=128).contains(&check.len()));
        assert!(calibration.iter().all(|text| !check.contains(text)));
    }

    #[test]
    fn a_verdict_needs_mean_and_worst() {
        assert!(Verdict::new(&[0.996, 0.997]).passes());
        assert!(!Verdict::new(&[0.99, 0.995]).passes());
        assert!(!Verdict::new(&[f32::NAN, 1.0]).passes());
        assert!(!Verdict::new(&[]).passes());
        let mut mostly = vec![1.0; 99];
        mostly.push(0.9);
        assert!(!Verdict::new(&mostly).passes());
    }
}
