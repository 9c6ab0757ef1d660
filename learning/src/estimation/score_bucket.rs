//! Buckets of scores: numbers rounded so that a bounded number of counts covers any
//! number of rows.

/// Bits of a score's key that are dropped at first; 10 bits of the fraction remain.
const FIRST_SHIFT: u32 = 42;

/// Resolution of score buckets. Coarser buckets are unions of finer ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScoreResolution {
    /// Bits of a key that are dropped.
    shift: u32,
}

impl Default for ScoreResolution {
    fn default() -> Self {
        Self { shift: FIRST_SHIFT }
    }
}

impl ScoreResolution {
    /// The resolution that drops `shift` bits; at least the first resolution.
    pub fn from_shift(shift: u32) -> Self {
        let shift = shift.clamp(FIRST_SHIFT, u64::BITS);
        Self { shift }
    }

    /// Dropped bits.
    pub fn shift(self) -> u32 {
        self.shift
    }

    /// The next coarser resolution; `None` if all scores are in one bucket.
    pub fn coarser(self) -> Option<Self> {
        (self.shift < u64::BITS).then(|| Self::from_shift(self.shift + 1))
    }

    /// Bucket of a score. Buckets have the order of their scores. `None` for NaN.
    pub fn bucket(self, score: f64) -> Option<u64> {
        if score.is_nan() {
            return None;
        }
        // Adding zero turns negative zero into zero.
        let bits = (score + 0.0).to_bits();
        let sign = 1 << (u64::BITS - 1);
        let key = if bits & sign == 0 { bits | sign } else { !bits };
        Some(key.checked_shr(self.shift).unwrap_or(0))
    }

    /// Bucket at this resolution of a bucket at the resolution `finer`.
    pub fn merged(self, bucket: u64, finer: Self) -> u64 {
        let shift = self.shift.saturating_sub(finer.shift);
        bucket.checked_shr(shift).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_have_the_order_of_the_scores() {
        let scores = [
            f64::NEG_INFINITY,
            -1e9,
            -0.5,
            -0.25,
            -1e-300,
            0.0,
            1e-300,
            0.25,
            0.2505,
            0.5,
            1e9,
            f64::INFINITY,
        ];
        let mut resolution = ScoreResolution::default();
        let buckets = |resolution: ScoreResolution| -> Vec<u64> {
            let all = scores.iter().map(|score| resolution.bucket(*score));
            all.map(Option::unwrap).collect()
        };
        assert!(buckets(resolution).is_sorted_by(|a, b| a < b));
        assert_eq!(resolution.bucket(0.0), resolution.bucket(-0.0));
        assert_eq!(resolution.bucket(f64::NAN), None);
        while let Some(coarser) = resolution.coarser() {
            let merged = buckets(resolution)
                .into_iter()
                .map(|bucket| coarser.merged(bucket, resolution));
            assert_eq!(merged.collect::<Vec<_>>(), buckets(coarser));
            resolution = coarser;
        }
        assert_eq!(resolution.shift(), 64);
        assert!(buckets(resolution).iter().all(|bucket| *bucket == 0));
    }
}
