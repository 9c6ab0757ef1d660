//! Quantization of activations and weights to 8 bits.
//!
//! Activations have static scales, measured once on a calibration set: the
//! vector of a text does not depend on the other texts of its batch. A few
//! channels of BERT's activations are ten times as large as the others and
//! would reduce their resolution. As in SmoothQuant, a factor per channel
//! migrates a part of that size into the weights, which have a scale per output.

use std::collections::BTreeMap;

/// Share of a channel's size that migrates into the weights (SmoothQuant's
/// alpha). On MiniLM, 0.7 to 0.85 are equally good; below 0.5 is worse than 0.
const MIGRATION_STRENGTH: f32 = 0.75;

/// Minimum and maximum of every channel of each named activation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActivationRanges(BTreeMap<String, Vec<(f32, f32)>>);

impl ActivationRanges {
    /// Prefixes of the outputs of a calibration graph, before the activation's name.
    pub const MIN_PREFIX: &'static str = "min:";
    pub const MAX_PREFIX: &'static str = "max:";

    /// Extends the ranges by output `name` of a calibration graph; ignores
    /// outputs without a prefix.
    pub fn widen(&mut self, name: &str, values: &[f32]) {
        let (activation, is_max) = match (
            name.strip_prefix(Self::MIN_PREFIX),
            name.strip_prefix(Self::MAX_PREFIX),
        ) {
            (Some(activation), _) => (activation, false),
            (_, Some(activation)) => (activation, true),
            _ => return,
        };
        // Zero is in every range, because of padding and clipping.
        let channels = self
            .0
            .entry(activation.to_string())
            .or_insert_with(|| vec![(0.0, 0.0); values.len()]);
        for (channel, value) in channels.iter_mut().zip(values) {
            if is_max {
                channel.1 = channel.1.max(*value);
            } else {
                channel.0 = channel.0.min(*value);
            }
        }
    }

    /// Ranges of the channels of `activation`; `None` if it was not measured.
    pub fn get(&self, activation: &str) -> Option<&[(f32, f32)]> {
        self.0.get(activation).map(Vec::as_slice)
    }
}

/// Quantization of activations to unsigned bytes:
/// `round(x / (scale * channel)) + zero_point`.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivationQuantization {
    pub scale: f32,
    pub zero_point: u8,
    /// Divisor of each channel; `None` if all are 1.
    pub channels: Option<Vec<f32>>,
}

impl ActivationQuantization {
    /// Quantization for the ranges of the channels. With `weights`
    /// `[channels, outputs]`, the channels are smoothed by migration.
    pub fn new(ranges: &[(f32, f32)], weights: Option<&[f32]>) -> Self {
        let channels = weights.map(|weights| smoothing_factors(ranges, weights));
        let factor = |i: usize| channels.as_ref().map_or(1.0, |c| c[i]);
        let scaled = ranges.iter().enumerate().map(|(i, (min, max))| {
            let factor = factor(i);
            (min / factor, max / factor)
        });
        let (min, max) = scaled.fold((0f32, 0f32), |(l, m), (a, b)| (l.min(a), m.max(b)));
        let scale = ((max - min) / 255.0).max(1e-8);
        Self {
            scale,
            zero_point: (-min / scale).round().clamp(0.0, 255.0) as u8,
            channels,
        }
    }

    /// Multiplies each row of `weights` `[channels, outputs]` by the divisor of
    /// its channel.
    pub fn scale_weights(&self, weights: &mut [f32]) {
        if let Some(channels) = &self.channels {
            let outputs = weights.len() / channels.len().max(1);
            for (row, factor) in weights.chunks_exact_mut(outputs.max(1)).zip(channels) {
                row.iter_mut().for_each(|w| *w *= factor);
            }
        }
    }
}

