//! Which vectors of two sets lie near each other: products of blocks, of which
//! only what is near enough is kept.

use std::collections::TryReserveError;
use std::convert::Infallible;
use std::ops::Range;

use super::matrix::{Shape, multiply_transposed};
use super::{dot, normalize};
use crate::shares::{cores, each_share};

/// Vectors of the two sides whose products are taken at a time: what a core's
/// second-level cache holds.
const LEFT: usize = 256;
const RIGHT: usize = 512;

/// Pieces of work for each core at least, so that no core waits long for
/// another at the end.
const SHARES: usize = 4;

/// Which pairs are wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Keep {
    /// For each left vector so many right ones, the nearest.
    Best(usize),
    /// Those whose cosine is at least this.
    Above(f32),
}

/// Vectors of unit length, and which row each is of.
#[derive(Debug, Default)]
pub struct Units {
    dims: usize,
    values: Vec<f32>,
    rows: Vec<u32>,
}

impl Units {
    pub fn new(dims: usize) -> Self {
        Self {
            dims,
            ..Self::default()
        }
    }

    /// Bytes that [`Units::try_reserve`] allocates for `more` vectors; `None`
    /// where they cannot be counted.
    pub fn growth(&self, more: usize) -> Option<usize> {
        let each = self.dims.checked_mul(size_of::<f32>())?;
        let each = each.checked_add(size_of::<u32>())?;
        let capacity = self.rows.capacity();
        self.capacity_with(more)?
            .checked_sub(capacity)?
            .checked_mul(each)
    }

    /// Makes room for `more` vectors.
    ///
    /// # Errors
    /// If the memory cannot be allocated.
    pub fn try_reserve(&mut self, more: usize) -> Result<(), TryReserveError> {
        let capacity = self.capacity_with(more).unwrap_or(usize::MAX);
        let rows = capacity.saturating_sub(self.rows.len());
        let values = capacity.saturating_mul(self.dims);
        self.values
            .try_reserve_exact(values.saturating_sub(self.values.len()))?;
        self.rows.try_reserve_exact(rows)
    }

    /// Vectors that there is room for once there is room for `more`: twice as
    /// many as before where it does not suffice.
    fn capacity_with(&self, more: usize) -> Option<usize> {
        let needed = self.rows.len().checked_add(more)?;
        let capacity = self.rows.capacity();
        match needed <= capacity {
            true => Some(capacity),
            false => Some(needed.max(capacity.checked_mul(2)?)),
        }
    }

    /// Adds the vector of a row, unless it has no direction. Its length must be
    /// `dims`.
    pub fn push(&mut self, vector: &[f32], row: usize) {
        let length = dot(vector, vector);
        if !(length > 0.0 && length.is_finite()) {
            return;
        }
        let start = self.values.len();
        self.values.extend_from_slice(vector);
        normalize(&mut self.values[start..]);
        self.rows.push(row as u32);
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Vectors x dims.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Per vector, its row.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    pub fn vector(&self, vector: usize) -> &[f32] {
        &self.values[vector * self.dims..][..self.dims]
    }

    /// Bytes that it takes.
    pub fn size(&self) -> usize {
        self.values.capacity() * size_of::<f32>() + self.rows.capacity() * size_of::<u32>()
    }

    fn some(&self, vectors: &Range<usize>) -> &[f32] {
        &self.values[vectors.start * self.dims..vectors.end * self.dims]
    }
}

/// Two rows that lie near each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    pub left: u32,
    pub right: u32,
    /// The cosine.
    pub score: f32,
}

/// The pairs that are wanted, by left row in its order, the nearest first and
/// of equal ones the first; by all cores. `None` once `halted` says so.
///
/// # Panics
/// If the two sides have different dimensions.
pub fn pairs(
    left: &Units,
    right: &Units,
    keep: Keep,
    halted: &(dyn Fn() -> bool + Sync),
) -> Option<Vec<Pair>> {
    let unlimited = |_: usize| Ok::<(), Infallible>(());
    pairs_within::<Infallible>(left, right, keep, halted, &unlimited).ok()
}

/// Why [`pairs_within`] ends without pairs.
#[derive(Debug)]
pub enum PairsError<E> {
    Interrupted,
    /// The memory for them is refused.
    Memory(E),
}

