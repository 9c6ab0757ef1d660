//! Comparison of a model's 8-bit graph with its fp32 graph.

use serde::{Deserialize, Serialize};

/// Short texts of many kinds, one per line, written for semql.
const TEXTS: &str = include_str!("calibration.txt");

/// Minimum mean cosine to fp32.
const MIN_MEAN_COSINE: f32 = 0.995;

/// Minimum cosine to fp32 of each text.
const MIN_COSINE: f32 = 0.98;

/// Similarity of int8 vectors to fp32 vectors, on texts that the 8-bit graph was
/// not calibrated on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantizationCheck {
    #[serde(rename = "mean")]
    pub mean_cosine: f32,
    #[serde(rename = "least")]
    pub min_cosine: f32,
    pub texts: usize,
}

impl QuantizationCheck {
    /// Summarizes the cosines, one per text.
    pub fn new(cosines: &[f32]) -> Self {
        let texts = cosines.len();
        Self {
            mean_cosine: cosines.iter().sum::<f32>() / texts.max(1) as f32,
            min_cosine: cosines.iter().copied().fold(1.0, f32::min),
            texts,
        }
    }

    /// Whether `auto` may select int8.
    pub fn passes(&self) -> bool {
        self.texts > 0 && self.mean_cosine >= MIN_MEAN_COSINE && self.min_cosine >= MIN_COSINE
    }
}

/// Texts that scales are measured on: every other line, alone and joined.
pub fn calibration_texts() -> Vec<String> {
    texts(0)
}

/// Texts that the 8-bit graph is checked on: the other lines.
pub fn check_texts() -> Vec<String> {
    texts(1)
}

fn texts(offset: usize) -> Vec<String> {
    let lines: Vec<&str> = TEXTS
        .lines()
        .filter(|line| !line.is_empty())
        .skip(offset)
        .step_by(2)
        .collect();
    // Texts of all lengths, because activations depend on the context of a word.
    let single = lines.iter().map(|line| line.to_string());
    let short = lines.chunks(4).map(|lines| lines.join(". "));
    let long = lines.chunks(12).map(|lines| lines.join(" "));
    single.chain(short).chain(long).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_sets_are_disjoint_and_of_similar_size() {
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
    fn a_check_needs_mean_and_minimum() {
        assert!(QuantizationCheck::new(&[0.996, 0.997]).passes());
        assert!(!QuantizationCheck::new(&[0.99, 0.995]).passes());
        assert!(!QuantizationCheck::new(&[f32::NAN, 1.0]).passes());
        assert!(!QuantizationCheck::new(&[]).passes());
        let mut mostly = vec![1.0; 99];
        mostly.push(0.9);
        assert!(!QuantizationCheck::new(&mostly).passes());
    }
}
