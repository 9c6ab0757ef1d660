//! The rows that are nearest to each row, exactly.

use crate::shares::each_share;
use crate::vector::dot;
use crate::vector::matrix::{Shape, multiply_transposed};
use crate::waiting::Watch;

/// Rows that a thread takes at a time, and rows they are compared with at once.
const ROWS: usize = 128;
const OTHERS: usize = 1_024;

/// Per row the nearest others, the nearest first.
pub struct Neighbours {
    /// How many of each row.
    pub each: usize,
    /// Rows x each.
    pub rows: Vec<u32>,
    /// Their squared distances.
    pub distances: Vec<f32>,
}

/// The `each` nearest other rows of each of `rows` (rows x `dims`), of which
/// there are more; among equally near ones the first. `None` once nobody
/// waits.
pub fn nearest(rows: &[f32], dims: usize, each: usize, watch: &dyn Watch) -> Option<Neighbours> {
    let count = rows.len() / dims;
    let mut found = Neighbours {
        each,
        rows: vec![0; count * each],
        distances: vec![0.0; count * each],
    };
    let lengths: Vec<f32> = rows.chunks_exact(dims).map(|row| dot(row, row)).collect();
    let shares = found.rows.chunks_mut(ROWS * each);
    let shares = shares.zip(found.distances.chunks_mut(ROWS * each));
    each_share(shares.enumerate(), |(share, (near, distances))| {
        let first = share * ROWS;
        watch.step("nearest rows: row", first + 1, count);
        let own = &rows[first * dims..][..near.len() / each * dims];
        let mut candidates: Vec<Candidates> = own
            .chunks_exact(dims)
            .map(|_| Candidates::new(each))
            .collect();
        let mut products = vec![0.0; candidates.len() * OTHERS];
        for (block, others) in rows.chunks(OTHERS * dims).enumerate() {
            if watch.halted() {
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
                    if distance <= candidates.farthest && other != row {
                        candidates.add(distance, other);
                    }
                }
            }
        }
        let near = near.chunks_exact_mut(each);
        let distances = distances.chunks_exact_mut(each);
        for ((at, candidates), (near, distances)) in
            candidates.into_iter().enumerate().zip(near.zip(distances))
        {
            let own = &rows[(first + at) * dims..][..dims];
            // Products round; of the few that are left distances are taken anew.
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
    (!watch.halted()).then_some(found)
}

/// The nearest rows so far, and some more.
struct Candidates {
    each: usize,
    /// Distances and rows in one number, so that they order by both.
    found: Vec<u64>,
    /// What is farther is not among the nearest.
    farthest: f32,
}

impl Candidates {
    fn new(each: usize) -> Self {
        Self {
            each,
            found: Vec::with_capacity(2 * each),
            farthest: f32::INFINITY,
        }
    }

    fn add(&mut self, distance: f32, row: usize) {
        // The bits of floats from 0 order as the floats do.
        let bits = u64::from(distance.max(0.0).to_bits());
        self.found.push((bits << 32) | row as u64);
        if self.found.len() == 2 * self.each {
            self.thin_out();
        }
    }

    fn thin_out(&mut self) {
        if self.found.len() > self.each {
            let (_, last, _) = self.found.select_nth_unstable(self.each - 1);
            self.farthest = f32::from_bits((*last >> 32) as u32);
            self.found.truncate(self.each);
        }
    }

    fn nearest(mut self) -> impl Iterator<Item = u32> {
        self.thin_out();
        self.found.into_iter().map(|found| found as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::random::Random;

    #[test]
    fn the_nearest_are_those_of_comparing_all_with_all() {
        let (count, dims, each) = (1_500, 5, 7);
        let mut random = Random::new(1);
        let rows: Vec<f32> = (0..count * dims)
            .map(|_| random.unit() as f32 - 0.5)
            .collect();
        let near = nearest(&rows, dims, each, &|| false).unwrap();
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
            let expected: Vec<u32> = all[..each].iter().map(|(_, other)| *other).collect();
            assert_eq!(near.rows[at * each..][..each], expected, "{at}");
        }
        assert!(nearest(&rows, dims, each, &|| true).is_none());
    }

    #[test]
    fn among_equals_the_first_are_taken() {
        let near = nearest(&[1.0; 10], 1, 3, &|| false).unwrap();
        assert_eq!(near.rows[..6], [1, 2, 3, 0, 2, 3]);
        assert!(near.distances.iter().all(|d| *d == 0.0));
    }
}
