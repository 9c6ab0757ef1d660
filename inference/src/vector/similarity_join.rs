//! Similarity join: the near pairs of two sets of vectors, from products of blocks.

use std::convert::Infallible;
use std::ops::Range;

use super::matrix::{Shape, multiply_transposed};
use super::unit_vectors::UnitVectors;
use crate::parallel::{cores, parallel_for_each};

/// Vectors of a block of each side: their products fit into a core's L2 cache.
const LEFT_BLOCK: usize = 256;
const RIGHT_BLOCK: usize = 512;

/// Minimum number of tasks for each core, so that all cores finish about together.
const MIN_TASKS_PER_CORE: usize = 4;

/// Which pairs a similarity join returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NeighbourLimit {
    /// For each left vector, this many nearest right ones.
    TopK(usize),
    /// Pairs whose cosine is at least this.
    Threshold(f32),
}

/// Two near rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    pub left: u32,
    pub right: u32,
    /// Cosine.
    pub score: f32,
}

/// The pairs within `limit`, in the order of left rows, nearest first, and equal
/// ones in the order of right rows. Runs on all cores. `None` once `is_cancelled`
/// returns true.
///
/// # Panics
/// If the two sides have different dimensions.
pub fn pairs(
    left: &UnitVectors,
    right: &UnitVectors,
    limit: NeighbourLimit,
    is_cancelled: &(dyn Fn() -> bool + Sync),
) -> Option<Vec<Pair>> {
    let unlimited = |_: usize| Ok::<(), Infallible>(());
    pairs_within::<Infallible>(left, right, limit, is_cancelled, &unlimited).ok()
}

/// Why [`pairs_within`] ends without pairs.
#[derive(Debug)]
pub enum PairsError<E> {
    Interrupted,
    /// A reservation of memory failed.
    Memory(E),
}

/// Like [`pairs`], but calls `reserve` with the bytes of each allocation that
/// depends on the number of pairs, before the allocation.
///
/// # Errors
/// [`PairsError`].
///
/// # Panics
/// If the two sides have different dimensions.
pub fn pairs_within<E: Send>(
    left: &UnitVectors,
    right: &UnitVectors,
    limit: NeighbourLimit,
    is_cancelled: &(dyn Fn() -> bool + Sync),
    reserve: &Reserve<'_, E>,
) -> Result<Vec<Pair>, PairsError<E>> {
    if left.is_empty() || right.is_empty() {
        return Ok(Vec::new());
    }
    assert_eq!(
        left.dims(),
        right.dims(),
        "both sides must have equal dimensions"
    );
    let slices: Vec<Range<usize>> = ranges(left.len(), LEFT_BLOCK);
    // If there are few left slices, the right side is split, too.
    let stripes = (MIN_TASKS_PER_CORE * cores()).div_ceil(slices.len());
    let stripe = right.len().div_ceil(stripes).next_multiple_of(RIGHT_BLOCK);
    let stripes: Vec<Range<usize>> = ranges(right.len(), stripe);
    if let NeighbourLimit::TopK(most) = limit {
        let of_stripe = max_candidates(most, stripe.min(right.len())).next_power_of_two();
        let of_row = of_stripe
            .saturating_mul(stripes.len() * size_of::<Candidate>())
            .saturating_add(most.min(right.len()).saturating_mul(PAIR_BYTES));
        reserve(left.len().saturating_mul(of_row)).map_err(PairsError::Memory)?;
    }
    let tasks = slices
        .iter()
        .flat_map(|slice| stripes.iter().map(move |stripe| (slice, stripe)));
    let mut found = Vec::new();
    found.resize_with(slices.len() * stripes.len(), || None);
    parallel_for_each(tasks.zip(&mut found), |((slice, stripe), found)| {
        *found = Some(join_blocks(
            (left, slice, right, stripe),
            limit,
            is_cancelled,
            reserve,
        ));
    });
    let mut pairs = Vec::new();
    let mut found = found.into_iter();
    for slice in slices {
        let mut of_slice = vec![Vec::new(); slice.len()];
        for _ in 0..stripes.len() {
            let near = found
                .next()
                .flatten()
                .ok_or(PairsError::<E>::Interrupted)??;
            for (row, near) in of_slice.iter_mut().zip(near) {
                row.extend(near.0);
            }
        }
        for (row, mut near) in slice.zip(of_slice) {
            sort_descending(&mut near);
            if let NeighbourLimit::TopK(most) = limit {
                near.truncate(most);
            }
            pairs.extend(near.into_iter().map(|(score, vector)| Pair {
                left: left.rows()[row],
                right: right.rows()[vector as usize],
                score,
            }));
        }
    }
    Ok(pairs)
}