/// The same as [`pairs`]; `reserve` is called with the bytes of each allocation
/// that depends on how many pairs there are, before it is made.
///
/// # Errors
/// [`PairsError`].
///
/// # Panics
/// If the two sides have different dimensions.
pub fn pairs_within<E: Send>(
    left: &Units,
    right: &Units,
    keep: Keep,
    halted: &(dyn Fn() -> bool + Sync),
    reserve: &Reserve<'_, E>,
) -> Result<Vec<Pair>, PairsError<E>> {
    if left.is_empty() || right.is_empty() {
        return Ok(Vec::new());
    }
    assert_eq!(left.dims, right.dims, "vectors of one space");
    let slices: Vec<Range<usize>> = ranges(left.len(), LEFT);
    // Where there are few left slices, the right side is shared out too.
    let stripes = (SHARES * cores()).div_ceil(slices.len());
    let stripe = right.len().div_ceil(stripes).next_multiple_of(RIGHT);
    let stripes: Vec<Range<usize>> = ranges(right.len(), stripe);
    if let Keep::Best(most) = keep {
        let of_stripe = candidates(most, stripe.min(right.len())).next_power_of_two();
        let of_row = of_stripe
            .saturating_mul(stripes.len() * size_of::<Candidate>())
            .saturating_add(most.min(right.len()).saturating_mul(PAIR_BYTES));
        reserve(left.len().saturating_mul(of_row)).map_err(PairsError::Memory)?;
    }
    let shares = slices
        .iter()
        .flat_map(|slice| stripes.iter().map(move |stripe| (slice, stripe)));
    let mut found = Vec::new();
    found.resize_with(slices.len() * stripes.len(), || None);
    each_share(shares.zip(&mut found), |((slice, stripe), found)| {
        *found = Some(near((left, slice, right, stripe), keep, halted, reserve));
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
            best_first(&mut near);
            if let Keep::Best(most) = keep {
                near.truncate(most);
            }
            pairs.extend(near.into_iter().map(|(score, vector)| Pair {
                left: left.rows[row],
                right: right.rows[vector as usize],
                score,
            }));
        }
    }
    Ok(pairs)
}

/// Reserves so many bytes before they are allocated.
pub type Reserve<'a, E> = dyn Fn(usize) -> Result<(), E> + Sync + 'a;

/// A right vector that is near a left one, and the cosine.
type Candidate = (f32, u32);

/// Bytes that a pair takes at the end: in the list of its row, and in a list
/// that grows by doubling.
const PAIR_BYTES: usize = size_of::<Candidate>() + 2 * size_of::<Pair>();

/// Candidates that [`Near::add`] holds of one left vector and a stripe of
/// `stripe` right ones, at most.
fn candidates(most: usize, stripe: usize) -> usize {
    stripe.min(most.max(RIGHT).saturating_mul(2))
}

fn ranges(all: usize, each: usize) -> Vec<Range<usize>> {
    let starts = (0..all).step_by(each);
    starts.map(|start| start..all.min(start + each)).collect()
}

fn best_first(near: &mut [Candidate]) {
    near.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
}

/// The right vectors that are near one left vector, with the cosine.
#[derive(Clone, Default)]
struct Near(Vec<Candidate>);

impl Near {
    /// Adds those of `products` that are near enough, and says what is near
    /// enough from here on.
    fn add(&mut self, products: &[f32], first: usize, keep: Keep, mut least: f32) -> f32 {
        for (at, product) in products.iter().enumerate() {
            // The first of equal ones is kept, so that the order does not matter.
            if *product < least {
                continue;
            }
            self.0.push((*product, (first + at) as u32));
            if let Keep::Best(most) = keep
                && self.0.len() >= most.max(RIGHT).saturating_mul(2)
            {
                least = self.shrink(most);
            }
        }
        match keep {
            Keep::Best(most) if self.0.len() > most => self.shrink(most),
            _ => least,
        }
    }

    /// Keeps the `most` best, and says how good the last of them is.
    fn shrink(&mut self, most: usize) -> f32 {
        if self.0.len() > most {
            let by = |a: &Candidate, b: &Candidate| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
            if let Some(last) = most.checked_sub(1) {
                self.0.select_nth_unstable_by(last, by);
            }
            self.0.truncate(most);
        }
        let scores = self.0.iter().map(|near| near.0);
        scores.fold(f32::INFINITY, f32::min)
    }
}

