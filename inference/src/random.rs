//! Pseudo-random numbers that are the same for the same seed.

/// Pseudo-random number generator (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// 64 bits; the upper ones are of better quality.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Uniform in 0..1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in 0..`end`, for `end` below 2^32.
    pub fn below(&mut self, end: usize) -> usize {
        (((self.bits() >> 32) * end as u64) >> 32) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_uniform_and_repeat_for_a_seed() {
        let (mut random, mut counts) = (Random::new(7), [0; 10]);
        let mean = (0..10_000)
            .map(|_| {
                counts[random.below(10)] += 1;
                random.unit()
            })
            .sum::<f64>()
            / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        assert!(
            counts.iter().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
        let (mut a, mut b, mut c) = (Random::new(1), Random::new(1), Random::new(2));
        assert_eq!(a.bits(), b.bits());
        assert_ne!(a.bits(), c.bits());
    }
}
