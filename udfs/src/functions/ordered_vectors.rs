//! A column of vectors as plain numbers.

use std::cmp::Ordering;

use arrow::array::ArrayRef;
use arrow::datatypes::Float32Type;
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::vectors::{Vector, Vectors};

/// The vectors of a column, NULLs left out, in an order that they alone decide:
/// what is made of them does not hang on the order in which rows arrive.
pub struct OrderedVectors {
    /// Values in one; 0 where there is none.
    pub dims: usize,
    /// One after the other.
    pub values: Vec<f32>,
    /// Per row of the column, the number of its vector; `None` for NULL.
    pub of_rows: Vec<Option<usize>>,
}

impl OrderedVectors {
    /// # Errors
    /// Vectors of different lengths, or with values that are NULL, NaN or
    /// infinite; `function` is who wants to know.
    pub fn read(function: &str, column: &ArrayRef) -> Result<Self> {
        let column = Column::new(column)?;
        let mut dims = None;
        // The first value stands beside the vector, which lies somewhere else.
        let mut rows: Vec<(f32, usize, &[f32])> = Vec::with_capacity(column.len());
        for row in 0..column.len() {
            match column.vector(row, &mut dims) {
                Ok(vector) => rows.extend(vector.map(|vector| (plain(vector[0]), row, vector))),
                Err(why) => return exec_err!("{function}: the vector of row {} {why}", row + 1),
            }
        }
        rows.sort_unstable_by(|(first, row, a), (other_first, other, b)| {
            let mut orders = a
                .iter()
                .zip(*b)
                .map(|(a, b)| plain(*a).total_cmp(&plain(*b)));
            let unlike = first.total_cmp(other_first).then_with(|| {
                orders
                    .find(|order| order.is_ne())
                    .unwrap_or(Ordering::Equal)
            });
            unlike.then(row.cmp(other))
        });
        let mut of_rows = vec![None; column.len()];
        let dims = dims.unwrap_or(0);
        let mut values = Vec::with_capacity(rows.len() * dims);
        for (number, (_, row, vector)) in rows.iter().enumerate() {
            of_rows[*row] = Some(number);
            values.extend(vector.iter().map(|value| plain(*value)));
        }
        Ok(Self {
            dims,
            values,
            of_rows,
        })
    }

    /// How many vectors there are.
    pub fn count(&self) -> usize {
        self.values.len().checked_div(self.dims).unwrap_or(0)
    }

    /// The vectors that differ from each other, and per vector which of them it
    /// is.
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

/// 0 has no sign here.
fn plain(value: f32) -> f32 {
    value + 0.0
}

/// A column of lists of Float32, of which no value may be missing.
pub struct Column(Vectors<Float32Type>);

impl Column {
    pub fn new(lists: &ArrayRef) -> Result<Self> {
        Vectors::new(lists).map(Self)
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The vector of a row, or `None` for NULL; `dims` is how many values the
    /// vectors before it have, if there are any.
    ///
    /// # Errors
    /// What is wrong with it: another length, or a value that is NULL, NaN or
    /// infinite.
    pub fn vector(&self, row: usize, dims: &mut Option<usize>) -> Result<Option<&[f32]>, String> {
        let vector = match self.0.vector(row) {
            Vector::Null => return Ok(None),
            Vector::Broken => {
                let remedy = "leave such rows out, or make the whole vector NULL";
                return Err(format!("has a value that is NULL; {remedy}"));
            }
            Vector::Whole(vector) => vector,
        };
        if vector.is_empty() {
            return Err("has no values".to_string());
        }
        let wanted = *dims.get_or_insert(vector.len());
        if vector.len() != wanted {
            return Err(format!(
                "has {} values, and those before it have {wanted}; all have to be equally long",
                vector.len()
            ));
        }
        // Without an early end, many values are looked at in one step.
        if vector
            .iter()
            .fold(true, |all, value| all & value.is_finite())
        {
            return Ok(Some(vector));
        }
        let mut broken = vector.iter().enumerate();
        match broken.find(|(_, value)| !value.is_finite()) {
            None => Ok(Some(vector)),
            Some((at, value)) => Err(format!(
                "has {value} as its value {}; leave such rows out",
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
    fn order_is_that_of_the_vectors() {
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
            let vectors = OrderedVectors::read("f", &lists).unwrap();
            assert_eq!(vectors.values, [-1.0, 5.0, 2.0, 1.0, 2.0, 1.0]);
            assert_eq!(vectors.of_rows, [Some(1), None, Some(0), Some(2)]);
            assert_eq!(vectors.distinct().1, [0, 1, 1]);
            // A slice begins elsewhere.
            let vectors = OrderedVectors::read("f", &lists.slice(2, 1)).unwrap();
            assert_eq!(vectors.values, [-1.0, 5.0]);
        }
    }
}