/// Reserves this many bytes before they are allocated.
pub type Reserve<'a, E> = dyn Fn(usize) -> Result<(), E> + Sync + 'a;

/// Cosine and number of a right vector.
type Candidate = (f32, u32);

/// Bytes of a pair in the result: in the list of its row, and in a list that grows
/// by doubling.
const PAIR_BYTES: usize = size_of::<Candidate>() + 2 * size_of::<Pair>();

/// Maximum number of candidates that [`Candidates::add`] holds for one left vector
/// and `stripe` right ones.
fn max_candidates(most: usize, stripe: usize) -> usize {
    stripe.min(most.max(RIGHT_BLOCK).saturating_mul(2))
}

fn ranges(count: usize, size: usize) -> Vec<Range<usize>> {
    let starts = (0..count).step_by(size);
    starts.map(|start| start..count.min(start + size)).collect()
}

fn sort_descending(candidates: &mut [Candidate]) {
    candidates.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
}

/// Right vectors near one left vector.
#[derive(Clone, Default)]
struct Candidates(Vec<Candidate>);

impl Candidates {
    /// Adds those of `products` that are at least `least`. Returns the new minimum.
    fn add(
        &mut self,
        products: &[f32],
        first: usize,
        limit: NeighbourLimit,
        mut least: f32,
    ) -> f32 {
        for (at, product) in products.iter().enumerate() {
            // Includes equal ones, so that the result does not depend on the order.
            if *product < least {
                continue;
            }
            self.0.push((*product, (first + at) as u32));
            if let NeighbourLimit::TopK(most) = limit
                && self.0.len() >= most.max(RIGHT_BLOCK).saturating_mul(2)
            {
                least = self.shrink(most);
            }
        }
        match limit {
            NeighbourLimit::TopK(most) if self.0.len() > most => self.shrink(most),
            _ => least,
        }
    }

    /// Keeps the `most` best; returns the lowest score among them.
    fn shrink(&mut self, most: usize) -> f32 {
        if self.0.len() > most {
            let by = |a: &Candidate, b: &Candidate| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
            if let Some(last) = most.checked_sub(1) {
                self.0.select_nth_unstable_by(last, by);
            }
            self.0.truncate(most);
        }
        let scores = self.0.iter().map(|candidate| candidate.0);
        scores.fold(f32::INFINITY, f32::min)
    }
}

