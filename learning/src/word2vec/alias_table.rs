//! Random draws with weights.

use semql_inference::random::Random;

/// Walker's alias method: draws indices with weights in constant time.
pub struct AliasTable {
    /// By index: the probability that it is kept, times 2^32, and its alias.
    entries: Vec<(u32, u32)>,
}

impl AliasTable {
    pub fn new(weights: &[f64]) -> Self {
        let mean = weights.iter().sum::<f64>() / weights.len().max(1) as f64;
        let mut scaled: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
        let mut entries: Vec<(u32, u32)> = (0..weights.len() as u32)
            .map(|index| (u32::MAX, index))
            .collect();
        let (mut large, mut small): (Vec<usize>, Vec<usize>) =
            (0..scaled.len()).partition(|index| scaled[*index] >= 1.0);
        while let (Some(donor), Some(receiver)) = (large.last().copied(), small.pop()) {
            let chance = scaled[receiver] * f64::from(u32::MAX);
            entries[receiver] = (chance as u32, donor as u32);
            scaled[donor] -= 1.0 - scaled[receiver];
            if scaled[donor] < 1.0 {
                large.pop();
                small.push(donor);
            }
        }
        Self { entries }
    }

    /// A random index.
    pub fn draw(&self, random: &mut Random) -> u32 {
        let index = random.below(self.entries.len());
        let (chance, other) = self.entries[index];
        match (random.bits() >> 32) as u32 <= chance {
            true => index as u32,
            false => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_drawn_by_their_weights() {
        let draw = AliasTable::new(&[1.0, 0.0, 6.0, 3.0]);
        let (mut random, mut counts) = (Random::new(2), [0i32; 4]);
        (0..10_000).for_each(|_| counts[draw.draw(&mut random) as usize] += 1);
        for (count, expected) in counts.iter().zip([1_000, 0, 6_000, 3_000]) {
            assert!((*count - expected).abs() < 200, "{counts:?}");
        }
    }
}
