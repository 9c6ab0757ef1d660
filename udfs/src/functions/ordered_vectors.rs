//! A column of vectors in an order that is independent of the order of rows.

use std::cmp::Ordering;

use arrow::array::ArrayRef;
use arrow::datatypes::Float32Type;
use datafusion::common::exec_err;
use datafusion::error::{DataFusionError, Result};

use super::vectors::{RowVector, Vectors};

/// The vectors of a column, which is read part by part.
pub struct VectorRows {
    /// The function that reads them, which errors name.
    function: String,
    /// Rows of the column, if known: their memory is allocated once.
    expected: usize,
    /// Values of one vector; `None` before the first.
    dims: Option<usize>,
    values: Vec<f32>,
    /// Position of the vector of each row; `None` for NULL.
    row_vectors: Vec<Option<usize>>,
}

impl VectorRows {
    pub fn new(function: &str, expected: Option<usize>) -> Self {
        Self {
            function: function.to_string(),
            expected: expected.unwrap_or(0),
            dims: None,
            values: Vec::new(),
            row_vectors: Vec::new(),
        }
    }

    /// Adds the rows of a part of the column. `reserve` is called with the bytes of an
    /// allocation before it.
    ///
    /// # Errors
    /// Vectors of different lengths, or with values that are NULL, NaN or infinite; those
    /// of `reserve`.
    pub fn append(
        &mut self,
        column: &ArrayRef,
        reserve: &dyn Fn(usize) -> Result<()>,
    ) -> Result<()> {
        let column = FiniteVectors::new(column)?;
        for row in 0..column.len() {
            let vector = column.vector(row, &mut self.dims);
            let number = self.row_vectors.len();
            let vector = match vector {
                Ok(Some(vector)) => vector,
                Ok(None) => {
                    self.row_vectors.push(None);
                    continue;
                }
                Err(error) => {
                    let function = &self.function;
                    return exec_err!("{function}: the vector of row {} {error}", number + 1);
                }
            };
            if self.values.capacity() - self.values.len() < vector.len() {
                let rows = (number + column.len() - row).max(self.expected);
                let needed = rows.saturating_mul(vector.len());
                let capacity = needed.max(self.values.capacity().saturating_mul(2));
                let growth = capacity - self.values.capacity();
                reserve(growth.saturating_mul(size_of::<f32>()))?;
                let allocated = self.values.try_reserve_exact(capacity - self.values.len());
                allocated.map_err(|e| DataFusionError::ResourcesExhausted(e.to_string()))?;
            }
            self.row_vectors
                .push(Some(self.values.len() / vector.len()));
            self.values
                .extend(vector.iter().map(|value| without_sign_of_zero(*value)));
        }
        Ok(())
    }

    /// Allocated bytes of the values.
    pub fn size(&self) -> usize {
        self.values.capacity() * size_of::<f32>()
    }

    /// The vectors in the order of their values, then of their rows. Needs no second copy.
    pub fn sorted(self) -> OrderedVectors {
        let dims = self.dims.unwrap_or(0);
        let (mut values, mut row_vectors) = (self.values, self.row_vectors);
        let vector = |at: usize| &values[at * dims..][..dims];
        let count = values.len().checked_div(dims).unwrap_or(0);
        // A copy of the first value avoids most reads of vectors during the sort.
        let mut order: Vec<(f32, usize)> = (0..count).map(|at| (vector(at)[0], at)).collect();
        order.sort_unstable_by(|(first, a), (other, b)| {
            let by_values = || compare(vector(*a), vector(*b));
            first.total_cmp(other).then_with(by_values).then(a.cmp(b))
        });
        let order: Vec<usize> = order.into_iter().map(|(_, at)| at).collect();
        let mut positions = vec![0; count];
        for (position, at) in order.iter().enumerate() {
            positions[*at] = position;
        }
        for vector in row_vectors.iter_mut().flatten() {
            *vector = positions[*vector];
        }
        permute(&mut values, dims, order);
        OrderedVectors {
            dims,
            values,
            row_vectors,
        }
    }
}