fn smoothing_factors(ranges: &[(f32, f32)], weights: &[f32]) -> Vec<f32> {
    let outputs = (weights.len() / ranges.len().max(1)).max(1);
    let logs: Vec<f32> = ranges
        .iter()
        .zip(weights.chunks_exact(outputs))
        .map(|((min, max), row)| {
            let activation = max.max(-min) + 1e-5;
            let weight = row.iter().fold(0f32, |m, w| m.max(w.abs())) + 1e-5;
            MIGRATION_STRENGTH * activation.ln() - (1.0 - MIGRATION_STRENGTH) * weight.ln()
        })
        .collect();
    let mean = logs.iter().sum::<f32>() / logs.len().max(1) as f32;
    logs.iter().map(|log| (log - mean).exp()).collect()
}

/// Weights as signed bytes with one scale per output.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedWeights {
    pub values: Vec<i8>,
    pub scales: Vec<f32>,
}

impl QuantizedWeights {
    /// Rounds `weights` `[inputs, outputs]` to integers in
    /// `-max_weight..=max_weight`.
    pub fn new(weights: &[f32], outputs: usize, max_weight: i8) -> Self {
        let limit = f32::from(max_weight);
        let mut scales = vec![0f32; outputs];
        for row in weights.chunks_exact(outputs.max(1)) {
            for (scale, w) in scales.iter_mut().zip(row) {
                *scale = scale.max(w.abs());
            }
        }
        for scale in &mut scales {
            *scale = (*scale / limit).max(1e-10);
        }
        let values = weights
            .chunks_exact(outputs.max(1))
            .flat_map(|row| row.iter().zip(&scales))
            .map(|(w, scale)| (w / scale).round().clamp(-limit, limit) as i8)
            .collect();
        Self { values, scales }
    }
}

/// Largest weight that this CPU multiplies without overflow.
///
/// Without VNNI, x86 adds two products of an unsigned and a signed byte in 16
/// bits: 255 * 127 * 2 overflows, 255 * 63 * 2 does not.
pub fn max_int8_weight() -> i8 {
    #[cfg(target_arch = "x86_64")]
    {
        if !is_x86_feature_detected!("avx512vnni") && !is_x86_feature_detected!("avxvnni") {
            return 63;
        }
    }
    127
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_widen_and_contain_zero() {
        let mut ranges = ActivationRanges::default();
        ranges.widen("max:x", &[1.0, -2.0]);
        ranges.widen("min:x", &[0.5, -3.0]);
        ranges.widen("max:x", &[0.0, 4.0]);
        ranges.widen("embedding", &[9.0, 9.0]);
        assert_eq!(ranges.get("x"), Some(&[(0.0, 1.0), (-3.0, 4.0)][..]));
        assert_eq!(ranges.get("y"), None);
    }

    #[test]
    fn smoothing_shrinks_a_large_channel_and_keeps_the_product() {
        let ranges = [(-1.0, 1.0), (-30.0, 30.0)];
        let weights = [0.5f32, -0.25, 0.5, 0.25];
        let plain = ActivationQuantization::new(&ranges, None);
        let smooth = ActivationQuantization::new(&ranges, Some(&weights));
        let channels = smooth.channels.clone().unwrap();
        assert!(channels[1] > 5.0 * channels[0]);
        assert!(smooth.scale / channels[0].recip() < plain.scale);
        let mut scaled = weights;
        smooth.scale_weights(&mut scaled);
        let x = [0.7f32, -12.0];
        let before = x[0] * weights[0] + x[1] * weights[2];
        let after = x[0] / channels[0] * scaled[0] + x[1] / channels[1] * scaled[2];
        assert!((before - after).abs() < 1e-5);
    }

    #[test]
    fn quantized_weights_are_within_half_a_step() {
        let weights = [0.1f32, -8.0, -0.2, 4.0, 0.05, 1.0];
        for max_weight in [63, 127] {
            let rounded = QuantizedWeights::new(&weights, 2, max_weight);
            assert!(rounded.values.iter().all(|v| v.abs() <= max_weight));
            for (i, w) in weights.iter().enumerate() {
                let scale = rounded.scales[i % 2];
                assert!((f32::from(rounded.values[i]) * scale - w).abs() <= scale * 0.5001);
            }
        }
        // A column of zeros does not divide by zero.
        assert_eq!(QuantizedWeights::new(&[0.0, 0.0], 1, 127).values, [0, 0]);
    }
}
