//! Affinities of rows: the input similarities of t-SNE.

use super::nearest_neighbours::NearestNeighbours;
use semql_inference::parallel::parallel_for_each;

/// Tolerance of the logarithm of the perplexity.
const PERPLEXITY_TOLERANCE: f64 = 1e-5;

/// Limit of the search for the width of a Gaussian.
const MAX_PERPLEXITY_STEPS: usize = 100;

/// Rows of a unit of parallel work.
const CHUNK_ROWS: usize = 64;

/// Affinities of the pairs of rows of which one is a near neighbour of the other.
pub struct Affinities {
    /// By row: the first of its pairs; then the number of pairs.
    offsets: Vec<usize>,
    others: Vec<u32>,
    /// Joint probabilities: their sum is 1.
    values: Vec<f32>,
}

impl Affinities {
    /// Affinities whose conditional distributions have the `perplexity`.
    pub fn new(near: &NearestNeighbours, perplexity: f64) -> Self {
        let each = near.k;
        let rows = near.rows.len() / each;
        let mut probabilities = vec![0f32; near.rows.len()];
        let chunks = probabilities.chunks_mut(CHUNK_ROWS * each);
        parallel_for_each(
            chunks.zip(near.distances.chunks(CHUNK_ROWS * each)),
            |(probabilities, distances)| {
                let rows = probabilities.chunks_exact_mut(each);
                for (probabilities, distances) in rows.zip(distances.chunks_exact(each)) {
                    set_probabilities(probabilities, distances, perplexity);
                }
            },
        );
        // Each pair is listed for both its rows.
        let mut pairs: Vec<Vec<(u32, f32)>> = vec![Vec::with_capacity(2 * each); rows];
        for (row, (others, probabilities)) in near
            .rows
            .chunks_exact(each)
            .zip(probabilities.chunks_exact(each))
            .enumerate()
        {
            for (other, probability) in others.iter().zip(probabilities) {
                pairs[row].push((*other, *probability));
                pairs[*other as usize].push((row as u32, *probability));
            }
        }
        let mut affinities = Self {
            offsets: vec![0],
            others: Vec::new(),
            values: Vec::new(),
        };
        for pairs in &mut pairs {
            // A stable sort keeps the two halves of a pair in the order of their rows.
            pairs.sort_by_key(|(other, _)| *other);
            let first = affinities.others.len();
            for (other, probability) in pairs.drain(..) {
                match affinities.others[first..].last() {
                    Some(last) if *last == other => {
                        if let Some(value) = affinities.values.last_mut() {
                            *value += probability;
                        }
                    }
                    _ => {
                        affinities.others.push(other);
                        affinities.values.push(probability);
                    }
                }
            }
            affinities.offsets.push(affinities.others.len());
        }
        let sum: f64 = affinities.values.iter().map(|v| f64::from(*v)).sum();
        let values = affinities.values.iter_mut();
        values.for_each(|value| *value = (f64::from(*value) / sum) as f32);
        affinities
    }

    /// Attraction of a row by its pairs, at these positions.
    pub fn attraction(&self, row: usize, positions: &[[f32; 2]]) -> [f32; 2] {
        let pairs = self.offsets[row]..self.offsets[row + 1];
        let (others, values) = (&self.others[pairs.clone()], &self.values[pairs]);
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has the features of the function.
            return unsafe { attraction_with_avx2(positions[row], others, values, positions) };
        }
        attraction(positions[row], others, values, positions, |a, b, sum| {
            sum + a * b
        })
    }
}

/// Writes the conditional probabilities of a row's neighbours: a Gaussian whose
/// width gives the perplexity.
fn set_probabilities(probabilities: &mut [f32], squared: &[f32], perplexity: f64) {
    let entropy = perplexity.ln();
    let min = squared.iter().copied().fold(f32::INFINITY, f32::min);
    let beyond = |d: &f32| f64::from(*d) - f64::from(min);
    let (mut precision, mut low, mut high) = (1f64, 0f64, f64::INFINITY);
    let mut sum = 0.0;
    for _ in 0..MAX_PERPLEXITY_STEPS {
        sum = 0.0;
        let mut weighted = 0.0;
        for (probability, d) in probabilities.iter_mut().zip(squared) {
            let d = beyond(d);
            let value = (-d * precision).exp();
            sum += value;
            weighted += d * value;
            *probability = value as f32;
        }
        // The excess entropy. The value of the nearest row is 1, so the sum is not 0.
        let off = sum.ln() + precision * weighted / sum - entropy;
        if off.abs() <= PERPLEXITY_TOLERANCE {
            break;
        }
        if off > 0.0 {
            low = precision;
            precision = match high.is_finite() {
                true => (precision + high) / 2.0,
                false => precision * 2.0,
            };
        } else {
            high = precision;
            precision = (precision + low) / 2.0;
        }
    }
    let probabilities = probabilities.iter_mut();
    probabilities.for_each(|probability| *probability = (f64::from(*probability) / sum) as f32);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn attraction_with_avx2(
    position: [f32; 2],
    others: &[u32],
    values: &[f32],
    positions: &[[f32; 2]],
) -> [f32; 2] {
    attraction(position, others, values, positions, |a, b, sum| {
        a.mul_add(b, sum)
    })
}

#[inline(always)]
fn attraction(
    position: [f32; 2],
    others: &[u32],
    values: &[f32],
    positions: &[[f32; 2]],
    add: impl Fn(f32, f32, f32) -> f32,
) -> [f32; 2] {
    const WIDE: usize = 8;
    let mut sums = [[0f32; WIDE]; 2];
    let (others, others_rest) = others.as_chunks::<WIDE>();
    let (values, values_rest) = values.as_chunks::<WIDE>();
    for (others, values) in others.iter().zip(values) {
        let (mut x, mut y) = ([0f32; WIDE], [0f32; WIDE]);
        for lane in 0..WIDE {
            let other = positions[others[lane] as usize];
            (x[lane], y[lane]) = (position[0] - other[0], position[1] - other[1]);
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
        let other = positions[*other as usize];
        let (x, y) = (position[0] - other[0], position[1] - other[1]);
        let pull = value / add(x, x, add(y, y, 1.0));
        sum = [add(pull, x, sum[0]), add(pull, y, sum[1])];
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_have_the_perplexity() {
        let squared: Vec<f32> = (0..90).map(|at| at as f32).collect();
        let mut probabilities = vec![0.0; 90];
        set_probabilities(&mut probabilities, &squared, 30.0);
        let entropy: f32 = probabilities.iter().map(|p| -p * p.max(1e-30).ln()).sum();
        assert!((entropy.exp() - 30.0).abs() < 0.01, "{}", entropy.exp());
        // Equal distances have equal probabilities.
        set_probabilities(&mut probabilities, &[2.0; 90], 30.0);
        assert!(
            probabilities
                .iter()
                .all(|probability| (probability - 1.0 / 90.0).abs() < 1e-6)
        );
    }
}
