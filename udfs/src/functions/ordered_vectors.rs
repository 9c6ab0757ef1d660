//! A column of vectors as plain numbers.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, Float32Array};
use arrow::datatypes::{DataType, Float32Type};
use datafusion::common::{exec_err, internal_err};
use datafusion::error::Result;

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
        let mut rows: Vec<(usize, &[f32])> = Vec::with_capacity(column.len());
        for row in 0..column.len() {
            match column.vector(row, &mut dims) {
                Ok(vector) => rows.extend(vector.map(|vector| (row, vector))),
                Err(why) => return exec_err!("{function}: the vector of row {} {why}", row + 1),
            }
        }
        rows.sort_unstable_by(|(row, a), (other, b)| {
            let mut orders = a
                .iter()
                .zip(*b)
                .map(|(a, b)| plain(*a).total_cmp(&plain(*b)));
            let unlike = orders.find(|order| order.is_ne());
            unlike.unwrap_or_else(|| row.cmp(other))
        });
        let mut of_rows = vec![None; column.len()];
        for (number, (row, _)) in rows.iter().enumerate() {
            of_rows[*row] = Some(number);
        }
        let vectors = rows.iter().flat_map(|(_, vector)| *vector);
        Ok(Self {
            dims: dims.unwrap_or(0),
            values: vectors.map(|value| plain(*value)).collect(),
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

/// A column of lists of Float32.
pub struct Column<'a> {
    lists: &'a ArrayRef,
    values: &'a Float32Array,
}

impl<'a> Column<'a> {
    pub fn new(lists: &'a ArrayRef) -> Result<Self> {
        let values = match lists.data_type() {
            DataType::List(_) => lists.as_list::<i32>().values(),
            DataType::LargeList(_) => lists.as_list::<i64>().values(),
            DataType::FixedSizeList(..) => lists.as_fixed_size_list().values(),
            other => return internal_err!("vectors of type {other} were not coerced"),
        };
        match values.as_primitive_opt::<Float32Type>() {
            Some(values) => Ok(Self { lists, values }),
            None => internal_err!("vectors of {} were not coerced", values.data_type()),
        }
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.lists.len()
    }

    /// Where the values of a row are.
    fn range(&self, row: usize) -> Range<usize> {
        match self.lists.data_type() {
            DataType::List(_) => {
                let offsets = self.lists.as_list::<i32>().value_offsets();
                offsets[row] as usize..offsets[row + 1] as usize
            }
            DataType::LargeList(_) => {
                let offsets = self.lists.as_list::<i64>().value_offsets();
                offsets[row] as usize..offsets[row + 1] as usize
            }
            _ => {
                let list = self.lists.as_fixed_size_list();
                let first = list.value_offset(row) as usize;
                first..first + list.value_length() as usize
            }
        }
    }

    /// The vector of a row, or `None` for NULL; `dims` is how many values the
    /// vectors before it have, if there are any.
    ///
    /// # Errors
    /// What is wrong with it: another length, or a value that is NULL, NaN or
    /// infinite.
    pub fn vector(
        &self,
        row: usize,
        dims: &mut Option<usize>,
    ) -> Result<Option<&'a [f32]>, String> {
        if self.lists.is_null(row) {
            return Ok(None);
        }
        let range = self.range(row);
        if range.is_empty() {
            return Err("has no values".to_string());
        }
        let wanted = *dims.get_or_insert(range.len());
        if range.len() != wanted {
            return Err(format!(
                "has {} values, and those before it have {wanted}; all have to be equally long",
                range.len()
            ));
        }
        let nulls = self.values.nulls();
        if nulls.is_some_and(|nulls| range.clone().any(|at| nulls.is_null(at))) {
            let remedy = "leave such rows out, or make the whole vector NULL";
            return Err(format!("has a value that is NULL; {remedy}"));
        }
        let vector = &self.values.values()[range];
        match vector.iter().position(|value| !value.is_finite()) {
            None => Ok(Some(vector)),
            Some(at) => Err(format!(
                "has {} as its value {}; leave such rows out",
                vector[at],
                at + 1
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{FixedSizeListArray, ListArray};

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
