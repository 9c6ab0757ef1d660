//! Principal component analysis.
//!
//! Exact, from the eigenvectors of the covariance of the dimensions or, with
//! fewer rows than dimensions, of the inner products of the rows. Equal to
//! scikit-learn's `PCA`, signs included.

use faer::{Mat, MatRef, Side};

use semql_inference::parallel::parallel_for_each;
use semql_inference::progress::ProgressSink;
use semql_inference::vector::dot;
use semql_inference::vector::matrix::{Shape, column_products, multiply_transposed};

/// Rows that are multiplied in f32; the sums of such chunks are f64.
const CHUNK_ROWS: usize = 512;

/// Columns of the covariance in a unit of parallel work.
const CHUNK_COLUMNS: usize = 64;

/// Share of the first variance below which a variance is a rounding error.
const MIN_VARIANCE: f64 = 1e-9;

/// Principal components of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct PrincipalComponents {
    /// Rows x components: distance from the mean along each component; 0 for
    /// components beyond the rank of the rows.
    pub scores: Vec<f32>,
    /// PrincipalComponents x dims, of unit length, by descending variance. The largest
    /// absolute loading of each is positive.
    pub directions: Vec<f32>,
}

/// The first `components` principal components of `rows` (rows x `dims`), up to
/// `dims`. Returns `None` once `progress` is cancelled, except while it computes
/// eigenvectors: one second for 1,000 `dims`.
pub fn pca(
    rows: &[f32],
    dims: usize,
    components: usize,
    progress: &dyn ProgressSink,
) -> Option<PrincipalComponents> {
    let count = rows.len().checked_div(dims).unwrap_or(0);
    let mut found = PrincipalComponents {
        scores: vec![0.0; count * components],
        directions: vec![0.0; components * dims],
    };
    let Some((centred, scale)) = centre(rows, dims) else {
        return Some(found);
    };
    let directions = match count < dims {
        true => by_rows(&centred, dims, components, progress)?,
        false => by_columns(&centred, dims, components, progress)?,
    };
    for (out, direction) in found.directions.chunks_exact_mut(dims).zip(directions) {
        let sign = sign(&direction);
        out.iter_mut()
            .zip(&direction)
            .for_each(|(o, d)| *o = (d * sign) as f32);
    }
    let directions = &found.directions;
    let chunks = found.scores.chunks_mut(CHUNK_ROWS * components.max(1));
    parallel_for_each(
        chunks.zip(centred.chunks(CHUNK_ROWS * dims)),
        |(scores, centred)| {
            let shape = Shape {
                rows: centred.len() / dims,
                inner: dims,
                columns: components,
            };
            multiply_transposed(scores, centred, directions, shape);
            scores.iter_mut().for_each(|score| *score *= scale);
        },
    );
    (!progress.is_cancelled()).then_some(found)
}

/// The rows minus their mean, scaled to values of -1..1, and the scale. `None`
/// if all rows are equal.
pub fn centre(rows: &[f32], dims: usize) -> Option<(Vec<f32>, f32)> {
    let first = rows.get(..dims)?;
    if rows.chunks_exact(dims.max(1)).all(|row| row == first) {
        return None;
    }
    let RowRange { mean, farthest } = RowRange::of(rows, dims);
    let mut centred = vec![0f32; rows.len()];
    let chunks = centred
        .chunks_mut(CHUNK_ROWS * dims)
        .zip(rows.chunks(CHUNK_ROWS * dims));
    parallel_for_each(chunks, |(centred, chunk)| {
        let centred = centred.chunks_exact_mut(dims);
        for (centred, row) in centred.zip(chunk.chunks_exact(dims)) {
            let values = centred.iter_mut().zip(row).zip(&mean);
            values.for_each(|((c, v), mean)| *c = ((f64::from(*v) - mean) / farthest) as f32);
        }
    });
    Some((centred, farthest as f32))
}

/// Mean and range of rows.
struct RowRange {
    /// By dimension.
    mean: Vec<f64>,
    /// Largest distance of a value from the mean of its dimension.
    farthest: f64,
}

impl RowRange {
    fn of(rows: &[f32], dims: usize) -> Self {
        // The order of additions does not depend on the cores.
        let chunks = rows.chunks(CHUNK_ROWS * dims);
        let mut stats = vec![DimensionStats::new(dims); chunks.len()];
        parallel_for_each(chunks.zip(&mut stats), |(chunk, stats)| {
            chunk.chunks_exact(dims).for_each(|row| stats.add(row));
        });
        let mut all = DimensionStats::new(dims);
        stats.iter().for_each(|stats| all.merge(stats));
        let count = (rows.len() / dims) as f64;
        let mean: Vec<f64> = all.sum.iter().map(|sum| sum / count).collect();
        let sides = mean.iter().zip(all.min.iter().zip(&all.max));
        let farthest = sides.fold(0f64, |far, (mean, (min, max))| {
            far.max(mean - f64::from(*min)).max(f64::from(*max) - mean)
        });
        Self { mean, farthest }
    }
}

/// Sums and extremes of rows, by dimension.
#[derive(Clone)]
struct DimensionStats {
    sum: Vec<f64>,
    min: Vec<f32>,
    max: Vec<f32>,
}

