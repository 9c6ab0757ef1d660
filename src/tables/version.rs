//! Immutable version of a table's rows. A row's id is its position in the version.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use arrow::compute::{concat_batches, interleave_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

/// Name of the column with the ids of rows.
pub const ROW_ID: &str = "\u{1}row_id";

/// Batches below this number of rows are merged with the rows that follow.
const MIN_BATCH_ROWS: usize = 8192;

static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

/// Rows of a table, in partitions, with a number that no other version has.
#[derive(Debug)]
pub struct TableVersion {
    pub number: u64,
    partitions: Vec<Vec<RecordBatch>>,
}

impl TableVersion {
    /// Version with these rows. Batches have the schema of the table.
    pub fn new(mut partitions: Vec<Vec<RecordBatch>>) -> Self {
        for batches in &mut partitions {
            batches.retain(|batch| batch.num_rows() > 0);
        }
        if partitions.is_empty() {
            partitions.push(Vec::new());
        }
        Self {
            number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
            partitions,
        }
    }

    /// Version without rows.
    pub fn empty() -> Self {
        Self::new(Vec::new())
    }

    /// At least one partition.
    pub fn partitions(&self) -> &[Vec<RecordBatch>] {
        &self.partitions
    }

    /// Batches in the order of row ids.
    pub fn batches(&self) -> impl Iterator<Item = &RecordBatch> {
        self.partitions.iter().flatten()
    }

    pub fn row_count(&self) -> usize {
        self.batches().map(RecordBatch::num_rows).sum()
    }

    /// Version with further rows behind the last row. Row ids stay the same.
    ///
    /// # Errors
    /// Rows with another schema.
    pub fn appended(&self, rows: &RecordBatch) -> Result<Self, ArrowError> {
        let mut partitions = self.partitions.clone();
        if let Some(last) = partitions.last_mut() {
            match last.pop() {
                Some(before) if before.num_rows() < MIN_BATCH_ROWS => {
                    last.push(concat_batches(&rows.schema(), [&before, rows])?);
                }
                before => {
                    last.extend(before);
                    last.push(rows.clone());
                }
            }
        }
        Ok(Self::new(partitions))
    }

    /// Version without the rows `removed`, and with row `n` of `rows` in place of
    /// the rows that `updated` maps to `n`.
    ///
    /// # Errors
    /// Rows with another schema.
    pub fn rewritten(
        &self,
        removed: &HashSet<u64>,
        updated: &HashMap<u64, usize>,
        rows: &RecordBatch,
    ) -> Result<Self, ArrowError> {
        let mut next = 0;
        let mut rewrite = |batch: &RecordBatch| {
            let first: u64 = next;
            next += batch.num_rows() as u64;
            let is_changed = |id: &u64| removed.contains(id) || updated.contains_key(id);
            if !(first..next).any(|id| is_changed(&id)) {
                return Ok(batch.clone());
            }
            let mut indices = Vec::with_capacity(batch.num_rows());
            for (at, id) in (first..next).enumerate() {
                match updated.get(&id) {
                    _ if removed.contains(&id) => {}
                    Some(new) => indices.push((1, *new)),
                    None => indices.push((0, at)),
                }
            }
            interleave_record_batch(&[batch, rows], &indices)
        };
        let mut partitions = Vec::with_capacity(self.partitions.len());
        for batches in &self.partitions {
            let batches: Result<Vec<_>, _> = batches.iter().map(&mut rewrite).collect();
            partitions.push(batches?);
        }
        Ok(Self::new(partitions))
    }