/// Compares vectors by their values, in order.
fn compare(a: &[f32], b: &[f32]) -> Ordering {
    let mut orders = a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
    orders
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Moves each vector of `values` to the position that has its number in `order`.
fn permute(values: &mut [f32], dims: usize, mut order: Vec<usize>) {
    let mut first = vec![0.0; dims];
    for start in 0..order.len() {
        if order[start] == start {
            continue;
        }
        // One cycle: each vector moves to the place of the one before it.
        first.copy_from_slice(&values[start * dims..][..dims]);
        let mut to = start;
        loop {
            let from = std::mem::replace(&mut order[to], to);
            if from == start {
                break;
            }
            values.copy_within(from * dims..(from + 1) * dims, to * dims);
            to = from;
        }
        values[to * dims..][..dims].copy_from_slice(&first);
    }
}

/// The vectors of a column without NULLs, sorted by their values: results do not
/// depend on the order of rows.
pub struct OrderedVectors {
    /// Values of one vector; 0 without vectors.
    pub dims: usize,
    /// Values of all vectors, concatenated.
    pub values: Vec<f32>,
    /// Position of the vector of each row; `None` for NULL.
    pub row_vectors: Vec<Option<usize>>,
}

impl OrderedVectors {
    /// Reads a column for `function`, which errors name.
    ///
    /// # Errors
    /// Vectors of different lengths, or with values that are NULL, NaN or infinite.
    pub fn from_column(function: &str, column: &ArrayRef) -> Result<Self> {
        let mut rows = VectorRows::new(function, None);
        rows.append(column, &|_| Ok(()))?;
        Ok(rows.sorted())
    }

    /// Number of vectors.
    pub fn count(&self) -> usize {
        self.values.len().checked_div(self.dims).unwrap_or(0)
    }

    /// The distinct vectors, and the position of each vector among them.
    pub fn distinct(&self) -> (Vec<f32>, Vec<usize>) {
        let (mut distinct, mut which) = (Vec::<f32>::new(), Vec::with_capacity(self.count()));
        for vector in self.values.chunks_exact(self.dims.max(1)) {
            let before = distinct.len().saturating_sub(self.dims);
            if distinct[before..] != *vector {
                distinct.extend_from_slice(vector);
            }
            which.push(distinct.len() / self.dims - 1);
        }
        (distinct, which)
    }
}

/// Turns -0 into 0.
fn without_sign_of_zero(value: f32) -> f32 {
    value + 0.0
}

/// A column of Float32 vectors whose values must be finite.
pub struct FiniteVectors(Vectors<Float32Type>);

impl FiniteVectors {
    pub fn new(lists: &ArrayRef) -> Result<Self> {
        Vectors::new(lists).map(Self)
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The vector of a row; `None` for NULL. `dims` is the length of earlier vectors.
    ///
    /// # Errors
    /// Another length, or a value that is NULL, NaN or infinite.
    pub fn vector(&self, row: usize, dims: &mut Option<usize>) -> Result<Option<&[f32]>, String> {
        let vector = match self.0.row(row) {
            RowVector::Null => return Ok(None),
            RowVector::HasNull => {
                let remedy = "filter such rows out, or set the whole vector to NULL";
                return Err(format!("has a value that is NULL; {remedy}"));
            }
            RowVector::Values(vector) => vector,
        };
        if vector.is_empty() {
            return Err("has no values".to_string());
        }
        let expected = *dims.get_or_insert(vector.len());
        if vector.len() != expected {
            return Err(format!(
                "has {} values, and earlier ones have {expected}; all must have the same length",
                vector.len()
            ));
        }
        // A fold without an early return compiles to SIMD instructions.
        if vector
            .iter()
            .fold(true, |all, value| all & value.is_finite())
        {
            return Ok(Some(vector));
        }
        let mut values = vector.iter().enumerate();
        match values.find(|(_, value)| !value.is_finite()) {
            None => Ok(Some(vector)),
            Some((at, value)) => Err(format!(
                "has {value} as its value {}; filter such rows out",
                at + 1
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Array, FixedSizeListArray, ListArray};

    use super::*;

    #[test]
    fn vectors_move_to_their_places() {
        let mut state = 7u64;
        for count in [0, 1, 2, 5, 100] {
            let mut order: Vec<usize> = (0..count).collect();
            for at in (1..count).rev() {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
                order.swap(at, (state >> 33) as usize % (at + 1));
            }
            let mut values: Vec<f32> = (0..count * 3).map(|value| value as f32).collect();
            let expected: Vec<f32> = order
                .iter()
                .flat_map(|at| &values[at * 3..][..3])
                .copied()
                .collect();
            permute(&mut values, 3, order);
            assert_eq!(values, expected);
        }
    }

    #[test]
    fn parts_of_a_column_are_one_column() {
        let rows = |from: i32, to: i32| -> ArrayRef {
            let row = |row: i32| (row % 3 > 0).then(|| vec![Some(-row as f32), Some(0.5)]);
            Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(
                (from..to).map(row),
            ))
        };
        let whole = OrderedVectors::from_column("f", &rows(0, 50)).unwrap();
        let mut parts = VectorRows::new("f", None);
        let reserved = std::cell::Cell::new(0);
        for (from, to) in [(0, 7), (7, 7), (7, 30), (30, 50)] {
            let reserve = |bytes| {
                reserved.set(reserved.get() + bytes);
                Ok(())
            };
            parts.append(&rows(from, to), &reserve).unwrap();
        }
        assert_eq!(reserved.get(), parts.size());
        let parts = parts.sorted();
        assert_eq!(
            (parts.values, parts.row_vectors),
            (whole.values, whole.row_vectors)
        );
        let mut expected = VectorRows::new("f", Some(50));
        expected.append(&rows(0, 7), &|_| Ok(())).unwrap();
        assert_eq!(expected.size(), 50 * 2 * size_of::<f32>());
        let mut bounded = VectorRows::new("f", None);
        assert!(
            bounded
                .append(&rows(0, 50), &|_| exec_err!("no memory"))
                .is_err()
        );
    }

    #[test]
    fn vectors_are_sorted_by_their_values() {
        let rows = vec![
            Some(vec![Some(2.0), Some(1.0)]),
            None,
            Some(vec![Some(-1.0), Some(5.0)]),
            Some(vec![Some(2.0), Some(1.0)]),
        ];
        let lists = ListArray::from_iter_primitive::<Float32Type, _, _>(rows.clone());
        let fixed = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(rows, 2);
        let lists: [ArrayRef; 2] = [Arc::new(lists), Arc::new(fixed)];
        for lists in lists {
            let vectors = OrderedVectors::from_column("f", &lists).unwrap();
            assert_eq!(vectors.values, [-1.0, 5.0, 2.0, 1.0, 2.0, 1.0]);
            assert_eq!(vectors.row_vectors, [Some(1), None, Some(0), Some(2)]);
            assert_eq!(vectors.distinct().1, [0, 1, 1]);
            // A slice has an offset.
            let vectors = OrderedVectors::from_column("f", &lists.slice(2, 1)).unwrap();
            assert_eq!(vectors.values, [-1.0, 5.0]);
        }
    }
}
