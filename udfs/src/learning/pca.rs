//! Principal components: the directions along which rows differ most.
//!
//! Exact, from the eigenvectors of the covariance of the dimensions or, where
//! there are fewer rows than dimensions, of the rows' inner products. Equal to
//! scikit-learn's `PCA`, signs included.

use faer::{Mat, MatRef, Side};

use crate::shares::each_share;
use crate::vector::dot;
use crate::vector::matrix::{Shape, column_products, multiply_transposed};
use crate::waiting::Watch;

/// Rows that are multiplied at a time; their sums go on in f64.
const ROWS: usize = 512;

/// Columns of the covariance that a thread takes at a time.
const COLUMNS: usize = 64;

/// Variances below this share of the first are rounding.
const NOISE: f64 = 1e-9;

/// What rows are in terms of their principal components.
#[derive(Clone, Debug, PartialEq)]
pub struct Components {
    /// Rows x wanted: how far each row is from the mean along each component,
    /// 0 along those beyond the rank of the rows.
    pub scores: Vec<f32>,
    /// Wanted x dims, of unit length, the first the one along which rows vary
    /// most. The loading that is farthest from 0 is positive.
    pub directions: Vec<f32>,
}

/// The first `wanted` components of `rows` (rows x `dims`), of which there are
/// `dims`. `None` once nobody waits; the eigenvectors themselves are not
/// interrupted (`dims` 1,000 takes a second).
pub fn pca(rows: &[f32], dims: usize, wanted: usize, watch: &dyn Watch) -> Option<Components> {
    let count = rows.len().checked_div(dims).unwrap_or(0);
    let mut found = Components {
        scores: vec![0.0; count * wanted],
        directions: vec![0.0; wanted * dims],
    };
    let Some((centred, scale)) = centred(rows, dims) else {
        return Some(found);
    };
    let directions = match count < dims {
        true => by_rows(&centred, dims, wanted, watch)?,
        false => by_columns(&centred, dims, wanted, watch)?,
    };
    for (out, direction) in found.directions.chunks_exact_mut(dims).zip(directions) {
        let sign = sign(&direction);
        out.iter_mut()
            .zip(&direction)
            .for_each(|(o, d)| *o = (d * sign) as f32);
    }
    let directions = &found.directions;
    let shares = found.scores.chunks_mut(ROWS * wanted.max(1));
    each_share(
        shares.zip(centred.chunks(ROWS * dims)),
        |(scores, centred)| {
            let shape = Shape {
                rows: centred.len() / dims,
                inner: dims,
                columns: wanted,
            };
            multiply_transposed(scores, centred, directions, shape);
            scores.iter_mut().for_each(|score| *score *= scale);
        },
    );
    (!watch.halted()).then_some(found)
}

/// The rows less their mean, scaled so that no value is beyond 1, and what they
/// were divided by; `None` where no two rows differ.
pub fn centred(rows: &[f32], dims: usize) -> Option<(Vec<f32>, f32)> {
    let first = rows.get(..dims)?;
    if rows.chunks_exact(dims.max(1)).all(|row| row == first) {
        return None;
    }
    let Spread { mean, farthest } = Spread::of(rows, dims);
    let mut centred = vec![0f32; rows.len()];
    let blocks = centred
        .chunks_mut(ROWS * dims)
        .zip(rows.chunks(ROWS * dims));
    each_share(blocks, |(centred, block)| {
        let centred = centred.chunks_exact_mut(dims);
        for (centred, row) in centred.zip(block.chunks_exact(dims)) {
            let values = centred.iter_mut().zip(row).zip(&mean);
            values.for_each(|((c, v), mean)| *c = ((f64::from(*v) - mean) / farthest) as f32);
        }
    });
    Some((centred, farthest as f32))
}

/// Where rows lie.
struct Spread {
    /// Of each dimension.
    mean: Vec<f64>,
    /// How far any value is from the mean of its dimension at most.
    farthest: f64,
}