impl DimensionStats {
    fn new(dims: usize) -> Self {
        Self {
            sum: vec![0.0; dims],
            min: vec![f32::INFINITY; dims],
            max: vec![f32::NEG_INFINITY; dims],
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
        self.widen(&other.min, &other.max);
    }

    /// Comparisons ignore NaN, and so vectorize, unlike `min` and `max`.
    fn widen(&mut self, min: &[f32], max: &[f32]) {
        let lows = self.min.iter_mut().zip(min);
        lows.for_each(|(low, v)| *low = if *v < *low { *v } else { *low });
        let highs = self.max.iter_mut().zip(max);
        highs.for_each(|(high, v)| *high = if *v > *high { *v } else { *high });
    }
}

/// Sign of the largest absolute loading: 1 or -1.
fn sign(direction: &[f64]) -> f64 {
    let far = |far: f64, v: &f64| if v.abs() > far.abs() { *v } else { far };
    let farthest = direction.iter().fold(0.0, far);
    if farthest < 0.0 { -1.0 } else { 1.0 }
}

/// Directions from the covariance of the dimensions.
fn by_columns(
    centred: &[f32],
    dims: usize,
    components: usize,
    progress: &dyn ProgressSink,
) -> Option<Vec<Vec<f64>>> {
    let mut covariance = vec![0f64; dims * dims];
    // The largest first, to balance the load of the cores.
    let strips = covariance
        .chunks_mut(CHUNK_COLUMNS * dims)
        .enumerate()
        .rev();
    parallel_for_each(strips, |(strip, sums)| {
        let first = strip * CHUNK_COLUMNS;
        // The covariance is symmetric: skip the part above the diagonal.
        let width = first + sums.len() / dims;
        let mut products = vec![0f32; (width - first) * width];
        for chunk in centred.chunks(CHUNK_ROWS * dims) {
            if progress.is_cancelled() {
                return;
            }
            column_products(&mut products, chunk, dims, first..width, 0..width);
            let sums = sums.chunks_exact_mut(dims);
            for (sums, products) in sums.zip(products.chunks_exact(width)) {
                sums.iter_mut()
                    .zip(products)
                    .for_each(|(sum, product)| *sum += f64::from(*product));
            }
        }
    });
    if progress.is_cancelled() {
        return None;
    }
    Some(eigenvectors(&covariance, dims, components, |vector| vector))
}

/// Directions from the inner products of the rows.
fn by_rows(
    centred: &[f32],
    dims: usize,
    components: usize,
    progress: &dyn ProgressSink,
) -> Option<Vec<Vec<f64>>> {
    let count = centred.len() / dims;
    let row = |at: usize| &centred[at * dims..][..dims];
    let mut products = vec![0f64; count * count];
    parallel_for_each(products.chunks_mut(count).enumerate(), |(at, products)| {
        for (other, product) in products[..=at].iter_mut().enumerate() {
            *product = f64::from(dot(row(at), row(other)));
        }
    });
    if progress.is_cancelled() {
        return None;
    }
    // An eigenvector holds the weight of each row in the direction.
    let direction = |weights: Vec<f64>| {
        let mut direction = vec![0f64; dims];
        for (at, weight) in weights.iter().enumerate() {
            let sums = direction.iter_mut().zip(row(at));
            sums.for_each(|(sum, v)| *sum += weight * f64::from(*v));
        }
        let length = direction.iter().map(|v| v * v).sum::<f64>().sqrt();
        direction.iter_mut().for_each(|v| *v /= length);
        direction
    };
    Some(eigenvectors(&products, count, components, direction))
}

/// The results of `direction` for the eigenvectors of the `limit` largest
/// eigenvalues, without those that are 0. Reads only the lower triangle of
/// `symmetric`.
fn eigenvectors(
    symmetric: &[f64],
    size: usize,
    limit: usize,
    direction: impl Fn(Vec<f64>) -> Vec<f64>,
) -> Vec<Vec<f64>> {
    let symmetric: MatRef<'_, f64> = MatRef::from_row_major_slice(symmetric, size, size);
    let symmetric: Mat<f64> = symmetric.to_owned();
    // Finite numbers of this size always have a decomposition.
    let Ok(found) = symmetric.self_adjoint_eigen(Side::Lower) else {
        return Vec::new();
    };
    let values: Vec<f64> = found.S().column_vector().iter().copied().collect();
    let largest = values.last().copied().unwrap_or(0.0);
    (0..size)
        .rev()
        .take(limit)
        .take_while(|at| values[*at] > MIN_VARIANCE * largest)
        .map(|at| direction(found.U().col(at).iter().copied().collect()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use semql_inference::random::Random;

    fn rows(count: usize, dims: usize) -> Vec<f32> {
        let mut random = Random::new(5);
        // The variance decreases by dimension.
        (0..count * dims)
            .map(|at| 3.0 + random.unit() as f32 / (1 + at % dims) as f32)
            .collect()
    }

    #[test]
    fn both_methods_give_the_same_components() {
        let rows = rows(40, 20);
        let centred = centre(&rows, 20).unwrap().0;
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
    fn scores_equal_those_of_scikit_learn() {
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
    fn components_beyond_the_rank_are_zero() {
        // On a line: rank 1.
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
    fn huge_numbers_give_finite_scores() {
        let huge = [0.0, 1e30, 1e30, 0.0, 3e30, 1e30];
        let found = pca(&huge, 2, 2, &|| false).unwrap();
        assert!(found.scores.iter().all(|s| s.is_finite()), "{found:?}");
    }
}
