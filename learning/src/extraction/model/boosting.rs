//! Gradient-boosted oblivious trees for a probability.

/// Splits of a tree.
pub const DEPTH: usize = 4;

/// Leaves of a tree.
pub const LEAVES: usize = 1 << DEPTH;

/// Most thresholds of a feature.
const MAX_BINS: usize = 24;

/// Trees that are made.
const TREES: usize = 120;

/// Share of the step of a tree that is made.
const RATE: f64 = 0.08;

/// Added to the sum of the second derivatives of a leaf.
const L2: f64 = 4.0;

/// Trees whose outputs are added up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forest {
    pub trees: Vec<ObliviousTree>,
}

/// Tree with one split for each level.
#[derive(Clone, Debug, PartialEq)]
pub struct ObliviousTree {
    /// Features, with the thresholds that their values exceed.
    pub splits: [(u16, f32); DEPTH],
    pub leaves: [f32; LEAVES],
}

/// Example of a probability: features, the initial log-odds, the label.
pub struct BoostingExample<'a> {
    pub features: &'a [f32],
    pub offset: f32,
    pub label: bool,
}

impl Forest {
    /// The sum of the outputs, which is added to the log-odds.
    pub fn output(&self, features: &[f32]) -> f32 {
        self.trees.iter().map(|tree| tree.output(features)).sum()
    }

    /// Learns from examples with `width` features each.
    pub fn train(examples: &[BoostingExample<'_>], width: usize) -> Self {
        let columns: Vec<BinnedColumn> = (0..width)
            .map(|feature| BinnedColumn::new(examples, feature))
            .collect();
        let mut scores: Vec<f64> = examples.iter().map(|one| f64::from(one.offset)).collect();
        let mut forest = Self::default();
        for _ in 0..TREES {
            let slopes: Vec<(f64, f64)> = scores
                .iter()
                .zip(examples)
                .map(|(score, example)| {
                    let p = 1.0 / (1.0 + (-score).exp());
                    (f64::from(u8::from(example.label)) - p, p * (1.0 - p))
                })
                .collect();
            let Some((tree, leaf_of)) = grow(&columns, &slopes) else {
                break;
            };
            for (score, leaf) in scores.iter_mut().zip(leaf_of) {
                *score += f64::from(tree.leaves[leaf as usize]);
            }
            forest.trees.push(tree);
        }
        forest
    }
}

impl ObliviousTree {
    fn output(&self, features: &[f32]) -> f32 {
        let mut leaf = 0;
        for (level, (feature, threshold)) in self.splits.iter().enumerate() {
            leaf |= usize::from(features[*feature as usize] > *threshold) << level;
        }
        self.leaves[leaf]
    }
}

/// Values of a feature as bins.
struct BinnedColumn {
    /// Bin `b` has the values above threshold `b - 1`, up to threshold `b`.
    thresholds: Vec<f32>,
    bins: Vec<u8>,
}

impl BinnedColumn {
    fn new(examples: &[BoostingExample<'_>], feature: usize) -> Self {
        let mut values: Vec<f32> = examples.iter().map(|one| one.features[feature]).collect();
        values.sort_unstable_by(f32::total_cmp);
        let step = values.len().div_ceil(MAX_BINS + 1).max(1);
        let mut thresholds: Vec<f32> = values.iter().copied().skip(step).step_by(step).collect();
        let mut distinct = values;
        distinct.dedup();
        if distinct.len() <= MAX_BINS {
            thresholds = distinct;
        }
        thresholds.dedup();
        let bin = |value: f32| thresholds.partition_point(|threshold| *threshold < value) as u8;
        Self {
            bins: examples
                .iter()
                .map(|one| bin(one.features[feature]))
                .collect(),
            thresholds,
        }
    }
}

/// The tree for first and second derivatives, and the leaf of each example.
fn grow(columns: &[BinnedColumn], slopes: &[(f64, f64)]) -> Option<(ObliviousTree, Vec<u8>)> {
    let mut leaf_of = vec![0_u8; slopes.len()];
    let mut splits = [(0_u16, 0.0_f32); DEPTH];
    for (level, split) in splits.iter_mut().enumerate() {
        let leaves = 1 << level;
        let best = columns
            .iter()
            .enumerate()
            .filter_map(|(feature, column)| {
                let (gain, bin) = best_split(column, slopes, &leaf_of, leaves)?;
                Some((gain, feature, bin))
            })
            .reduce(|best, one| if one.0 > best.0 { one } else { best })?;
        let (_, feature, bin) = best;
        let column = &columns[feature];
        *split = (feature as u16, column.thresholds[bin]);
        for (leaf, value) in leaf_of.iter_mut().zip(&column.bins) {
            *leaf |= u8::from(usize::from(*value) > bin) << level;
        }
    }
    let mut sums = [(0.0, 0.0); LEAVES];
    for ((slope, curve), leaf) in slopes.iter().zip(&leaf_of) {
        let sum = &mut sums[*leaf as usize];
        *sum = (sum.0 + slope, sum.1 + curve);
    }
    let leaves = sums.map(|(slope, curve)| (RATE * slope / (curve + L2)) as f32);
    Some((ObliviousTree { splits, leaves }, leaf_of))
}

/// The gain and the bin of the best threshold of a feature.
fn best_split(
    column: &BinnedColumn,
    slopes: &[(f64, f64)],
    leaf_of: &[u8],
    leaves: usize,
) -> Option<(f64, usize)> {
    let bins = column.thresholds.len() + 1;
    let mut sums = vec![(0.0, 0.0); leaves * bins];
    for ((slope, bin), leaf) in slopes.iter().zip(&column.bins).zip(leaf_of) {
        let sum = &mut sums[*leaf as usize * bins + *bin as usize];
        *sum = (sum.0 + slope.0, sum.1 + slope.1);
    }
    let mut gains = vec![0.0; column.thresholds.len()];
    for sums in sums.chunks(bins) {
        let add = |a: (f64, f64), b: &(f64, f64)| (a.0 + b.0, a.1 + b.1);
        let all = sums.iter().fold((0.0, 0.0), add);
        let mut below = (0.0, 0.0);
        for (gain, sum) in gains.iter_mut().zip(sums) {
            below = add(below, sum);
            let above = (all.0 - below.0, all.1 - below.1);
            *gain += below.0 * below.0 / (below.1 + L2) + above.0 * above.0 / (above.1 + L2);
        }
    }
    let gains = gains.into_iter().enumerate().map(|(bin, gain)| (gain, bin));
    gains.reduce(|best, one| if one.0 > best.0 { one } else { best })
}

#[cfg(test)]
mod tests {
    use super::super::hashing::mix;
    use super::*;

    #[test]
    fn a_conjunction_is_learnt() {
        let rows: Vec<[f32; 3]> = (0..600_u64)
            .map(|at| [1, 2, 3].map(|of| (mix(of, at) % 100) as f32))
            .collect();
        let is_true = |row: &[f32; 3]| row[0] > 50.0 && row[2] > 30.0;
        let examples: Vec<_> = rows
            .iter()
            .map(|row| BoostingExample {
                features: row,
                offset: 0.0,
                label: is_true(row),
            })
            .collect();
        let forest = Forest::train(&examples, 3);
        let wrong = rows
            .iter()
            .filter(|row| (forest.output(*row) > 0.0) != is_true(row))
            .count();
        assert!(wrong < 12, "{wrong}");
        assert_eq!(Forest::train(&examples, 3), forest);
        assert!(Forest::train(&[], 3).trees.is_empty());
    }
}