    /// Rows with these ids, in their order. Ids outside of the version are left out.
    ///
    /// # Errors
    /// Rows with another schema.
    pub fn rows(&self, schema: &SchemaRef, ids: &[u64]) -> Result<RecordBatch, ArrowError> {
        let batches: Vec<&RecordBatch> = self.batches().collect();
        let mut starts = Vec::with_capacity(batches.len());
        let mut next = 0;
        for batch in &batches {
            starts.push(next);
            next += batch.num_rows() as u64;
        }
        let position = |id: &u64| {
            let batch = starts.partition_point(|start| start <= id) - 1;
            usize::try_from(id - starts[batch]).map(|row| (batch, row))
        };
        let found = ids.iter().filter(|id| **id < next).map(position);
        let indices: Vec<(usize, usize)> = found.flatten().collect();
        match indices.is_empty() {
            true => Ok(RecordBatch::new_empty(Arc::clone(schema))),
            false => interleave_record_batch(&batches, &indices),
        }
    }

    /// Partitions with a further column, the ids of the rows.
    ///
    /// # Errors
    /// A schema without [`ROW_ID`] as its last column.
    pub fn with_row_ids(&self, schema: &SchemaRef) -> Result<Vec<Vec<RecordBatch>>, ArrowError> {
        let mut next = 0;
        let mut add = |batch: &RecordBatch| {
            let first: u64 = next;
            next += batch.num_rows() as u64;
            let ids: ArrayRef = Arc::new(UInt64Array::from_iter_values(first..next));
            let mut columns = batch.columns().to_vec();
            columns.push(ids);
            RecordBatch::try_new(Arc::clone(schema), columns)
        };
        let mut partitions = Vec::with_capacity(self.partitions.len());
        for batches in &self.partitions {
            let batches: Result<Vec<_>, _> = batches.iter().map(&mut add).collect();
            partitions.push(batches?);
        }
        Ok(partitions)
    }
}

/// Schema of a table with the ids of its rows as the last column.
pub fn schema_with_row_ids(schema: &Schema) -> SchemaRef {
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(ROW_ID, DataType::UInt64, false)));
    Arc::new(Schema::new(fields))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::Int64Type;

    fn batch(values: &[i64]) -> RecordBatch {
        let schema = Schema::new(vec![Field::new("a", DataType::Int64, true)]);
        let column: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
        RecordBatch::try_new(Arc::new(schema), vec![column]).unwrap()
    }

    fn values(version: &TableVersion) -> Vec<i64> {
        let columns = version.batches().map(|batch| batch.column(0));
        let columns = columns.map(|column| column.as_primitive::<Int64Type>().values().to_vec());
        columns.flatten().collect()
    }

    #[test]
    fn appended_rows_are_the_last_ones() {
        let version = TableVersion::new(vec![vec![batch(&[1, 2])], vec![batch(&[3])]]);
        let next = version.appended(&batch(&[4, 5])).unwrap();
        assert_eq!(values(&next), [1, 2, 3, 4, 5]);
        assert_eq!(values(&version), [1, 2, 3]);
        assert_ne!(next.number, version.number);
        let first = TableVersion::empty().appended(&batch(&[7])).unwrap();
        assert_eq!(values(&first), [7]);
    }

    #[test]
    fn rewriting_keeps_the_order_of_other_rows() {
        let version = TableVersion::new(vec![vec![batch(&[1, 2]), batch(&[3, 4])]]);
        let removed = HashSet::from([0, 3]);
        let updated = HashMap::from([(2, 1)]);
        let next = version.rewritten(&removed, &updated, &batch(&[8, 9]));
        assert_eq!(values(&next.unwrap()), [2, 9]);
    }

    #[test]
    fn ids_outside_of_the_version_are_left_out() {
        let version = TableVersion::new(vec![vec![batch(&[1, 2]), batch(&[3])]]);
        let schema = batch(&[]).schema();
        let rows = version.rows(&schema, &[2, 0, 9]).unwrap();
        assert_eq!(rows.column(0).as_primitive::<Int64Type>().values(), &[3, 1]);
        let none = TableVersion::empty().rows(&schema, &[0]).unwrap();
        assert_eq!(none.num_rows(), 0);
    }
}
