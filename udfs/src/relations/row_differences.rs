//! Differences of rows with the same key.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::Int64Type;
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::internal_err;
use datafusion::error::Result;

use super::difference_rows::DifferenceRows;
use super::exec::{OperationContext, TableOperation};

/// Name of the table function.
pub const CATALOGUE_DIFF: &str = "catalogue_diff";

/// Column of the input: copies of the row in the new table, less those in the old table.
pub const COPIES: &str = "__copies";

/// Keys between two questions whether to cancel.
const CANCEL_INTERVAL: usize = 4_096;

/// Pairs old and new rows by their keys, and lists the columns that differ. The input has
/// the distinct rows that the tables do not have equally often, and [`COPIES`] as its last
/// column.
#[derive(Debug)]
pub struct RowDifferences {
    /// Positions of the key columns.
    pub keys: Vec<usize>,
    /// Position of the column whose changes are moves.
    pub category: Option<usize>,
    /// Names and types of the columns of only one table.
    pub gone_columns: Vec<(String, String)>,
    pub new_columns: Vec<(String, String)>,
}

impl TableOperation for RowDifferences {
    fn name(&self) -> &'static str {
        CATALOGUE_DIFF
    }

    fn display_arguments(&self) -> String {
        let category = self
            .category
            .map(|position| format!(", category={position}"));
        let columns = |columns: &[(String, String)]| {
            let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
            names.join(", ")
        };
        format!(
            "keys={:?}{}, gone=[{}], new=[{}]",
            self.keys,
            category.unwrap_or_default(),
            columns(&self.gone_columns),
            columns(&self.new_columns)
        )
    }

    fn run(
        &self,
        inputs: Vec<RecordBatch>,
        context: &OperationContext,
    ) -> Result<Vec<RecordBatch>> {
        let Some((table, columns)) = inputs.first().and_then(|table| {
            let columns = table.columns().split_last()?.1;
            Some((table, columns))
        }) else {
            return internal_err!("{} has no input", self.name());
        };
        let schema = table.schema();
        let names = schema.fields().iter().map(|field| field.name().as_str());
        let mut output = DifferenceRows::new(columns, names.collect())?;
        output.push_gone_columns(&self.gone_columns);
        output.push_new_columns(&self.new_columns);
        let copies = table.column(columns.len()).as_primitive::<Int64Type>();
        let rows = EncodedRows::new(columns, &self.keys, copies)?;
        let order = rows.sorted();
        let groups = order.chunk_by(|a, b| rows.compare_keys(*a, *b).is_eq());
        for (number, group) in groups.enumerate() {
            if number % CANCEL_INTERVAL == 0 {
                context.check()?;
            }
            let mut old = rows.copies(group, |copies| copies < 0);
            let mut new = rows.copies(group, |copies| copies > 0);
            // Rows without a key are no pairs.
            if !rows.has_key(group[0]) {
                old.by_ref().for_each(|row| output.push_row("gone", row));
            }
            loop {
                match (old.next(), new.next()) {
                    (None, None) => break,
                    (Some(old), None) => output.push_row("gone", old),
                    (None, Some(new)) => output.push_row("new", new),
                    (Some(old), Some(new)) => {
                        for column in rows.differing_columns(old, new) {
                            let change = match self.category == Some(column) {
                                true => "moved",
                                false => "changed",
                            };
                            output.push_change(change, column, old, new)?;
                        }
                    }
                }
            }
        }
        let keys: Vec<&ArrayRef> = self.keys.iter().map(|key| &columns[*key]).collect();
        output.finish(&keys, context)
    }
}

/// Rows whose values are bytes that are equal and sorted as the values.
struct EncodedRows<'a> {
    columns: Vec<Rows>,
    /// Positions of the key columns.
    keys: &'a [usize],
    /// By key column: the rows that are NULL.
    key_nulls: Vec<Option<NullBuffer>>,
    copies: &'a Int64Array,
}

impl<'a> EncodedRows<'a> {
    fn new(columns: &[ArrayRef], keys: &'a [usize], copies: &'a Int64Array) -> Result<Self> {
        let encode = |column: &ArrayRef| -> Result<Rows> {
            let field = SortField::new(column.data_type().clone());
            let converter = RowConverter::new(vec![field])?;
            Ok(converter.convert_columns(std::slice::from_ref(column))?)
        };
        let key_nulls = keys.iter().map(|key| columns[*key].logical_nulls());
        Ok(Self {
            columns: columns.iter().map(encode).collect::<Result<_>>()?,
            keys,
            key_nulls: key_nulls.collect(),
            copies,
        })
    }

    /// All rows, sorted by key, then by the other values.
    fn sorted(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.copies.len()).collect();
        order.sort_unstable_by(|a, b| {
            let by_value = || compare(self.columns.iter(), *a, *b);
            self.compare_keys(*a, *b).then_with(by_value)
        });
        order
    }

    fn compare_keys(&self, a: usize, b: usize) -> Ordering {
        compare(self.keys.iter().map(|key| &self.columns[*key]), a, b)
    }

    /// Whether no part of the key of a row is NULL.
    fn has_key(&self, row: usize) -> bool {
        let mut nulls = self.key_nulls.iter().flatten();
        !nulls.any(|nulls| nulls.is_null(row))
    }

    /// The rows of a group whose number of copies fits, each as often as it has copies.
    fn copies(&self, group: &[usize], fits: impl Fn(i64) -> bool) -> impl Iterator<Item = usize> {
        let rows = group.iter().map(|row| (*row, self.copies.value(*row)));
        let rows = rows.filter(move |(_, copies)| fits(*copies));
        rows.flat_map(|(row, copies)| std::iter::repeat_n(row, copies.unsigned_abs() as usize))
    }

    fn differing_columns(&self, old: usize, new: usize) -> impl Iterator<Item = usize> {
        let columns = self.columns.iter().enumerate();
        let differing = columns.filter(move |(_, rows)| rows.row(old) != rows.row(new));
        differing.map(|(position, _)| position)
    }
}

/// Order of two rows by columns.
fn compare<'a>(mut columns: impl Iterator<Item = &'a Rows>, a: usize, b: usize) -> Ordering {
    let differing = columns.find(|rows| rows.row(a) != rows.row(b));
    differing.map_or(Ordering::Equal, |rows| rows.row(a).cmp(&rows.row(b)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, StringArray};

    use super::*;

    #[test]
    fn rows_are_sorted_by_key_and_compared_by_value() {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Float64Array::from(vec![2.0, 1.0, 2.0])),
            Arc::new(StringArray::from(vec![Some("b"), None, Some("a")])),
        ];
        let copies = Int64Array::from(vec![2, -1, -3]);
        let rows = EncodedRows::new(&columns, &[1], &copies).unwrap();
        assert_eq!(rows.sorted(), [1, 2, 0]);
        assert!(!rows.has_key(1) && rows.has_key(2));
        assert!(rows.differing_columns(0, 2).eq([1]));
        assert!(rows.differing_columns(0, 1).eq([0, 1]));
        assert!(
            rows.copies(&[0, 1, 2], |copies| copies < 0)
                .eq([1, 2, 2, 2])
        );
        assert!(rows.copies(&[0, 1, 2], |copies| copies > 0).eq([0, 0]));
    }
}