/// For each left vector of a slice, the near ones of a stripe.
fn near<E>(
    (left, slice, right, stripe): (&Units, &Range<usize>, &Units, &Range<usize>),
    keep: Keep,
    halted: &(dyn Fn() -> bool + Sync),
    reserve: &Reserve<'_, E>,
) -> Result<Vec<Near>, PairsError<E>> {
    let mut products = Vec::new();
    let mut near: Vec<Near> = slice.clone().map(|_| Near::default()).collect();
    let least = match keep {
        Keep::Best(_) => f32::NEG_INFINITY,
        Keep::Above(least) => least,
    };
    let mut least = vec![least; slice.len()];
    let mut start = stripe.start;
    while start < stripe.end {
        if halted() {
            return Err(PairsError::Interrupted);
        }
        let block = start..stripe.end.min(start + RIGHT);
        let shape = Shape {
            rows: slice.len(),
            inner: left.dims,
            columns: block.len(),
        };
        products.resize(shape.rows * shape.columns, 0.0);
        multiply_transposed(&mut products, left.some(slice), right.some(&block), shape);
        if let Keep::Above(least) = keep {
            let matches = products.iter().filter(|product| **product >= least).count();
            if matches > 0 {
                // The list of candidates grows by doubling.
                let bytes = matches * (2 * size_of::<Candidate>() + PAIR_BYTES);
                reserve(bytes).map_err(PairsError::Memory)?;
            }
        }
        let rows = near.iter_mut().zip(&mut least);
        for ((near, least), products) in rows.zip(products.chunks_exact(block.len())) {
            *least = near.add(products, block.start, keep, *least);
        }
        start = block.end;
    }
    Ok(near)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::{Reference, cosine};

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

    fn units(vectors: &[Vec<f32>]) -> Units {
        let mut units = Units::new(vectors[0].len());
        for (row, vector) in vectors.iter().enumerate() {
            units.push(vector, row);
        }
        units
    }

    fn by_hand(left: &[Vec<f32>], right: &[Vec<f32>], row: usize) -> Vec<(f32, u32)> {
        let all = right.iter().enumerate();
        let left = Reference::new(left[row].as_slice());
        let all = all.filter_map(|(at, vector)| Some((cosine(vector, &left)? as f32, at as u32)));
        let mut all: Vec<(f32, u32)> = all.collect();
        best_first(&mut all);
        all
    }

    #[test]
    fn the_nearest_are_those_of_all_pairs() {
        // More than a block on both sides, and a row without a direction.
        let (left, mut right) = (vectors(300, 8, 1), vectors(1300, 8, 2));
        right[7] = vec![0.0; 8];
        right[8] = vec![f32::NAN; 8];
        let found = pairs(&units(&left), &units(&right), Keep::Best(3), &|| false).unwrap();
        assert_eq!(found.len(), 900);
        for (row, found) in found.chunks(3).enumerate() {
            let expected = by_hand(&left, &right, row);
            for (found, (score, _)) in found.iter().zip(expected) {
                assert_eq!(found.left, row as u32);
                assert!((found.score - score).abs() < 1e-5, "{found:?} {score}");
                assert!(![7, 8].contains(&found.right));
            }
        }
    }

    #[test]
    fn all_pairs_above_a_cosine_are_found() {
        let (left, right) = (vectors(20, 4, 3), vectors(700, 4, 4));
        let found = pairs(&units(&left), &units(&right), Keep::Above(0.9), &|| false).unwrap();
        let expected = (0..20).map(|row| {
            let all = by_hand(&left, &right, row);
            all.into_iter().filter(|(score, _)| *score >= 0.9).count()
        });
        assert_eq!(found.len(), expected.sum::<usize>());
        assert!(found.len() > 20);
    }

    #[test]
    fn memory_is_reserved_before_pairs_are_kept() {
        let all = units(&vectors(600, 4, 5));
        let reserved = std::sync::atomic::AtomicUsize::new(0);
        let count = |bytes: usize| {
            reserved.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
            Ok::<(), ()>(())
        };
        for keep in [Keep::Best(3), Keep::Above(0.5), Keep::Best(usize::MAX)] {
            reserved.store(0, std::sync::atomic::Ordering::Relaxed);
            let found = pairs_within::<()>(&all, &all, keep, &|| false, &count).unwrap();
            let reserved = reserved.load(std::sync::atomic::Ordering::Relaxed);
            assert!(reserved >= size_of_val(found.as_slice()), "{keep:?}");
            let refuse = |_: usize| Err::<(), _>("the pool is empty");
            let refused = pairs_within::<&str>(&all, &all, keep, &|| false, &refuse);
            assert!(
                matches!(refused, Err(PairsError::Memory("the pool is empty"))),
                "{keep:?}"
            );
        }
    }

    #[test]
    fn room_is_counted_before_it_is_made() {
        let mut units = Units::new(3);
        assert_eq!(units.growth(10), Some(10 * 16));
        units.try_reserve(10).unwrap();
        assert_eq!(units.growth(10), Some(0));
        assert!(units.size() >= 160);
        units.push(&[1.0, 0.0, 0.0], 0);
        assert!(units.growth(10).is_some_and(|bytes| bytes > 0));
        assert_eq!(units.growth(usize::MAX), None);
        assert_eq!(Units::new(usize::MAX).growth(1), None);
        assert!(units.try_reserve(usize::MAX - 1).is_err());
    }

    #[test]
    fn of_equal_ones_the_first_are_kept() {
        let right = vec![vec![1.0, 0.0]; 1500];
        let found = pairs(
            &units(&[vec![2.0, 0.0]]),
            &units(&right),
            Keep::Best(2),
            &|| false,
        );
        let rows: Vec<u32> = found.unwrap().iter().map(|pair| pair.right).collect();
        assert_eq!(rows, [0, 1]);
        assert!(pairs(&units(&right), &units(&right), Keep::Best(1), &|| true).is_none());
        let none = Units::new(2);
        assert!(
            pairs(&none, &units(&right), Keep::Best(1), &|| false)
                .unwrap()
                .is_empty()
        );
    }
}