impl Spread {
    fn of(rows: &[f32], dims: usize) -> Self {
        // Whichever core takes which block, sums are added in one order.
        let blocks = rows.chunks(ROWS * dims);
        let mut facts = vec![Facts::new(dims); blocks.len()];
        each_share(blocks.zip(&mut facts), |(block, facts)| {
            block.chunks_exact(dims).for_each(|row| facts.add(row));
        });
        let mut all = Facts::new(dims);
        facts.iter().for_each(|facts| all.merge(facts));
        let count = (rows.len() / dims) as f64;
        let mean: Vec<f64> = all.sum.iter().map(|sum| sum / count).collect();
        let sides = mean.iter().zip(all.least.iter().zip(&all.most));
        let farthest = sides.fold(0f64, |far, (mean, (least, most))| {
            far.max(mean - f64::from(*least))
                .max(f64::from(*most) - mean)
        });
        Self { mean, farthest }
    }
}

/// Of each dimension of some rows.
#[derive(Clone)]
struct Facts {
    sum: Vec<f64>,
    least: Vec<f32>,
    most: Vec<f32>,
}

impl Facts {
    fn new(dims: usize) -> Self {
        Self {
            sum: vec![0.0; dims],
            least: vec![f32::INFINITY; dims],
            most: vec![f32::NEG_INFINITY; dims],
        }
    }

    fn add(&mut self, row: &[f32]) {
        let sums = self.sum.iter_mut().zip(row);
        sums.for_each(|(sum, v)| *sum += f64::from(*v));
        self.widen(row, row);
    }

    fn merge(&mut self, other: &Self) {
        let sums = self.sum.iter_mut().zip(&other.sum);
        sums.for_each(|(sum, v)| *sum += v);
        self.widen(&other.least, &other.most);
    }

    /// Unlike `min` and `max`, comparisons know nothing of NaN and go by vectors.
    fn widen(&mut self, least: &[f32], most: &[f32]) {
        let lows = self.least.iter_mut().zip(least);
        lows.for_each(|(low, v)| *low = if *v < *low { *v } else { *low });
        let highs = self.most.iter_mut().zip(most);
        highs.for_each(|(high, v)| *high = if *v > *high { *v } else { *high });
    }
}

/// 1 or -1, so that the loading that is farthest from 0 becomes positive.
fn sign(direction: &[f64]) -> f64 {
    let far = |far: f64, v: &f64| if v.abs() > far.abs() { *v } else { far };
    let farthest = direction.iter().fold(0.0, far);
    if farthest < 0.0 { -1.0 } else { 1.0 }
}

/// The directions from the covariance of the dimensions.
fn by_columns(
    centred: &[f32],
    dims: usize,
    wanted: usize,
    watch: &dyn Watch,
) -> Option<Vec<Vec<f64>>> {
    let mut covariance = vec![0f64; dims * dims];
    // The largest first, so that no core waits long for the last.
    let strips = covariance.chunks_mut(COLUMNS * dims).enumerate().rev();
    each_share(strips, |(strip, sums)| {
        let first = strip * COLUMNS;
        // The covariance is symmetric: what is above the diagonal is left out.
        let width = first + sums.len() / dims;
        let mut products = vec![0f32; (width - first) * width];
        for block in centred.chunks(ROWS * dims) {
            if watch.halted() {
                return;
            }
            column_products(&mut products, block, dims, first..width, 0..width);
            let sums = sums.chunks_exact_mut(dims);
            for (sums, products) in sums.zip(products.chunks_exact(width)) {
                sums.iter_mut()
                    .zip(products)
                    .for_each(|(sum, product)| *sum += f64::from(*product));
            }
        }
    });
    if watch.halted() {
        return None;
    }
    Some(eigenvectors(&covariance, dims, wanted, |vector| vector))
}

/// The directions from the inner products of the rows.
fn by_rows(
    centred: &[f32],
    dims: usize,
    wanted: usize,
    watch: &dyn Watch,
) -> Option<Vec<Vec<f64>>> {
    let count = centred.len() / dims;
    let row = |at: usize| &centred[at * dims..][..dims];
    let mut products = vec![0f64; count * count];
    each_share(products.chunks_mut(count).enumerate(), |(at, products)| {
        for (other, product) in products[..=at].iter_mut().enumerate() {
            *product = f64::from(dot(row(at), row(other)));
        }
    });
    if watch.halted() {
        return None;
    }
    // An eigenvector says how much of each row is in the direction.
    let direction = |shares: Vec<f64>| {
        let mut direction = vec![0f64; dims];
        for (at, share) in shares.iter().enumerate() {
            let sums = direction.iter_mut().zip(row(at));
            sums.for_each(|(sum, v)| *sum += share * f64::from(*v));
        }
        let length = direction.iter().map(|v| v * v).sum::<f64>().sqrt();
        direction.iter_mut().for_each(|v| *v /= length);
        direction
    };
    Some(eigenvectors(&products, count, wanted, direction))
}

