//! Inner products of the features of rows.

use semql_inference::parallel::parallel_for_each;
use semql_inference::vector::matrix::{Shape, multiply_transposed};

use super::features::FeatureMatrix;

/// Rows of the products in a unit of parallel work.
const CHUNK_ROWS: usize = 128;

/// A feature in more than a row of so many is a column of a dense matrix: such a product
/// takes less time than one of all pairs of rows with the feature.
const ROWS_PER_DENSE: usize = 32;

/// Rows x rows: inner products of the features, of which only the lower triangle is set.
pub fn kernel(features: &FeatureMatrix, rows: usize, vocabulary: usize) -> Vec<f32> {
    let mut having: Vec<Vec<(u32, f32)>> = vec![Vec::new(); vocabulary];
    for row in 0..rows {
        for (feature, value) in features.lexical_of(row) {
            having[*feature as usize].push((row as u32, *value));
        }
    }
    let (dense, sparse): (Vec<_>, Vec<_>) = having
        .into_iter()
        .partition(|rows_with| rows_with.len() * ROWS_PER_DENSE > rows);
    let dense = dense_features(features, rows, &dense);
    let columns = dense.len() / rows.max(1);

    let mut kernel = vec![0.0; rows * rows];
    let chunks = kernel.chunks_mut(CHUNK_ROWS * rows.max(1)).enumerate();
    parallel_for_each(chunks, |(chunk, out)| {
        let first = chunk * CHUNK_ROWS;
        let own = first..(first + CHUNK_ROWS).min(rows);
        // Up to the last column of the triangle in these rows.
        let mut products = vec![0.0; own.len() * own.end];
        let shape = Shape {
            rows: own.len(),
            inner: columns,
            columns: own.end,
        };
        let of_rows = &dense[own.start * columns..own.end * columns];
        multiply_transposed(&mut products, of_rows, &dense[..own.end * columns], shape);
        for (out, products) in out
            .chunks_exact_mut(rows)
            .zip(products.chunks_exact(own.end))
        {
            out[..own.end].copy_from_slice(products);
        }
        for rows_with in &sparse {
            let start = rows_with.partition_point(|(row, _)| (*row as usize) < own.start);
            for (at, (one, value)) in rows_with.iter().enumerate().skip(start) {
                let one = *one as usize;
                if one >= own.end {
                    break;
                }
                let out = &mut out[(one - own.start) * rows..][..rows];
                for (other, other_value) in &rows_with[..=at] {
                    out[*other as usize] += value * other_value;
                }
            }
        }
    });
    kernel
}

/// Text vectors and frequent features: rows x columns.
fn dense_features(features: &FeatureMatrix, rows: usize, frequent: &[Vec<(u32, f32)>]) -> Vec<f32> {
    let width = features.text_vectors.len() / rows.max(1);
    let columns = width + frequent.len();
    let mut dense = vec![0.0; rows * columns];
    for row in 0..rows {
        let vectors = &features.text_vectors[row * width..][..width];
        dense[row * columns..][..width].copy_from_slice(vectors);
    }
    for (at, rows_with) in frequent.iter().enumerate() {
        for (row, value) in rows_with {
            dense[*row as usize * columns + width + at] = *value;
        }
    }
    dense
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_products_of_dense_and_rare_features_are_added() {
        let rows = 300;
        let mut features = FeatureMatrix::default();
        for row in 0..rows {
            // Feature 0 is in every row, feature 1 in few, the others in one or two.
            features.lexical.push((0, 1.0 + row as f32 / 100.0));
            if row % 97 == 0 {
                features.lexical.push((1, 0.5));
            }
            features.lexical.push((2 + row as u32 / 2, 0.25));
            features.ends.push(features.lexical.len());
            features.text_vectors.extend([row as f32 / 300.0, 1.0]);
        }
        let found = kernel(&features, rows, 2 + rows / 2);
        let product = |a: usize, b: usize| -> f32 {
            let lexical: f32 = features
                .lexical_of(a)
                .iter()
                .flat_map(|(feature, value)| {
                    let others = features.lexical_of(b).iter();
                    others
                        .filter(move |(other, _)| other == feature)
                        .map(move |(_, other)| value * other)
                })
                .sum();
            lexical + (a as f32 / 300.0) * (b as f32 / 300.0) + 1.0
        };
        for a in 0..rows {
            for b in 0..=a {
                let (found, expected) = (found[a * rows + b], product(a, b));
                assert!(
                    (found - expected).abs() < 1e-4,
                    "{a} {b}: {found} {expected}"
                );
            }
        }
    }
}
