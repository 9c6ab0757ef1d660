//! The unit vectors of a side of a join, which is read batch by batch.

use std::ops::Range;

use arrow::datatypes::Float32Type;
use datafusion::common::exec_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryReservation;
use semql_inference::vector::UnitVectors;

use crate::functions::Vectors;

/// Unit vectors of the rows that have a vector.
#[derive(Default)]
pub struct SideVectors {
    /// `None` until a row has a vector.
    units: Option<UnitVectors>,
    /// Rows of the side, if known: their memory is allocated once.
    expected: usize,
    /// Rows of the batches before.
    before: usize,
}

impl SideVectors {
    /// No vectors yet, of a side of so many rows, if that is known.
    pub fn new(expected: Option<usize>) -> Self {
        Self {
            expected: expected.unwrap_or(0),
            ..Self::default()
        }
    }

    /// Adds the vectors of some rows of a batch. Reserves their memory first.
    ///
    /// # Errors
    /// A vector of another length; memory that is not there.
    pub fn add(
        &mut self,
        vectors: &Vectors<Float32Type>,
        rows: Range<usize>,
        memory: &MemoryReservation,
    ) -> Result<()> {
        let count = rows.clone().filter(|row| vectors.get(*row).is_some());
        let (mut count, first) = (count.count(), self.before);
        for row in rows {
            let Some(vector) = vectors.get(row) else {
                continue;
            };
            let expected = self.expected;
            let units = self
                .units
                .get_or_insert_with(|| UnitVectors::new(vector.len()));
            if units.dims() != vector.len() {
                return exec_err!(
                    "row {} has a vector of {} values, and earlier rows have {}",
                    first + row + 1,
                    vector.len(),
                    units.dims()
                );
            }
            if count > 0 {
                let all = expected.saturating_sub(units.len());
                reserve(units, count.max(all), memory)?;
                count = 0;
            }
            units.push(vector, first + row);
        }
        self.before += vectors.len();
        Ok(())
    }

    /// The vectors; `None` if no row has one.
    pub fn units(self) -> Option<UnitVectors> {
        self.units
    }
}

/// Reserves space for `count` more vectors.
fn reserve(units: &mut UnitVectors, count: usize, memory: &MemoryReservation) -> Result<()> {
    let exhausted = |why: String| DataFusionError::ResourcesExhausted(why);
    let too_many = || exhausted(format!("{count} vectors of {} values", units.dims()));
    memory.try_grow(units.growth(count).ok_or_else(too_many)?)?;
    let allocated = units.try_reserve(count);
    allocated.map_err(|error| exhausted(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array};
    use arrow::datatypes::{DataType, Field};
    use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryConsumer, MemoryPool};

    use super::*;

    const VECTOR_BYTES: usize = (8 + 1) * size_of::<f32>();

    fn hundred_vectors() -> Vectors<Float32Type> {
        let values = Float32Array::from_iter_values((1..801).map(|value| value as f32));
        let item = Arc::new(Field::new_list_field(DataType::Float32, true));
        let lists = FixedSizeListArray::try_new(item, 8, Arc::new(values), None).unwrap();
        let lists: ArrayRef = Arc::new(lists);
        Vectors::new(&lists).unwrap()
    }

    fn memory(limit: usize) -> MemoryReservation {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(limit));
        MemoryConsumer::new("test").register(&pool)
    }

    #[test]
    fn memory_is_reserved_before_vectors_are_copied() {
        let vectors = hundred_vectors();
        let needed = 100 * VECTOR_BYTES;
        for (limit, fits) in [(needed, true), (needed - 1, false)] {
            let memory = memory(limit);
            let mut side = SideVectors::default();
            match side.add(&vectors, 0..100, &memory) {
                Ok(()) => {
                    assert!(fits);
                    assert_eq!(side.units().map(|units| units.len()), Some(100));
                    assert_eq!(memory.size(), needed);
                }
                Err(error) => {
                    assert!(!fits);
                    assert!(
                        matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)),
                        "{error}"
                    );
                    assert_eq!(memory.size(), 0);
                }
            }
        }
    }

    #[test]
    fn rows_of_later_batches_count_on_and_a_known_size_is_reserved_once() {
        let vectors = hundred_vectors();
        let memory = memory(usize::MAX);
        let mut side = SideVectors::new(Some(300));
        for _ in 0..3 {
            side.add(&vectors, 0..100, &memory).unwrap();
            assert_eq!(memory.size(), 300 * VECTOR_BYTES);
        }
        let units = side.units().unwrap();
        assert_eq!(units.rows(), (0..300).collect::<Vec<u32>>());
        assert_eq!(units.vector(7), units.vector(207));
    }
}