/// What `direction` makes of the eigenvectors of the `wanted` largest
/// eigenvalues; fewer where the others are 0. Only what is on and below the
/// diagonal of `symmetric` is read.
fn eigenvectors(
    symmetric: &[f64],
    size: usize,
    wanted: usize,
    direction: impl Fn(Vec<f64>) -> Vec<f64>,
) -> Vec<Vec<f64>> {
    let symmetric: MatRef<'_, f64> = MatRef::from_row_major_slice(symmetric, size, size);
    let symmetric: Mat<f64> = symmetric.to_owned();
    // Finite numbers of such a size always have a decomposition.
    let Ok(found) = symmetric.self_adjoint_eigen(Side::Lower) else {
        return Vec::new();
    };
    let values: Vec<f64> = found.S().column_vector().iter().copied().collect();
    let most = values.last().copied().unwrap_or(0.0);
    (0..size)
        .rev()
        .take(wanted)
        .take_while(|at| values[*at] > NOISE * most)
        .map(|at| direction(found.U().col(at).iter().copied().collect()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::random::Random;

    fn rows(count: usize, dims: usize) -> Vec<f32> {
        let mut random = Random::new(5);
        // Each dimension varies less than the one before.
        (0..count * dims)
            .map(|at| 3.0 + random.unit() as f32 / (1 + at % dims) as f32)
            .collect()
    }

    #[test]
    fn rows_and_columns_lead_to_the_same_components() {
        let rows = rows(40, 20);
        let centred = centred(&rows, 20).unwrap().0;
        let columns = by_columns(&centred, 20, 5, &|| false).unwrap();
        for (a, b) in columns
            .iter()
            .zip(by_rows(&centred, 20, 5, &|| false).unwrap())
        {
            let (a_sign, b_sign) = (sign(a), sign(&b));
            for (a, b) in a.iter().zip(&b) {
                assert!((a * a_sign - b * b_sign).abs() < 1e-4, "{a} {b}");
            }
        }
    }

    #[test]
    fn scores_are_those_of_scikit_learn() {
        // PCA(2).fit_transform of these rows, scikit-learn 1.9.1.
        let rows = [2.0, 0.0, 1.0, 0.0, 1.0, 3.0, 4.0, 2.0, 2.0, 1.0, 5.0, 0.0];
        let expected = [
            -1.647559, 0.272509, -1.345933, -2.004222, -0.412135, 2.133749, 3.405627, -0.402035,
        ];
        let found = pca(&rows, 3, 2, &|| false).unwrap();
        for (score, expected) in found.scores.iter().zip(expected) {
            assert!((score - expected).abs() < 1e-5, "{found:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_zero() {
        // On a line: the second component has nothing to say.
        let line = [0.0, 0.0, 1.0, 1.0, 2.0, 2.0];
        let found = pca(&line, 2, 2, &|| false).unwrap();
        let root = 2f32.sqrt();
        for (score, expected) in found.scores.iter().zip([-root, 0.0, 0.0, 0.0, root, 0.0]) {
            assert!((score - expected).abs() < 1e-6, "{found:?}");
        }
        let same = pca(&[7.0; 6], 2, 1, &|| false).unwrap();
        assert_eq!(same.scores, [0.0; 3]);
        assert!(pca(&[], 2, 1, &|| false).unwrap().scores.is_empty());
        assert_eq!(pca(&line, 2, 1, &|| true), None);
    }

    #[test]
    fn numbers_may_be_huge() {
        let huge = [0.0, 1e30, 1e30, 0.0, 3e30, 1e30];
        let found = pca(&huge, 2, 2, &|| false).unwrap();
        assert!(found.scores.iter().all(|s| s.is_finite()), "{found:?}");
    }
}
