//! The vectors of the rows, and their nearest neighbours.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type};
use semql_udfs::vector::{NeighbourLimit, UnitVectors, normalize, pairs};

use crate::error::{Result, ShellError};

/// Row with its cosine similarity.
pub type ScoredRow = (u32, f32);

/// Vectors of unit length, one per row.
pub struct RowVectors {
    dims: usize,
    values: Vec<f32>,
}

impl RowVectors {
    /// Reads a column of lists of floats.
    ///
    /// # Errors
    /// If vectors are missing or of different lengths.
    pub fn of(column: &ArrayRef) -> Result<Self> {
        if !column.data_type().is_nested() {
            let other = column.data_type();
            return Err(ShellError::query(format!(
                "a vector must be a list of numbers, not {other}"
            )));
        }
        let lists = cast(column, &DataType::new_list(DataType::Float32, true))?;
        let lists = lists.as_list::<i32>();
        let dims = if lists.is_empty() {
            0
        } else {
            lists.value_length(0) as usize
        };
        let mut values = Vec::with_capacity(lists.len() * dims);
        for row in 0..lists.len() {
            let list = lists.value(row);
            if lists.is_null(row) || list.len() != dims || list.null_count() > 0 {
                return Err(ShellError::query(format!(
                    "the vectors have different lengths ({dims} in the first row, {} in another), or contain NULL",
                    list.len()
                )));
            }
            values.extend_from_slice(list.as_primitive::<Float32Type>().values());
        }
        if dims > 0 {
            values.chunks_mut(dims).for_each(normalize);
        }
        Ok(Self { dims, values })
    }

    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.dims).unwrap_or(0)
    }

    pub fn dims(&self) -> usize {
        self.dims
    }

    pub fn row(&self, row: usize) -> Option<&[f32]> {
        (row < self.len()).then(|| &self.values[row * self.dims..(row + 1) * self.dims])
    }

    /// Finds the `k` rows nearest to a vector, best first, without the row `except`.
    pub fn nearest(&self, vector: &[f32], k: usize, except: Option<usize>) -> Vec<ScoredRow> {
        let mut query = UnitVectors::new(self.dims);
        query.push(vector, 0);
        let found = pairs(&query, &self.units(), NeighbourLimit::TopK(k + 1), &|| {
            false
        });
        let others = found.into_iter().flatten();
        let others = others.filter(|pair| except != Some(pair.right as usize));
        others
            .take(k)
            .map(|pair| (pair.right, pair.score))
            .collect()
    }

    /// Finds the `k` nearest other rows of every row, best first.
    pub fn neighbours(&self, k: usize) -> Vec<Vec<ScoredRow>> {
        let units = self.units();
        let found = pairs(&units, &units, NeighbourLimit::TopK(k + 1), &|| false);
        let mut all: Vec<Vec<ScoredRow>> = vec![Vec::new(); self.len()];
        for pair in found.into_iter().flatten() {
            let near = &mut all[pair.left as usize];
            if pair.left != pair.right && near.len() < k {
                near.push((pair.right, pair.score));
            }
        }
        all
    }

    fn units(&self) -> UnitVectors {
        let mut units = UnitVectors::new(self.dims);
        for (row, vector) in self.values.chunks(self.dims.max(1)).enumerate() {
            units.push(vector, row);
        }
        units
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{FixedSizeListArray, Float32Array, Float64Array, ListArray};
    use arrow::datatypes::{Field, Float64Type};

    use super::*;

    fn vectors(dims: i32, values: Vec<f32>) -> RowVectors {
        let item = Arc::new(Field::new_list_field(DataType::Float32, true));
        let values = Arc::new(Float32Array::from(values));
        let column: ArrayRef = Arc::new(FixedSizeListArray::new(item, dims, values, None));
        RowVectors::of(&column).unwrap()
    }

    fn varied_vectors(rows: usize, dims: usize) -> RowVectors {
        let value = |i: usize| ((i * 7919 + i * i * 31) % 1009) as f32 / 500.0 - 1.0;
        vectors(dims as i32, (0..rows * dims).map(value).collect())
    }

    #[test]
    fn batch_search_equals_single_searches() {
        let vectors = varied_vectors(2311, 5);
        let all = vectors.neighbours(4);
        for row in [0, 1, 255, 256, 2048, 2310] {
            let one = vectors.nearest(vectors.row(row).unwrap(), 4, Some(row));
            let cosines = |near: &[ScoredRow]| near.iter().map(|n| n.1).collect::<Vec<_>>();
            for (a, b) in cosines(&all[row]).iter().zip(cosines(&one)) {
                assert!((a - b).abs() < 1e-5, "{row}: {:?} {one:?}", all[row]);
            }
            assert!(all[row].iter().all(|near| near.0 as usize != row));
            assert_eq!(all[row].len(), 4);
        }
    }

    #[test]
    fn nearest_rows_are_first_and_length_is_ignored() {
        let vectors = vectors(2, vec![1.0, 0.0, 10.0, 1.0, 0.0, 3.0, -1.0, 0.0]);
        let near = vectors.nearest(&[1.0, 0.0], 3, Some(0));
        let rows: Vec<u32> = near.iter().map(|near| near.0).collect();
        assert_eq!(rows, [1, 2, 3]);
        assert_eq!(vectors.neighbours(9)[0].len(), 3, "all other rows");
        assert!(vectors.row(4).is_none());
    }

    #[test]
    fn lists_of_doubles_are_read_and_nulls_are_rejected() {
        let list = |rows: Vec<Option<Vec<Option<f64>>>>| -> ArrayRef {
            Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(rows))
        };
        let good = list(vec![Some(vec![Some(3.0), Some(4.0)])]);
        assert_eq!(RowVectors::of(&good).unwrap().row(0).unwrap(), [0.6, 0.8]);
        for bad in [
            vec![Some(vec![Some(1.0)]), Some(vec![Some(1.0), Some(2.0)])],
            vec![Some(vec![Some(1.0)]), None],
            vec![Some(vec![Some(1.0)]), Some(vec![None])],
        ] {
            assert!(RowVectors::of(&list(bad)).is_err());
        }
        let none: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
        assert!(RowVectors::of(&none).is_err());
        assert_eq!(
            RowVectors::of(&list(vec![])).unwrap().neighbours(3).len(),
            0
        );
    }
}
