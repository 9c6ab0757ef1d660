//! Subspace in which a student computes: a few directions that hold most of the words,
//! the labels and the rows.

use faer::{MatRef, Side};

use semql_inference::parallel::parallel_for_each;
use semql_inference::vector::matrix::{Shape, column_products, multiply};

/// Directions of a subspace. Half as many agree with the encoder as often by 0.5 points
/// less, all 384 of a small encoder not more often.
const MAX_WIDTH: usize = 128;

/// Vectors that are projected in a unit of parallel work.
const CHUNK_ROWS: usize = 1024;

/// Orthonormal directions.
pub struct Subspace {
    dims: usize,
    pub width: usize,
    /// Dims x width; empty if the subspace is the whole space.
    directions: Vec<f32>,
}

impl Subspace {
    /// The directions that hold most of the given sets of vectors (rows x `dims`), which
    /// count alike.
    pub fn of(sets: &[&[f32]], dims: usize) -> Self {
        let whole = Self {
            dims,
            width: dims,
            directions: Vec::new(),
        };
        if dims <= MAX_WIDTH {
            return whole;
        }
        let mut sum = vec![0.0; dims * dims];
        let mut products = vec![0.0; dims * dims];
        for set in sets.iter().filter(|set| !set.is_empty()) {
            column_products(&mut products, set, dims, 0..dims, 0..dims);
            let trace: f32 = (0..dims).map(|at| products[at * dims + at]).sum();
            if trace > 0.0 {
                sum.iter_mut()
                    .zip(&products)
                    .for_each(|(s, p)| *s += p / trace);
            }
        }
        let sum = MatRef::from_row_major_slice(&sum, dims, dims);
        let Ok(found) = sum.self_adjoint_eigen(Side::Lower) else {
            return whole;
        };
        // The eigenvalues ascend.
        let vectors = found.U();
        let of_dimension = |dim: usize| {
            let columns = (dims - MAX_WIDTH..dims).rev();
            columns.map(move |column| vectors[(dim, column)])
        };
        Self {
            width: MAX_WIDTH,
            directions: (0..dims).flat_map(of_dimension).collect(),
            ..whole
        }
    }

    /// Coordinates of `vectors` (rows x dims): rows x width.
    pub fn project(&self, vectors: &[f32]) -> Vec<f32> {
        if self.directions.is_empty() {
            return vectors.to_vec();
        }
        let mut out = vec![0.0; vectors.len() / self.dims * self.width];
        let chunks = out.chunks_mut(CHUNK_ROWS * self.width);
        let chunks = chunks.zip(vectors.chunks(CHUNK_ROWS * self.dims));
        parallel_for_each(chunks, |(out, vectors)| {
            let shape = Shape {
                rows: vectors.len() / self.dims,
                inner: self.dims,
                columns: self.width,
            };
            multiply(out, vectors, &self.directions, shape);
        });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directions_with_most_variance_are_kept() {
        let dims = MAX_WIDTH + 8;
        // Row `i` is long along dimension `i`, except for the last eight.
        let rows: Vec<f32> = (0..dims * dims)
            .map(|at| match at % (dims + 1) {
                0 if at / dims < MAX_WIDTH => 2.0 + (at / dims) as f32,
                0 => 0.1,
                _ => 0.0,
            })
            .collect();
        let subspace = Subspace::of(&[&rows, &[]], dims);
        assert_eq!(subspace.width, MAX_WIDTH);
        let lengths = subspace.project(&rows);
        for (at, projected) in lengths.chunks_exact(MAX_WIDTH).enumerate() {
            let length = projected.iter().map(|v| v * v).sum::<f32>().sqrt();
            let expected = if at < MAX_WIDTH { 2.0 + at as f32 } else { 0.0 };
            assert!((length - expected).abs() < 1e-2, "{at}: {length}");
        }
    }

    #[test]
    fn few_dimensions_are_kept_whole() {
        let subspace = Subspace::of(&[&[1.0, 2.0]], 2);
        assert_eq!(subspace.project(&[3.0, 4.0]), [3.0, 4.0]);
    }
}
