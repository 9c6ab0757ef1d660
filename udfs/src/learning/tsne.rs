//! A map of rows in two dimensions on which near rows stay near: t-SNE.
//!
//! Van der Maaten's Barnes-Hut t-SNE (JMLR 2014) with scikit-learn's choices:
//! it starts from the first two principal components, exaggerates likenesses
//! twelve times for 250 of 1,000 steps, and its rate is a twelfth of a quarter
//! of the rows. Likenesses are those of the exact nearest rows. Every sum is
//! added up in an order that the rows alone decide, so that the map is the same
//! on any number of cores.

use super::neighbours::{Neighbours, nearest};
use super::pca::{centred, pca};
use super::quadtree::{LANES, Quadtree};
use super::random::Random;
use crate::shares::each_share;
use crate::waiting::Watch;

const STEPS: usize = 1_000;

/// Steps in which likenesses count more, and how much more.
const EARLY_STEPS: usize = 250;
const EXAGGERATION: f32 = 12.0;

/// The standard deviation of where rows start.
const START: f32 = 1e-4;

/// Rows start so much beside that, by chance, as a share of it: rows on a line
/// would never leave it.
const JITTER: f64 = 0.01;

/// How near the perplexity comes to the one that is wanted.
const PERPLEXITY_TOLERANCE: f64 = 1e-5;
const PERPLEXITY_STEPS: usize = 100;

/// Groups of `LANES` points that a thread takes at a time.
const GROUPS: usize = 16;

/// Rows whose likenesses a thread takes at a time.
const ROWS: usize = 64;

/// The largest perplexity that so many rows allow.
pub fn most_perplexity(rows: usize) -> f64 {
    rows.saturating_sub(1) as f64 / 3.0
}

/// The place of each row of `rows` (rows x `dims`, no two the same). Some
/// `perplexity` rows count as near to each, a third of the others at most.
/// `None` once nobody waits.
pub fn tsne(
    rows: &[f32],
    dims: usize,
    perplexity: f64,
    seed: u64,
    watch: &dyn Watch,
) -> Option<Vec<[f32; 2]>> {
    let count = rows.len().checked_div(dims).unwrap_or(0);
    let Some((centred, _)) = centred(rows, dims) else {
        return Some(vec![[0.0; 2]; count]);
    };
    let wanted = (3.0 * perplexity + 1.0) as usize;
    let near = nearest(&centred, dims, wanted.clamp(1, count - 1), watch)?;
    let likenesses = Likenesses::new(&near, perplexity);
    let places = start(&centred, dims, seed, watch)?;
    Map::new(places, likenesses).settled(watch)
}

/// The first two principal components, small, and a little beside them.
fn start(centred: &[f32], dims: usize, seed: u64, watch: &dyn Watch) -> Option<Vec<[f32; 2]>> {
    let wanted = dims.min(2);
    let scores = pca(centred, dims, wanted, watch)?.scores;
    let along = scores.chunks_exact(wanted);
    let count = along.len() as f64;
    let squares: f64 = along.map(|row| f64::from(row[0]) * f64::from(row[0])).sum();
    let scale = f64::from(START) / (squares / count).sqrt();
    let mut random = Random::new(seed);
    let mut place = |score: Option<&f32>| {
        let beside = JITTER * (random.unit() - 0.5);
        (score.map_or(0.0, |s| f64::from(*s)) * scale + beside * f64::from(START)) as f32
    };
    let rows = scores.chunks_exact(wanted);
    Some(
        rows.map(|row| [place(row.first()), place(row.get(1))])
            .collect(),
    )
}

/// How alike rows are, for the pairs of which one is near the other.
struct Likenesses {
    /// Per row, where its pairs begin, and at last where they end.
    starts: Vec<usize>,
    others: Vec<u32>,
    /// Their sum over all pairs, both ways, is 1.
    values: Vec<f32>,
}

