//! Bins of a histogram.

const MAX_BINS: usize = 20;

/// Values counted between equidistant edges.
pub struct Bins {
    /// The first edge.
    pub least: f64,
    /// Width of a bin; 0 where all values are equal.
    pub step: f64,
    pub counts: Vec<f64>,
}

impl Bins {
    /// `bins` bins from the least value to the greatest.
    pub fn even(values: &[f64], bins: usize) -> Self {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let bins = if most > least { bins.max(1) } else { 1 };
        // Divided first, since the difference may overflow.
        Self::between(
            values,
            least,
            most / bins as f64 - least / bins as f64,
            bins,
        )
    }

    /// Bins from `least` on, each `step` wide.
    pub fn between(values: &[f64], least: f64, step: f64, bins: usize) -> Self {
        let mut counted = Self {
            least,
            step,
            counts: vec![0.0; bins],
        };
        for value in values {
            let bin = counted.index_of(*value);
            counted.counts[bin] += 1.0;
        }
        counted
    }

    /// Number of the bin that holds a value.
    pub fn index_of(&self, value: f64) -> usize {
        if self.step > 0.0 {
            ((value / self.step - self.least / self.step) as usize).min(self.counts.len() - 1)
        } else {
            0
        }
    }

    /// The lower edge of bin number `bin`.
    pub fn edge(&self, bin: usize) -> f64 {
        // In two halves, since the whole distance may overflow.
        let half = self.step * (bin as f64 / 2.0);
        (self.least + half + half).clamp(f64::MIN, f64::MAX)
    }
}

/// Number of bins by Sturges' rule, at most [`MAX_BINS`].
pub fn sturges_bins(values: usize) -> usize {
    ((values as f64).log2().ceil() as usize + 1).clamp(1, MAX_BINS)
}
