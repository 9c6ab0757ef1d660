//! Unit vectors of rows, in one allocation.

use std::collections::TryReserveError;
use std::ops::Range;

use super::dot::dot;
use super::normalize::normalize;

/// Vectors of unit length with the numbers of their rows.
#[derive(Debug, Default)]
pub struct UnitVectors {
    dims: usize,
    values: Vec<f32>,
    rows: Vec<u32>,
}

impl UnitVectors {
    pub fn new(dims: usize) -> Self {
        Self {
            dims,
            ..Self::default()
        }
    }

    /// Bytes that [`try_reserve`](Self::try_reserve) allocates for `additional` vectors;
    /// `None` on overflow.
    pub fn growth(&self, additional: usize) -> Option<usize> {
        let vector_bytes = self.dims.checked_mul(size_of::<f32>())?;
        let row_bytes = vector_bytes.checked_add(size_of::<u32>())?;
        let capacity = self.rows.capacity();
        self.capacity_with(additional)?
            .checked_sub(capacity)?
            .checked_mul(row_bytes)
    }

    /// Reserves memory for `additional` vectors.
    ///
    /// # Errors
    /// If the memory cannot be allocated.
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), TryReserveError> {
        let capacity = self.capacity_with(additional).unwrap_or(usize::MAX);
        let rows = capacity.saturating_sub(self.rows.len());
        let values = capacity.saturating_mul(self.dims);
        self.values
            .try_reserve_exact(values.saturating_sub(self.values.len()))?;
        self.rows.try_reserve_exact(rows)
    }

    /// Capacity in vectors after [`try_reserve`](Self::try_reserve): at least doubled if
    /// it has to grow.
    fn capacity_with(&self, additional: usize) -> Option<usize> {
        let needed = self.rows.len().checked_add(additional)?;
        let capacity = self.rows.capacity();
        match needed <= capacity {
            true => Some(capacity),
            false => Some(needed.max(capacity.checked_mul(2)?)),
        }
    }

    /// Adds the vector of a row, scaled to unit length; skips one without a direction.
    /// Its length must be `dims`.
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

    /// The values: vectors x dims.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Per vector, the number of its row.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    pub fn vector(&self, vector: usize) -> &[f32] {
        &self.values[vector * self.dims..][..self.dims]
    }

    /// Allocated bytes.
    pub fn size(&self) -> usize {
        self.values.capacity() * size_of::<f32>() + self.rows.capacity() * size_of::<u32>()
    }

    /// The values of a range of vectors.
    pub(super) fn range(&self, vectors: &Range<usize>) -> &[f32] {
        &self.values[vectors.start * self.dims..vectors.end * self.dims]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_the_allocation_of_try_reserve() {
        let mut units = UnitVectors::new(3);
        assert_eq!(units.growth(10), Some(10 * 16));
        units.try_reserve(10).unwrap();
        assert_eq!(units.growth(10), Some(0));
        assert!(units.size() >= 160);
        units.push(&[1.0, 0.0, 0.0], 0);
        assert!(units.growth(10).is_some_and(|bytes| bytes > 0));
        assert_eq!(units.growth(usize::MAX), None);
        assert_eq!(UnitVectors::new(usize::MAX).growth(1), None);
        assert!(units.try_reserve(usize::MAX - 1).is_err());
    }
}
