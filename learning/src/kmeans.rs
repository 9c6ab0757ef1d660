//! k-means clustering.
//!
//! Lloyd's iterations from centroids chosen by greedy k-means++ (Arthur and
//! Vassilvitskii, SODA 2007), the same for the same rows and seed.

use semql_inference::parallel::parallel_for_each;
use semql_inference::progress::ProgressSink;
use semql_inference::random::Random;
use semql_inference::vector::dot;
use semql_inference::vector::matrix::{Shape, multiply_transposed};

/// Limit of Lloyd's iterations.
const MAX_ITERATIONS: usize = 300;

/// Movement of all centroids, relative to the variance of the rows, that ends
/// the iterations.
const TOLERANCE: f32 = 1e-4;

/// Rows of a unit of parallel work.
const CHUNK_ROWS: usize = 512;

/// Clusters of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Clusters {
    /// Clusters x dims.
    pub centroids: Vec<f32>,
    /// By row: its cluster.
    pub assignments: Vec<u32>,
    /// Sum of the squared distances of rows to their centroids.
    pub inertia: f64,
}

/// Splits `rows` (rows x `dims`) into `k` clusters, or fewer if there are fewer
/// distinct rows. Returns `None` once `progress` is cancelled.
pub fn kmeans(
    rows: &[f32],
    dims: usize,
    k: usize,
    seed: u64,
    progress: &dyn ProgressSink,
) -> Option<Clusters> {
    let count = rows.len().checked_div(dims).unwrap_or(0);
    if count == 0 || k == 0 {
        return Some(Clusters {
            centroids: Vec::new(),
            assignments: Vec::new(),
            inertia: 0.0,
        });
    }
    let norms: Vec<f32> = rows.chunks_exact(dims).map(|row| dot(row, row)).collect();
    let lloyd = Lloyd { rows, dims, norms };
    let mut centroids = lloyd.initial_centroids(k.min(count), seed, progress)?;
    let still = TOLERANCE * lloyd.variance();
    let (mut assignments, mut distances) = (vec![0; count], vec![0.0; count]);
    for iteration in 0..MAX_ITERATIONS {
        if progress.is_cancelled() {
            return None;
        }
        progress.step("k-means: iteration", iteration + 1, MAX_ITERATIONS);
        lloyd.assign(&centroids, &mut assignments, &mut distances);
        let moved = lloyd.move_centroids(&assignments, &mut distances, &mut centroids);
        if moved <= still {
            break;
        }
    }
    lloyd.assign(&centroids, &mut assignments, &mut distances);
    let inertia = distances.iter().map(|d| f64::from(*d)).sum();
    Some(Clusters {
        centroids,
        assignments,
        inertia,
    })
}

/// Rows during Lloyd's iterations.
struct Lloyd<'a> {
    rows: &'a [f32],
    dims: usize,
    /// By row: its squared length.
    norms: Vec<f32>,
}