impl Likenesses {
    fn new(near: &Neighbours, perplexity: f64) -> Self {
        let each = near.each;
        let rows = near.rows.len() / each;
        let mut shares = vec![0f32; near.rows.len()];
        let blocks = shares.chunks_mut(ROWS * each);
        each_share(
            blocks.zip(near.distances.chunks(ROWS * each)),
            |(shares, distances)| {
                let rows = shares.chunks_exact_mut(each);
                for (shares, distances) in rows.zip(distances.chunks_exact(each)) {
                    weigh(shares, distances, perplexity);
                }
            },
        );
        // Each pair is there from both its rows.
        let mut pairs: Vec<Vec<(u32, f32)>> = vec![Vec::with_capacity(2 * each); rows];
        for (row, (others, shares)) in near
            .rows
            .chunks_exact(each)
            .zip(shares.chunks_exact(each))
            .enumerate()
        {
            for (other, share) in others.iter().zip(shares) {
                pairs[row].push((*other, *share));
                pairs[*other as usize].push((row as u32, *share));
            }
        }
        let mut likenesses = Self {
            starts: vec![0],
            others: Vec::new(),
            values: Vec::new(),
        };
        for pairs in &mut pairs {
            // Stable: a pair's two halves stay in the order of their rows.
            pairs.sort_by_key(|(other, _)| *other);
            let first = likenesses.others.len();
            for (other, share) in pairs.drain(..) {
                match likenesses.others[first..].last() {
                    Some(last) if *last == other => {
                        if let Some(value) = likenesses.values.last_mut() {
                            *value += share;
                        }
                    }
                    _ => {
                        likenesses.others.push(other);
                        likenesses.values.push(share);
                    }
                }
            }
            likenesses.starts.push(likenesses.others.len());
        }
        let sum: f64 = likenesses.values.iter().map(|v| f64::from(*v)).sum();
        let values = likenesses.values.iter_mut();
        values.for_each(|value| *value = (f64::from(*value) / sum) as f32);
        likenesses
    }

    /// The pull of its pairs on a row.
    fn pull(&self, row: usize, places: &[[f32; 2]]) -> [f32; 2] {
        let pairs = self.starts[row]..self.starts[row + 1];
        let (others, values) = (&self.others[pairs.clone()], &self.values[pairs]);
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has what the function was compiled for.
            return unsafe { pull_with_avx2(places[row], others, values, places) };
        }
        pull(places[row], others, values, places, |a, b, sum| sum + a * b)
    }
}

