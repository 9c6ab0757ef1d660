//! Groups of vectors, each row with the group whose centre is nearest.
//!
//! Lloyd's iterations from centres chosen by greedy k-means++ (Arthur and
//! Vassilvitskii, SODA 2007), the same for the same rows and seed.

use super::random::Random;
use crate::shares::each_share;
use crate::vector::dot;
use crate::vector::matrix::{Shape, multiply_transposed};
use crate::waiting::Watch;

/// Iterations at most.
const MOST_ITERATIONS: usize = 300;

/// Iterating ends when centres move less, by the variance of the rows.
const TOLERANCE: f32 = 1e-4;

/// Rows that a thread takes at a time.
const ROWS: usize = 512;

/// What became of the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Groups {
    /// Groups x dims.
    pub centres: Vec<f32>,
    /// Per row, its group.
    pub of_rows: Vec<u32>,
    /// The sum of squared distances to the centres.
    pub inertia: f64,
}

/// Splits `rows` (rows x `dims`) into `groups`, fewer where there are not as
/// many different rows. `None` once nobody waits.
pub fn kmeans(
    rows: &[f32],
    dims: usize,
    groups: usize,
    seed: u64,
    watch: &dyn Watch,
) -> Option<Groups> {
    let count = rows.len().checked_div(dims).unwrap_or(0);
    if count == 0 || groups == 0 {
        return Some(Groups {
            centres: Vec::new(),
            of_rows: Vec::new(),
            inertia: 0.0,
        });
    }
    let norms: Vec<f32> = rows.chunks_exact(dims).map(|row| dot(row, row)).collect();
    let work = Work { rows, dims, norms };
    let mut centres = work.first_centres(groups.min(count), seed, watch)?;
    let still = TOLERANCE * work.variance();
    let (mut of_rows, mut distances) = (vec![0; count], vec![0.0; count]);
    for iteration in 0..MOST_ITERATIONS {
        if watch.halted() {
            return None;
        }
        watch.step("k-means: iteration", iteration + 1, MOST_ITERATIONS);
        work.assign(&centres, &mut of_rows, &mut distances);
        let moved = work.centre(&of_rows, &mut distances, &mut centres);
        if moved <= still {
            break;
        }
    }
    work.assign(&centres, &mut of_rows, &mut distances);
    let inertia = distances.iter().map(|d| f64::from(*d)).sum();
    Some(Groups {
        centres,
        of_rows,
        inertia,
    })
}

struct Work<'a> {
    rows: &'a [f32],
    dims: usize,
    /// Per row, the square of its length.
    norms: Vec<f32>,
}