/// For each left vector of a slice, the near vectors of a stripe.
fn join_blocks<E>(
    (left, slice, right, stripe): (&UnitVectors, &Range<usize>, &UnitVectors, &Range<usize>),
    limit: NeighbourLimit,
    is_cancelled: &(dyn Fn() -> bool + Sync),
    reserve: &Reserve<'_, E>,
) -> Result<Vec<Candidates>, PairsError<E>> {
    let mut products = Vec::new();
    let mut near: Vec<Candidates> = slice.clone().map(|_| Candidates::default()).collect();
    let least = match limit {
        NeighbourLimit::TopK(_) => f32::NEG_INFINITY,
        NeighbourLimit::Threshold(least) => least,
    };
    let mut least = vec![least; slice.len()];
    let mut start = stripe.start;
    while start < stripe.end {
        if is_cancelled() {
            return Err(PairsError::Interrupted);
        }
        let block = start..stripe.end.min(start + RIGHT_BLOCK);
        let shape = Shape {
            rows: slice.len(),
            inner: left.dims(),
            columns: block.len(),
        };
        products.resize(shape.rows * shape.columns, 0.0);
        multiply_transposed(&mut products, left.range(slice), right.range(&block), shape);
        if let NeighbourLimit::Threshold(least) = limit {
            let matches = products.iter().filter(|product| **product >= least).count();
            if matches > 0 {
                // The list of candidates grows by doubling.
                let bytes = matches * (2 * size_of::<Candidate>() + PAIR_BYTES);
                reserve(bytes).map_err(PairsError::Memory)?;
            }
        }
        let rows = near.iter_mut().zip(&mut least);
        for ((near, least), products) in rows.zip(products.chunks_exact(block.len())) {
            *least = near.add(products, block.start, limit, *least);
        }
        start = block.end;
    }
    Ok(near)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::{ReferenceVector, cosine};

    fn vectors(count: usize, dims: usize, mut state: u64) -> Vec<Vec<f32>> {
        let mut random = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
        };
        let vector = |_| (0..dims).map(|_| random()).collect();
        (0..count).map(vector).collect()
    }

    fn unit_vectors(vectors: &[Vec<f32>]) -> UnitVectors {
        let mut units = UnitVectors::new(vectors[0].len());
        for (row, vector) in vectors.iter().enumerate() {
            units.push(vector, row);
        }
        units
    }

    fn exhaustive(left: &[Vec<f32>], right: &[Vec<f32>], row: usize) -> Vec<(f32, u32)> {
        let all = right.iter().enumerate();
        let left = ReferenceVector::new(left[row].as_slice());
        let all = all.filter_map(|(at, vector)| Some((cosine(vector, &left)? as f32, at as u32)));
        let mut all: Vec<(f32, u32)> = all.collect();
        sort_descending(&mut all);
        all
    }

    #[test]
    fn the_nearest_pairs_match_an_exhaustive_search() {
        // More than a block on each side, and rows without a direction.
        let (left, mut right) = (vectors(300, 8, 1), vectors(1300, 8, 2));
        right[7] = vec![0.0; 8];
        right[8] = vec![f32::NAN; 8];
        let found = pairs(
            &unit_vectors(&left),
            &unit_vectors(&right),
            NeighbourLimit::TopK(3),
            &|| false,
        )
        .unwrap();
        assert_eq!(found.len(), 900);
        for (row, found) in found.chunks(3).enumerate() {
            let expected = exhaustive(&left, &right, row);
            for (found, (score, _)) in found.iter().zip(expected) {
                assert_eq!(found.left, row as u32);
                assert!((found.score - score).abs() < 1e-5, "{found:?} {score}");
                assert!(![7, 8].contains(&found.right));
            }
        }
    }

    #[test]
    fn all_pairs_above_a_threshold_are_found() {
        let (left, right) = (vectors(20, 4, 3), vectors(700, 4, 4));
        let found = pairs(
            &unit_vectors(&left),
            &unit_vectors(&right),
            NeighbourLimit::Threshold(0.9),
            &|| false,
        )
        .unwrap();
        let expected = (0..20).map(|row| {
            let all = exhaustive(&left, &right, row);
            all.into_iter().filter(|(score, _)| *score >= 0.9).count()
        });
        assert_eq!(found.len(), expected.sum::<usize>());
        assert!(found.len() > 20);
    }

    #[test]
    fn memory_is_reserved_before_it_is_allocated() {
        let all = unit_vectors(&vectors(600, 4, 5));
        let reserved = std::sync::atomic::AtomicUsize::new(0);
        let count = |bytes: usize| {
            reserved.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
            Ok::<(), ()>(())
        };
        for limit in [
            NeighbourLimit::TopK(3),
            NeighbourLimit::Threshold(0.5),
            NeighbourLimit::TopK(usize::MAX),
        ] {
            reserved.store(0, std::sync::atomic::Ordering::Relaxed);
            let found = pairs_within::<()>(&all, &all, limit, &|| false, &count).unwrap();
            let reserved = reserved.load(std::sync::atomic::Ordering::Relaxed);
            assert!(reserved >= size_of_val(found.as_slice()), "{limit:?}");
            let refuse = |_: usize| Err::<(), _>("the pool is empty");
            let refused = pairs_within::<&str>(&all, &all, limit, &|| false, &refuse);
            assert!(
                matches!(refused, Err(PairsError::Memory("the pool is empty"))),
                "{limit:?}"
            );
        }
    }

    #[test]
    fn the_first_of_equal_pairs_are_returned() {
        let right = vec![vec![1.0, 0.0]; 1500];
        let found = pairs(
            &unit_vectors(&[vec![2.0, 0.0]]),
            &unit_vectors(&right),
            NeighbourLimit::TopK(2),
            &|| false,
        );
        let rows: Vec<u32> = found.unwrap().iter().map(|pair| pair.right).collect();
        assert_eq!(rows, [0, 1]);
        assert!(
            pairs(
                &unit_vectors(&right),
                &unit_vectors(&right),
                NeighbourLimit::TopK(1),
                &|| true
            )
            .is_none()
        );
        let none = UnitVectors::new(2);
        assert!(
            pairs(
                &none,
                &unit_vectors(&right),
                NeighbourLimit::TopK(1),
                &|| false
            )
            .unwrap()
            .is_empty()
        );
    }
}
