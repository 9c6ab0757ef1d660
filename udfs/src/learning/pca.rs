//! Principal components: the directions along which rows differ most.
//!
//! Exact, from the eigenvectors of the covariance of the dimensions or, where
//! there are fewer rows than dimensions, of the rows' inner products. Equal to
//! scikit-learn's `PCA`, signs included.

use faer::{Mat, MatRef, Side};

use crate::shares::each_share;
use crate::vector::dot;
use crate::vector::matrix::{Shape, multiply_transposed, transposed_multiply};
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
    let mut mean = vec![0f64; dims];
    for row in rows.chunks_exact(dims.max(1)) {
        mean.iter_mut()
            .zip(row)
            .for_each(|(mean, v)| *mean += f64::from(*v));
    }
    let count = (rows.len() / dims.max(1)) as f64;
    mean.iter_mut().for_each(|mean| *mean /= count);
    let from_mean = || {
        let values = rows.chunks_exact(dims.max(1));
        values.flat_map(|row| row.iter().zip(&mean).map(|(v, mean)| f64::from(*v) - mean))
    };
    let first = rows.get(..dims)?;
    if rows.chunks_exact(dims.max(1)).all(|row| row == first) {
        return None;
    }
    let farthest = from_mean().fold(0f64, |far, v| far.max(v.abs()));
    let centred = from_mean().map(|v| (v / farthest) as f32).collect();
    Some((centred, farthest as f32))
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
    let strips = covariance.chunks_mut(COLUMNS * dims).enumerate();
    each_share(strips, |(strip, sums)| {
        let first = strip * COLUMNS;
        let columns = sums.len() / dims;
        // The covariance is symmetric: what is above the diagonal is left out.
        let width = first + columns;
        let mut products = vec![0f32; columns * width];
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for block in centred.chunks(ROWS * dims) {
            if watch.halted() {
                return;
            }
            own.clear();
            others.clear();
            for row in block.chunks_exact(dims) {
                own.extend_from_slice(&row[first..width]);
                others.extend_from_slice(&row[..width]);
            }
            let shape = Shape {
                rows: columns,
                inner: block.len() / dims,
                columns: width,
            };
            transposed_multiply(&mut products, &own, &others, shape);
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
