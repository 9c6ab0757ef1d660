//! Exact k-nearest neighbours of all rows.

use semql_inference::parallel::parallel_for_each;
use semql_inference::progress::ProgressSink;
use semql_inference::vector::dot;
use semql_inference::vector::matrix::{Shape, multiply_transposed};

/// Rows of a unit of parallel work, and rows that they are compared with at once.
const CHUNK_ROWS: usize = 128;
const OTHERS: usize = 1_024;

/// By row: its nearest other rows, by ascending distance.
pub struct NearestNeighbours {
    /// Number of neighbours of a row.
    pub k: usize,
    /// Rows x k.
    pub rows: Vec<u32>,
    /// Their squared distances; rows x k.
    pub distances: Vec<f32>,
}

/// The `k` nearest other rows of each of `rows` (rows x `dims`, more than `k`).
/// Ties go to the first row. Returns `None` once `progress` is cancelled.
pub fn nearest_neighbours(
    rows: &[f32],
    dims: usize,
    k: usize,
    progress: &dyn ProgressSink,
) -> Option<NearestNeighbours> {
    let count = rows.len() / dims;
    let mut found = NearestNeighbours {
        k,
        rows: vec![0; count * k],
        distances: vec![0.0; count * k],
    };
    let lengths: Vec<f32> = rows.chunks_exact(dims).map(|row| dot(row, row)).collect();
    let chunks = found.rows.chunks_mut(CHUNK_ROWS * k);
    let chunks = chunks.zip(found.distances.chunks_mut(CHUNK_ROWS * k));
    parallel_for_each(chunks.enumerate(), |(chunk, (near, distances))| {
        let first = chunk * CHUNK_ROWS;
        progress.step("nearest neighbours: row", first + 1, count);
        let own = &rows[first * dims..][..near.len() / k * dims];
        let mut candidates: Vec<Candidates> =
            own.chunks_exact(dims).map(|_| Candidates::new(k)).collect();
        let mut products = vec![0.0; candidates.len() * OTHERS];
        for (block, others) in rows.chunks(OTHERS * dims).enumerate() {
            if progress.is_cancelled() {
                return;
            }
            let columns = others.len() / dims;
            let products = &mut products[..candidates.len() * columns];
            let shape = Shape {
                rows: candidates.len(),
                inner: dims,
                columns,
            };
            multiply_transposed(products, own, others, shape);
            let others = block * OTHERS..block * OTHERS + columns;
            for ((at, candidates), products) in candidates
                .iter_mut()
                .enumerate()
                .zip(products.chunks_exact(columns))
            {
                let row = first + at;
                let products = products.iter().zip(&lengths[others.clone()]);
                for (other, (product, length)) in others.clone().zip(products) {
                    let distance = lengths[row] + length - 2.0 * product;
                    if distance <= candidates.max_distance && other != row {
                        candidates.add(distance, other);
                    }
                }
            }
        }
        let near = near.chunks_exact_mut(k);
        let distances = distances.chunks_exact_mut(k);
        for ((at, candidates), (near, distances)) in
            candidates.into_iter().enumerate().zip(near.zip(distances))
        {
            let own = &rows[(first + at) * dims..][..dims];
            // Distances from products are rounded: recompute those of the candidates.
            let mut exact: Vec<(f32, u32)> = candidates
                .nearest()
                .map(|other| {
                    let other_row = &rows[other as usize * dims..][..dims];
                    let squares = own.iter().zip(other_row).map(|(a, b)| (a - b) * (a - b));
                    (squares.sum(), other)
                })
                .collect();
            exact.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            for (at, (distance, other)) in exact.into_iter().enumerate() {
                (near[at], distances[at]) = (other, distance);
            }
        }
    });
    (!progress.is_cancelled()).then_some(found)
}

/// The nearest rows so far, and up to as many others.
struct Candidates {
    k: usize,
    /// Distance and row in one number, so that sorting is by both.
    found: Vec<u64>,
    /// Upper bound of the distance of the nearest rows.
    max_distance: f32,
}

impl Candidates {
    fn new(k: usize) -> Self {
        Self {
            k,
            found: Vec::with_capacity(2 * k),
            max_distance: f32::INFINITY,
        }
    }

    fn add(&mut self, distance: f32, row: usize) {
        // Non-negative floats sort like their bits.
        let bits = u64::from(distance.max(0.0).to_bits());
        self.found.push((bits << 32) | row as u64);
        if self.found.len() == 2 * self.k {
            self.keep_nearest();
        }
    }

    fn keep_nearest(&mut self) {
        if self.found.len() > self.k {
            let (_, last, _) = self.found.select_nth_unstable(self.k - 1);
            self.max_distance = f32::from_bits((*last >> 32) as u32);
            self.found.truncate(self.k);
        }
    }

    fn nearest(mut self) -> impl Iterator<Item = u32> {
        self.keep_nearest();
        self.found.into_iter().map(|found| found as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use semql_inference::random::Random;

    #[test]
    fn neighbours_equal_those_of_a_full_comparison() {
        let (count, dims, k) = (1_500, 5, 7);
        let mut random = Random::new(1);
        let rows: Vec<f32> = (0..count * dims)
            .map(|_| random.unit() as f32 - 0.5)
            .collect();
        let near = nearest_neighbours(&rows, dims, k, &|| false).unwrap();
        let row = |at: usize| &rows[at * dims..][..dims];
        for at in 0..count {
            let mut all: Vec<(f32, u32)> = (0..count)
                .filter(|other| *other != at)
                .map(|other| {
                    let squares = row(at)
                        .iter()
                        .zip(row(other))
                        .map(|(a, b)| (a - b) * (a - b));
                    (squares.sum(), other as u32)
                })
                .collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let expected: Vec<u32> = all[..k].iter().map(|(_, other)| *other).collect();
            assert_eq!(near.rows[at * k..][..k], expected, "{at}");
        }
        assert!(nearest_neighbours(&rows, dims, k, &|| true).is_none());
    }

    #[test]
    fn ties_go_to_the_first_rows() {
        let near = nearest_neighbours(&[1.0; 10], 1, 3, &|| false).unwrap();
        assert_eq!(near.rows[..6], [1, 2, 3, 0, 2, 3]);
        assert!(near.distances.iter().all(|d| *d == 0.0));
    }
}
