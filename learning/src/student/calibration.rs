//! Calibration of a student: its labels become as frequent as the encoder's.

use semql_inference::classifier::best_label;

/// Inverse temperature of the softmax of scores.
pub const INVERSE_TEMPERATURE: f32 = 40.0;
const CALIBRATION_STEPS: usize = 200;

/// Largest number of scores to calibrate, which bounds the time.
const MAX_CALIBRATED_SCORES: usize = 1 << 18;

/// Score offsets of the labels, with which the student gives each label about as
/// often as the encoder. Without them, a regression favours frequent labels.
pub fn score_offsets(student: &[Vec<f32>], encoder: &[Vec<f32>], labels: usize) -> Vec<f32> {
    let mut offsets = vec![0f32; labels];
    if student.len() * labels > MAX_CALIBRATED_SCORES {
        return offsets;
    }
    // Half a row for each label, so that labels without rows stay possible.
    let mut target = vec![0.5f32; labels];
    for scores in encoder {
        if let Some(first) = best_label(scores) {
            target[first] += 1.0;
        }
    }
    let mut probabilities = vec![0f32; labels];
    for _ in 0..CALIBRATION_STEPS {
        let mut given = vec![0.5f32; labels];
        for scores in student {
            let scaled = scores
                .iter()
                .zip(&offsets)
                .map(|(s, o)| INVERSE_TEMPERATURE * (s + o));
            probabilities
                .iter_mut()
                .zip(scaled)
                .for_each(|(probability, s)| *probability = s);
            let top = probabilities
                .iter()
                .copied()
                .fold(f32::NEG_INFINITY, f32::max);
            probabilities.iter_mut().for_each(|s| *s = (*s - top).exp());
            let sum: f32 = probabilities.iter().sum();
            given
                .iter_mut()
                .zip(&probabilities)
                .for_each(|(g, s)| *g += s / sum);
        }
        let steps = target
            .iter()
            .zip(&given)
            .map(|(w, g)| 0.5 * (w / g).ln() / INVERSE_TEMPERATURE);
        offsets
            .iter_mut()
            .zip(steps)
            .for_each(|(o, step)| *o += step);
    }
    offsets
}
