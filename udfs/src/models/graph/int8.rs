//! Numbers for 8-bit matrix products: scales of activations and of weights.
//!
//! Activations have fixed scales, measured once on a calibration set, so that
//! a text's vector does not hang on the texts beside it. A few channels of
//! BERT's activations are ten times as large as the rest and would take the
//! resolution from all others; a factor for each channel moves a part of that
//! size into the weights, which have a scale for each output and can bear it.

use std::collections::BTreeMap;

/// How much of a channel's size goes into the weights: 0 none, 1 all of it.
/// Chosen on MiniLM: 0.7 to 0.85 are equally good, below 0.5 is worse than 0.
const MIGRATION: f32 = 0.75;

/// Least and greatest value of every channel at each named place of a graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranges(BTreeMap<String, Vec<(f32, f32)>>);

impl Ranges {
    /// The prefixes of the outputs of a calibration graph, before a place's name.
    pub const LEAST: &'static str = "least:";
    pub const MOST: &'static str = "most:";

    /// Takes in the value `values` of the calibration graph's output `name`;
    /// outputs of other names are passed over.
    pub fn widen(&mut self, name: &str, values: &[f32]) {
        let (place, most) = match (
            name.strip_prefix(Self::LEAST),
            name.strip_prefix(Self::MOST),
        ) {
            (Some(place), _) => (place, false),
            (_, Some(place)) => (place, true),
            _ => return,
        };
        // Zero is in every range: padding and clipping land there.
        let channels = self
            .0
            .entry(place.to_string())
            .or_insert_with(|| vec![(0.0, 0.0); values.len()]);
        for (channel, value) in channels.iter_mut().zip(values) {
            if most {
                channel.1 = channel.1.max(*value);
            } else {
                channel.0 = channel.0.min(*value);
            }
        }
    }

    /// The channels of `place`; `None` where it was not measured.
    pub fn of(&self, place: &str) -> Option<&[(f32, f32)]> {
        self.0.get(place).map(Vec::as_slice)
    }
}

/// How activations become unsigned bytes: `round(x / (scale * channel)) + zero`.
#[derive(Clone, Debug, PartialEq)]
pub struct Activation {
    pub scale: f32,
    pub zero: u8,
    /// What each channel is divided by before; `None` where all are 1.
    pub channels: Option<Vec<f32>>,
}

impl Activation {
    /// From the ranges of the channels, and the weights `[channels, outputs]`
    /// that multiply them if a factor for each channel is wanted.
    pub fn new(ranges: &[(f32, f32)], weights: Option<&[f32]>) -> Self {
        let channels = weights.map(|weights| factors(ranges, weights));
        let factor = |i: usize| channels.as_ref().map_or(1.0, |c| c[i]);
        let ends = ranges.iter().enumerate().map(|(i, (least, most))| {
            let by = factor(i);
            (least / by, most / by)
        });
        let (least, most) = ends.fold((0f32, 0f32), |(l, m), (a, b)| (l.min(a), m.max(b)));
        let scale = ((most - least) / 255.0).max(1e-8);
        Self {
            scale,
            zero: (-least / scale).round().clamp(0.0, 255.0) as u8,
            channels,
        }
    }

    /// `weights` `[channels, outputs]`, each row multiplied by what its channel
    /// is divided by.
    pub fn absorb(&self, weights: &mut [f32]) {
        if let Some(channels) = &self.channels {
            let outputs = weights.len() / channels.len().max(1);
            for (row, factor) in weights.chunks_exact_mut(outputs.max(1)).zip(channels) {
                row.iter_mut().for_each(|w| *w *= factor);
            }
        }
    }
}

fn factors(ranges: &[(f32, f32)], weights: &[f32]) -> Vec<f32> {
    let outputs = (weights.len() / ranges.len().max(1)).max(1);
    let logs: Vec<f32> = ranges
        .iter()
        .zip(weights.chunks_exact(outputs))
        .map(|((least, most), row)| {
            let activation = most.max(-least) + 1e-5;
            let weight = row.iter().fold(0f32, |m, w| m.max(w.abs())) + 1e-5;
            MIGRATION * activation.ln() - (1.0 - MIGRATION) * weight.ln()
        })
        .collect();
    let mean = logs.iter().sum::<f32>() / logs.len().max(1) as f32;
    logs.iter().map(|log| (log - mean).exp()).collect()
}

/// Weights as signed bytes with one scale for each output.
#[derive(Clone, Debug, PartialEq)]
pub struct Weight {
    pub values: Vec<i8>,
    pub scales: Vec<f32>,
}

impl Weight {
    /// Rounds `weights` `[inputs, outputs]` to whole numbers of at most
    /// `greatest`.
    pub fn new(weights: &[f32], outputs: usize, greatest: i8) -> Self {
        let limit = f32::from(greatest);
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

/// The greatest weight that this machine multiplies without error.
///
/// Without VNNI, x86 adds two products of an unsigned and a signed byte in 16
/// bits, where 255 * 127 * 2 does not fit; 255 * 63 * 2 does.
pub fn greatest_weight() -> i8 {
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
    fn ranges_widen_and_hold_zero() {
        let mut ranges = Ranges::default();
        ranges.widen("most:x", &[1.0, -2.0]);
        ranges.widen("least:x", &[0.5, -3.0]);
        ranges.widen("most:x", &[0.0, 4.0]);
        ranges.widen("embedding", &[9.0, 9.0]);
        assert_eq!(ranges.of("x"), Some(&[(0.0, 1.0), (-3.0, 4.0)][..]));
        assert_eq!(ranges.of("y"), None);
    }

    #[test]
    fn factors_even_out_a_loud_channel_and_the_product_stays() {
        let ranges = [(-1.0, 1.0), (-30.0, 30.0)];
        let weights = [0.5f32, -0.25, 0.5, 0.25];
        let plain = Activation::new(&ranges, None);
        let smooth = Activation::new(&ranges, Some(&weights));
        let channels = smooth.channels.clone().unwrap();
        assert!(channels[1] > 5.0 * channels[0]);
        assert!(smooth.scale / channels[0].recip() < plain.scale);
        let mut moved = weights;
        smooth.absorb(&mut moved);
        let x = [0.7f32, -12.0];
        let before = x[0] * weights[0] + x[1] * weights[2];
        let after = x[0] / channels[0] * moved[0] + x[1] / channels[1] * moved[2];
        assert!((before - after).abs() < 1e-5);
    }

    #[test]
    fn weights_come_back_within_half_a_step() {
        let weights = [0.1f32, -8.0, -0.2, 4.0, 0.05, 1.0];
        for greatest in [63, 127] {
            let rounded = Weight::new(&weights, 2, greatest);
            assert!(rounded.values.iter().all(|v| v.abs() <= greatest));
            for (i, w) in weights.iter().enumerate() {
                let scale = rounded.scales[i % 2];
                assert!((f32::from(rounded.values[i]) * scale - w).abs() <= scale * 0.5001);
            }
        }
        // A column of zeros divides by nothing.
        assert_eq!(Weight::new(&[0.0, 0.0], 1, 127).values, [0, 0]);
    }
}