impl Work<'_> {
    fn row(&self, row: usize) -> &[f32] {
        &self.rows[row * self.dims..][..self.dims]
    }

    /// The mean over the dimensions.
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

    /// Each next centre is a row, likelier the farther it is from those there
    /// are; of several such rows the one that leaves the least inertia.
    fn first_centres(&self, groups: usize, seed: u64, watch: &dyn Watch) -> Option<Vec<f32>> {
        let count = self.norms.len();
        let mut random = Random::new(seed);
        let tries = 2 + (groups as f64).ln() as usize;
        let first = (random.unit() * count as f64) as usize % count;
        let mut centres = self.row(first).to_vec();
        let unknown = vec![f32::INFINITY; count];
        let mut nearest = self.near(&centres, &unknown);
        while centres.len() < groups * self.dims {
            if watch.halted() {
                return None;
            }
            watch.step("k-means: centre", centres.len() / self.dims + 1, groups);
            let all: f64 = nearest.iter().map(|d| f64::from(*d)).sum();
            if all <= 0.0 {
                // Every row is a centre already.
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
            let left = self.near(&candidates, &nearest);
            let mut inertias = vec![0f64; tries];
            for left in left.chunks_exact(tries) {
                let sums = inertias.iter_mut().zip(left);
                sums.for_each(|(sum, d)| *sum += f64::from(*d));
            }
            let best = inertias.iter().enumerate();
            let best = best
                .min_by(|a, b| a.1.total_cmp(b.1))
                .map_or(0, |(candidate, _)| candidate);
            centres.extend_from_slice(&candidates[best * self.dims..][..self.dims]);
            nearest = left.into_iter().skip(best).step_by(tries).collect();
        }
        Some(centres)
    }

    /// Rows x candidates: the squared distance to the candidate, or `nearest`
    /// where that is less.
    fn near(&self, candidates: &[f32], nearest: &[f32]) -> Vec<f32> {
        let columns = candidates.len() / self.dims;
        let lengths: Vec<f32> = candidates
            .chunks_exact(self.dims)
            .map(|candidate| dot(candidate, candidate))
            .collect();
        let mut near = vec![0.0; nearest.len() * columns];
        let shares = near.chunks_mut(ROWS * columns).enumerate();
        each_share(shares, |(share, near)| {
            let first = share * ROWS;
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
                    // Rounding leaves a row a little away from itself.
                    let noise = 1e-6 * length;
                    *near = nearest[row].min(if distance < noise { 0.0 } else { distance });
                }
            }
        });
        near
    }

    /// The nearest centre of each row, and the squared distance to it.
    fn assign(&self, centres: &[f32], of_rows: &mut [u32], distances: &mut [f32]) {
        let groups = centres.len() / self.dims;
        let lengths: Vec<f32> = centres.chunks_exact(self.dims).map(|c| dot(c, c)).collect();
        let shares = of_rows.chunks_mut(ROWS).zip(distances.chunks_mut(ROWS));
        each_share(shares.enumerate(), |(at, (of_rows, distances))| {
            let first = at * ROWS;
            let mut products = vec![0.0; of_rows.len() * groups];
            let shape = Shape {
                rows: of_rows.len(),
                inner: self.dims,
                columns: groups,
            };
            let rows = &self.rows[first * self.dims..][..of_rows.len() * self.dims];
            multiply_transposed(&mut products, rows, centres, shape);
            for (row, products) in products.chunks_exact(groups).enumerate() {
                let (mut best, mut least) = (0, f32::INFINITY);
                for (group, (product, length)) in products.iter().zip(&lengths).enumerate() {
                    let beyond = length - 2.0 * product;
                    if beyond < least {
                        (best, least) = (group, beyond);
                    }
                }
                of_rows[row] = best as u32;
                distances[row] = (self.norms[first + row] + least).max(0.0);
            }
        });
    }

    /// Moves centres to the means of their rows, and says how far, squared. A
    /// group without rows takes the row that is farthest from its centre.
    fn centre(&self, of_rows: &[u32], distances: &mut [f32], centres: &mut [f32]) -> f32 {
        let groups = centres.len() / self.dims;
        let members = members(of_rows, groups);
        let mut means = centres.to_vec();
        let shares = means.chunks_exact_mut(self.dims).zip(&members);
        each_share(shares, |(mean, members)| {
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
        let moved = centres.iter().zip(&means).map(|(a, b)| (a - b) * (a - b));
        let moved = moved.sum();
        centres.copy_from_slice(&means);
        moved
    }
}

/// The rows of each group.
fn members(of_rows: &[u32], groups: usize) -> Vec<Vec<u32>> {
    let mut members = vec![Vec::new(); groups];
    for (row, group) in of_rows.iter().enumerate() {
        members[*group as usize].push(row as u32);
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs() -> Vec<f32> {
        let centres = [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]];
        let mut random = Random::new(3);
        (0..300)
            .flat_map(|row| centres[row % 3].map(|c| c + random.unit() as f32))
            .collect()
    }

    #[test]
    fn groups_that_lie_apart_are_found_whatever_the_seed() {
        let rows = blobs();
        for seed in 0..5 {
            let groups = kmeans(&rows, 2, 3, seed, &|| false).unwrap();
            for row in 0..300 {
                assert_eq!(groups.of_rows[row], groups.of_rows[row % 3], "{seed} {row}");
            }
            assert!(groups.inertia < 300.0, "{}", groups.inertia);
            assert_eq!(Some(groups), kmeans(&rows, 2, 3, seed, &|| false));
        }
    }

    #[test]
    fn few_different_rows_make_few_groups() {
        let one = kmeans(&[1.0, 2.0, 1.0, 2.0], 2, 5, 0, &|| false).unwrap();
        assert_eq!((one.centres, one.of_rows), (vec![1.0, 2.0], vec![0, 0]));
        let none = kmeans(&[], 2, 5, 0, &|| false).unwrap();
        assert!(none.of_rows.is_empty());
        assert_eq!(kmeans(&blobs(), 2, 3, 0, &|| true), None);
    }
}