/// Gives each of the nearest its share of a row: Gaussian, and as wide as the
/// perplexity wants.
fn weigh(shares: &mut [f32], squared: &[f32], perplexity: f64) {
    let wanted = perplexity.ln();
    let least = squared.iter().copied().fold(f32::INFINITY, f32::min);
    let beyond = |d: &f32| f64::from(*d) - f64::from(least);
    let (mut narrow, mut low, mut high) = (1f64, 0f64, f64::INFINITY);
    let mut sum = 0.0;
    for _ in 0..PERPLEXITY_STEPS {
        sum = 0.0;
        let mut weighed = 0.0;
        for (share, d) in shares.iter_mut().zip(squared) {
            let d = beyond(d);
            let value = (-d * narrow).exp();
            sum += value;
            weighed += d * value;
            *share = value as f32;
        }
        // The entropy; the nearest row's value is 1, so that the sum is not 0.
        let off = sum.ln() + narrow * weighed / sum - wanted;
        if off.abs() <= PERPLEXITY_TOLERANCE {
            break;
        }
        if off > 0.0 {
            low = narrow;
            narrow = match high.is_finite() {
                true => (narrow + high) / 2.0,
                false => narrow * 2.0,
            };
        } else {
            high = narrow;
            narrow = (narrow + low) / 2.0;
        }
    }
    let shares = shares.iter_mut();
    shares.for_each(|share| *share = (f64::from(*share) / sum) as f32);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn pull_with_avx2(
    place: [f32; 2],
    others: &[u32],
    values: &[f32],
    places: &[[f32; 2]],
) -> [f32; 2] {
    pull(place, others, values, places, |a, b, sum| a.mul_add(b, sum))
}

#[inline(always)]
fn pull(
    place: [f32; 2],
    others: &[u32],
    values: &[f32],
    places: &[[f32; 2]],
    add: impl Fn(f32, f32, f32) -> f32,
) -> [f32; 2] {
    const WIDE: usize = 8;
    let mut sums = [[0f32; WIDE]; 2];
    let (others, others_rest) = others.as_chunks::<WIDE>();
    let (values, values_rest) = values.as_chunks::<WIDE>();
    for (others, values) in others.iter().zip(values) {
        let (mut x, mut y) = ([0f32; WIDE], [0f32; WIDE]);
        for lane in 0..WIDE {
            let other = places[others[lane] as usize];
            (x[lane], y[lane]) = (place[0] - other[0], place[1] - other[1]);
        }
        for lane in 0..WIDE {
            let near = add(x[lane], x[lane], add(y[lane], y[lane], 1.0));
            let pull = values[lane] / near;
            sums[0][lane] = add(pull, x[lane], sums[0][lane]);
            sums[1][lane] = add(pull, y[lane], sums[1][lane]);
        }
    }
    let mut sum = sums.map(|lanes| lanes.iter().sum::<f32>());
    for (other, value) in others_rest.iter().zip(values_rest) {
        let other = places[*other as usize];
        let (x, y) = (place[0] - other[0], place[1] - other[1]);
        let pull = value / add(x, x, add(y, y, 1.0));
        sum = [add(pull, x, sum[0]), add(pull, y, sum[1])];
    }
    sum
}

/// Rows on their way to their places.
struct Map {
    places: Vec<[f32; 2]>,
    likenesses: Likenesses,
    /// The last step of each row, and how far it goes down its slope.
    steps: Vec<[f32; 2]>,
    gains: Vec<[f32; 2]>,
}

/// What moves a row: the pull of its pairs, the push of all others, and how
/// near all others are in sum.
#[derive(Clone, Copy, Default)]
struct Force {
    pull: [f32; 2],
    push: [f32; 2],
    near: f32,
}

impl Map {
    fn new(places: Vec<[f32; 2]>, likenesses: Likenesses) -> Self {
        Self {
            steps: vec![[0.0; 2]; places.len()],
            gains: vec![[1.0; 2]; places.len()],
            places,
            likenesses,
        }
    }

    fn settled(mut self, watch: &dyn Watch) -> Option<Vec<[f32; 2]>> {
        let rate = (self.places.len() as f32 / EXAGGERATION / 4.0).max(50.0);
        for step in 0..STEPS {
            if watch.halted() {
                return None;
            }
            watch.step("t-SNE: step", step + 1, STEPS);
            let (exaggeration, momentum) = match step < EARLY_STEPS {
                true => (EXAGGERATION, 0.5),
                false => (1.0, 0.8),
            };
            self.step(exaggeration, momentum, rate);
        }
        Some(self.places)
    }

    fn step(&mut self, exaggeration: f32, momentum: f32, rate: f32) {
        let tree = Quadtree::new(&self.places);
        let forces = self.forces(&tree);
        let near: f64 = forces.iter().map(|force| f64::from(force.near)).sum();
        let near = near as f32;
        // In the order of the tree; each row is there once.
        for (row, force) in tree.order.iter().zip(&forces) {
            let row = *row as usize;
            for axis in 0..2 {
                let slope = 4.0 * (exaggeration * force.pull[axis] - force.push[axis] / near);
                let (step, gain) = (&mut self.steps[row][axis], &mut self.gains[row][axis]);
                *gain = match *step * slope < 0.0 {
                    true => *gain + 0.2,
                    false => (*gain * 0.8).max(0.01),
                };
                *step = momentum * *step - rate * *gain * slope;
                self.places[row][axis] += *step;
            }
        }
    }

    /// In the order of the tree, which keeps what is read together together.
    fn forces(&self, tree: &Quadtree) -> Vec<Force> {
        let mut forces = vec![Force::default(); self.places.len()];
        let shares = forces.chunks_mut(GROUPS * LANES).enumerate();
        each_share(shares, |(share, forces)| {
            let mut list = Vec::new();
            for (group, forces) in forces.chunks_mut(LANES).enumerate() {
                let first = (share * GROUPS + group) * LANES;
                let pushes = tree.push(first, &mut list);
                for (lane, force) in forces.iter_mut().enumerate() {
                    let row = tree.order[first + lane] as usize;
                    *force = Force {
                        pull: self.likenesses.pull(row, &self.places),
                        push: [pushes.x[lane], pushes.y[lane]],
                        // A row is not near to itself.
                        near: pushes.near[lane] - 1.0,
                    };
                }
            }
        });
        forces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs(rows: usize) -> Vec<f32> {
        let mut random = Random::new(9);
        (0..rows)
            .flat_map(|row| {
                let corner = [0.0, 10.0, 20.0].map(|at| if row % 3 == 0 { at } else { -at });
                let beside = if row % 3 == 1 { 30.0 } else { 0.0 };
                corner.map(|c| c + beside + random.unit() as f32)
            })
            .collect()
    }

    #[test]
    fn groups_that_lie_apart_stay_apart_and_a_seed_gives_one_map() {
        let rows = blobs(150);
        let map = tsne(&rows, 3, 10.0, 0, &|| false).unwrap();
        for (row, place) in map.iter().enumerate() {
            let far =
                |other: &[f32; 2]| (place[0] - other[0]).powi(2) + (place[1] - other[1]).powi(2);
            let others = map.iter().enumerate().filter(|(other, _)| *other != row);
            let nearest = others.min_by(|a, b| far(a.1).total_cmp(&far(b.1)));
            assert_eq!(nearest.map(|(other, _)| other % 3), Some(row % 3), "{row}");
        }
        assert_eq!(Some(&map), tsne(&rows, 3, 10.0, 0, &|| false).as_ref());
        assert_ne!(Some(&map), tsne(&rows, 3, 10.0, 1, &|| false).as_ref());
        assert_eq!(tsne(&rows, 3, 10.0, 0, &|| true), None);
    }

    #[test]
    fn few_rows_and_equal_ones_have_places_too() {
        assert_eq!(tsne(&[], 3, 1.0, 0, &|| false), Some(vec![]));
        assert_eq!(tsne(&[1.0; 3], 3, 1.0, 0, &|| false), Some(vec![[0.0; 2]]));
        assert_eq!(
            tsne(&[1.0; 6], 3, 1.0, 0, &|| false),
            Some(vec![[0.0; 2]; 2])
        );
        for rows in [2, 3, 5, 17] {
            let line: Vec<f32> = (0..rows).map(|row| row as f32).collect();
            let map = tsne(&line, 1, 1.0, 0, &|| false).unwrap();
            assert!(map.iter().flatten().all(|v| v.is_finite()), "{map:?}");
        }
    }

    #[test]
    fn shares_are_as_wide_as_the_perplexity() {
        let squared: Vec<f32> = (0..90).map(|at| at as f32).collect();
        let mut shares = vec![0.0; 90];
        weigh(&mut shares, &squared, 30.0);
        let entropy: f32 = shares.iter().map(|p| -p * p.max(1e-30).ln()).sum();
        assert!((entropy.exp() - 30.0).abs() < 0.01, "{}", entropy.exp());
        // Where all are equally near there is nothing to choose from.
        weigh(&mut shares, &[2.0; 90], 30.0);
        assert!(shares.iter().all(|share| (share - 1.0 / 90.0).abs() < 1e-6));
    }
}
