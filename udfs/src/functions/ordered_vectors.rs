//! A column of vectors in an order that is independent of the order of rows.

use std::cmp::Ordering;

use arrow::array::ArrayRef;
use arrow::datatypes::Float32Type;
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::vectors::{RowVector, Vectors};

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
        let column = FiniteVectors::new(column)?;
        let mut dims = None;
        // A copy of the first value avoids most reads of vectors during the sort.
        let mut rows: Vec<(f32, usize, &[f32])> = Vec::with_capacity(column.len());
        for row in 0..column.len() {
            match column.vector(row, &mut dims) {
                Ok(vector) => {
                    rows.extend(vector.map(|vector| (without_sign_of_zero(vector[0]), row, vector)))
                }
                Err(error) => {
                    return exec_err!("{function}: the vector of row {} {error}", row + 1);
                }
            }
        }
        rows.sort_unstable_by(|(first, row, a), (other_first, other, b)| {
            let mut orders = a
                .iter()
                .zip(*b)
                .map(|(a, b)| without_sign_of_zero(*a).total_cmp(&without_sign_of_zero(*b)));
            let order = first.total_cmp(other_first).then_with(|| {
                orders
                    .find(|order| order.is_ne())
                    .unwrap_or(Ordering::Equal)
            });
            order.then(row.cmp(other))
        });
        let mut row_vectors = vec![None; column.len()];
        let dims = dims.unwrap_or(0);
        let mut values = Vec::with_capacity(rows.len() * dims);
        for (number, (_, row, vector)) in rows.iter().enumerate() {
            row_vectors[*row] = Some(number);
            values.extend(vector.iter().map(|value| without_sign_of_zero(*value)));
        }
        Ok(Self {
            dims,
            values,
            row_vectors,
        })
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