impl Lloyd<'_> {
    fn row(&self, row: usize) -> &[f32] {
        &self.rows[row * self.dims..][..self.dims]
    }

    /// Mean variance of the dimensions.
    fn variance(&self) -> f32 {
        let (mut sums, mut squares) = (vec![0f64; self.dims], 0f64);
        for row in self.rows.chunks_exact(self.dims) {
            for (sum, v) in sums.iter_mut().zip(row) {
                *sum += f64::from(*v);
                squares += f64::from(*v) * f64::from(*v);
            }
        }
        let count = self.norms.len() as f64;
        let of_means: f64 = sums.iter().map(|sum| sum * sum / count).sum();
        ((squares - of_means) / count / self.dims as f64) as f32
    }

    /// Centroids by greedy k-means++. The candidates of each step are drawn by
    /// their squared distance to the nearest centroid; the one with the least
    /// inertia is chosen.
    fn initial_centroids(
        &self,
        k: usize,
        seed: u64,
        progress: &dyn ProgressSink,
    ) -> Option<Vec<f32>> {
        let count = self.norms.len();
        let mut random = Random::new(seed);
        let tries = 2 + (k as f64).ln() as usize;
        let first = (random.unit() * count as f64) as usize % count;
        let mut centroids = self.row(first).to_vec();
        let unknown = vec![f32::INFINITY; count];
        let mut nearest = self.distances(&centroids, &unknown);
        while centroids.len() < k * self.dims {
            if progress.is_cancelled() {
                return None;
            }
            progress.step("k-means: centroid", centroids.len() / self.dims + 1, k);
            let all: f64 = nearest.iter().map(|d| f64::from(*d)).sum();
            if all <= 0.0 {
                // Every distinct row is a centroid.
                break;
            }
            let candidates: Vec<f32> = (0..tries)
                .flat_map(|_| {
                    let mut left = random.unit() * all;
                    let chosen = nearest.iter().position(|d| {
                        left -= f64::from(*d);
                        left < 0.0
                    });
                    self.row(chosen.unwrap_or(count - 1)).iter().copied()
                })
                .collect();
            let left = self.distances(&candidates, &nearest);
            let mut inertias = vec![0f64; tries];
            for left in left.chunks_exact(tries) {
                let sums = inertias.iter_mut().zip(left);
                sums.for_each(|(sum, d)| *sum += f64::from(*d));
            }
            let best = inertias.iter().enumerate();
            let best = best
                .min_by(|a, b| a.1.total_cmp(b.1))
                .map_or(0, |(candidate, _)| candidate);
            centroids.extend_from_slice(&candidates[best * self.dims..][..self.dims]);
            nearest = left.into_iter().skip(best).step_by(tries).collect();
        }
        Some(centroids)
    }

    /// Rows x candidates: the squared distance to the candidate, or `nearest` if
    /// that is less.
    fn distances(&self, candidates: &[f32], nearest: &[f32]) -> Vec<f32> {
        let columns = candidates.len() / self.dims;
        let lengths: Vec<f32> = candidates
            .chunks_exact(self.dims)
            .map(|candidate| dot(candidate, candidate))
            .collect();
        let mut near = vec![0.0; nearest.len() * columns];
        let chunks = near.chunks_mut(CHUNK_ROWS * columns).enumerate();
        parallel_for_each(chunks, |(chunk, near)| {
            let first = chunk * CHUNK_ROWS;
            let shape = Shape {
                rows: near.len() / columns,
                inner: self.dims,
                columns,
            };
            let rows = &self.rows[first * self.dims..][..shape.rows * self.dims];
            multiply_transposed(near, rows, candidates, shape);
            for (row, near) in (first..).zip(near.chunks_exact_mut(columns)) {
                for (near, length) in near.iter_mut().zip(&lengths) {
                    let distance = (self.norms[row] + length - 2.0 * *near).max(0.0);
                    // By rounding, the distance of a row to itself is not 0.
                    let noise = 1e-6 * length;
                    *near = nearest[row].min(if distance < noise { 0.0 } else { distance });
                }
            }
        });
        near
    }

    /// Writes the nearest centroid of each row and the squared distance to it.
    fn assign(&self, centroids: &[f32], assignments: &mut [u32], distances: &mut [f32]) {
        let clusters = centroids.len() / self.dims;
        let lengths: Vec<f32> = centroids
            .chunks_exact(self.dims)
            .map(|c| dot(c, c))
            .collect();
        let chunks = assignments
            .chunks_mut(CHUNK_ROWS)
            .zip(distances.chunks_mut(CHUNK_ROWS));
        parallel_for_each(chunks.enumerate(), |(at, (assignments, distances))| {
            let first = at * CHUNK_ROWS;
            let mut products = vec![0.0; assignments.len() * clusters];
            let shape = Shape {
                rows: assignments.len(),
                inner: self.dims,
                columns: clusters,
            };
            let rows = &self.rows[first * self.dims..][..assignments.len() * self.dims];
            multiply_transposed(&mut products, rows, centroids, shape);
            for (row, products) in products.chunks_exact(clusters).enumerate() {
                let (mut best, mut least) = (0, f32::INFINITY);
                for (cluster, (product, length)) in products.iter().zip(&lengths).enumerate() {
                    let beyond = length - 2.0 * product;
                    if beyond < least {
                        (best, least) = (cluster, beyond);
                    }
                }
                assignments[row] = best as u32;
                distances[row] = (self.norms[first + row] + least).max(0.0);
            }
        });
    }

    /// Moves centroids to the means of their rows, and returns the sum of the
    /// squared distances moved. A cluster without rows takes the row that is
    /// farthest from its centroid.
    fn move_centroids(
        &self,
        assignments: &[u32],
        distances: &mut [f32],
        centroids: &mut [f32],
    ) -> f32 {
        let clusters = centroids.len() / self.dims;
        let members = members(assignments, clusters);
        let mut means = centroids.to_vec();
        let chunks = means.chunks_exact_mut(self.dims).zip(&members);
        parallel_for_each(chunks, |(mean, members)| {
            if members.is_empty() {
                return;
            }
            let mut sums = vec![0f64; self.dims];
            for row in members {
                let sums = sums.iter_mut().zip(self.row(*row as usize));
                sums.for_each(|(sum, v)| *sum += f64::from(*v));
            }
            for (mean, sum) in mean.iter_mut().zip(sums) {
                *mean = (sum / members.len() as f64) as f32;
            }
        });
        for (mean, members) in means.chunks_exact_mut(self.dims).zip(&members) {
            if members.is_empty() {
                let far = distances.iter().enumerate();
                let far = far
                    .max_by(|a, b| a.1.total_cmp(b.1))
                    .map_or(0, |(row, _)| row);
                distances[far] = 0.0;
                mean.copy_from_slice(self.row(far));
            }
        }
        let moved = centroids.iter().zip(&means).map(|(a, b)| (a - b) * (a - b));
        let moved = moved.sum();
        centroids.copy_from_slice(&means);
        moved
    }
}

/// By cluster: its rows.
fn members(assignments: &[u32], clusters: usize) -> Vec<Vec<u32>> {
    let mut members = vec![Vec::new(); clusters];
    for (row, cluster) in assignments.iter().enumerate() {
        members[*cluster as usize].push(row as u32);
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs() -> Vec<f32> {
        let centroids = [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]];
        let mut random = Random::new(3);
        (0..300)
            .flat_map(|row| centroids[row % 3].map(|c| c + random.unit() as f32))
            .collect()
    }

    #[test]
    fn separate_clusters_are_found_with_any_seed() {
        let rows = blobs();
        for seed in 0..5 {
            let clusters = kmeans(&rows, 2, 3, seed, &|| false).unwrap();
            for row in 0..300 {
                assert_eq!(
                    clusters.assignments[row],
                    clusters.assignments[row % 3],
                    "{seed} {row}"
                );
            }
            assert!(clusters.inertia < 300.0, "{}", clusters.inertia);
            assert_eq!(Some(clusters), kmeans(&rows, 2, 3, seed, &|| false));
        }
    }

    #[test]
    fn few_distinct_rows_make_few_clusters() {
        let one = kmeans(&[1.0, 2.0, 1.0, 2.0], 2, 5, 0, &|| false).unwrap();
        assert_eq!(
            (one.centroids, one.assignments),
            (vec![1.0, 2.0], vec![0, 0])
        );
        let none = kmeans(&[], 2, 5, 0, &|| false).unwrap();
        assert!(none.assignments.is_empty());
        assert_eq!(kmeans(&blobs(), 2, 3, 0, &|| true), None);
    }
}
