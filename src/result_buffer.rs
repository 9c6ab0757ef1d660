//! Buffer of the last result, which is the table `_`.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;

use crate::error::Result;

/// Name of the table.
const TABLE_NAME: &str = "_";

/// Limits of the buffer; a larger result is dropped.
const MAX_ROWS: usize = 1_000_000;
const MAX_BYTES: usize = 256 << 20;

/// Result that is being received.
pub struct ResultBuffer {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    too_large: bool,
}

impl ResultBuffer {
    pub fn new(schema: SchemaRef) -> Self {
        Self {
            schema,
            batches: Vec::new(),
            rows: 0,
            bytes: 0,
            too_large: false,
        }
    }

    pub fn add(&mut self, batch: &RecordBatch) {
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size();
        self.too_large |= self.rows > MAX_ROWS || self.bytes > MAX_BYTES;
        if self.too_large {
            self.batches = Vec::new();
        } else {
            self.batches.push(batch.clone());
        }
    }
}

/// The last result, unless it was too large.
#[derive(Default)]
pub struct LastResult {
    result: Option<(SchemaRef, Vec<RecordBatch>)>,
    reported_too_large: bool,
}

impl LastResult {
    /// Schema and rows.
    pub fn result(&self) -> Option<(&SchemaRef, &[RecordBatch])> {
        let (schema, batches) = self.result.as_ref()?;
        Some((schema, batches))
    }

    /// Makes a complete result the last one, and the table `_`. Returns a notice for
    /// the first result that is too large.
    ///
    /// # Errors
    /// If the engine refuses the table.
    pub fn replace(
        &mut self,
        ctx: &SessionContext,
        buffer: ResultBuffer,
    ) -> Result<Option<String>> {
        ctx.deregister_table(TABLE_NAME)?;
        self.result = None;
        if buffer.too_large {
            let first = !self.reported_too_large;
            self.reported_too_large = true;
            return Ok(first.then(|| {
                format!(
                    "The result is not kept as table _: it has more than {MAX_ROWS} rows or {} MiB.",
                    MAX_BYTES >> 20
                )
            }));
        }
        if buffer.schema.fields().is_empty() {
            return Ok(None);
        }
        let schema = distinct_names(&buffer.schema);
        let batches = buffer
            .batches
            .iter()
            .map(|batch| {
                Ok(RecordBatch::try_new(
                    Arc::clone(&schema),
                    batch.columns().to_vec(),
                )?)
            })
            .collect::<Result<Vec<_>>>()?;
        let table = MemTable::try_new(Arc::clone(&schema), vec![batches.clone()])?;
        ctx.register_table(TABLE_NAME, Arc::new(table))?;
        self.result = Some((schema, batches));
        Ok(None)
    }
}

/// Makes column names unique, as a table requires: the second `x` becomes `x_2`.
/// Fields become nullable, since plans of outer joins mark some as non-nullable.
fn distinct_names(schema: &Schema) -> SchemaRef {
    let mut taken: HashSet<String> = HashSet::new();
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| {
            let mut name = field.name().clone();
            let mut turn = 1;
            while !taken.insert(name.clone()) {
                turn += 1;
                name = format!("{}_{turn}", field.name());
            }
            field.as_ref().clone().with_name(name).with_nullable(true)
        })
        .collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::datatypes::DataType;

    use super::*;

    fn batch(rows: usize) -> RecordBatch {
        let schema = Schema::new(vec![
            Field::new("x", DataType::Int64, false),
            Field::new("x", DataType::Int64, false),
        ]);
        let column = Arc::new(Int64Array::from_iter_values(0..rows as i64));
        RecordBatch::try_new(Arc::new(schema), vec![column.clone(), column]).unwrap()
    }

    #[tokio::test]
    async fn repeated_column_names_become_unique() {
        let ctx = SessionContext::new();
        let mut last = LastResult::default();
        let mut kept = ResultBuffer::new(batch(0).schema());
        kept.add(&batch(3));
        assert_eq!(last.replace(&ctx, kept).unwrap(), None);
        let rows = ctx
            .sql("SELECT x, x_2 FROM _")
            .await
            .unwrap()
            .collect()
            .await
            .unwrap();
        assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 3);
    }

    #[tokio::test]
    async fn a_result_that_is_too_large_removes_the_old_one_with_one_notice() {
        let ctx = SessionContext::new();
        let mut last = LastResult::default();
        let mut kept = ResultBuffer::new(batch(0).schema());
        kept.add(&batch(3));
        last.replace(&ctx, kept).unwrap();
        let large = || {
            let mut kept = ResultBuffer::new(batch(0).schema());
            kept.add(&batch(MAX_ROWS + 1));
            kept
        };
        assert!(last.replace(&ctx, large()).unwrap().is_some());
        assert!(last.replace(&ctx, large()).unwrap().is_none());
        assert!(last.result().is_none());
        assert!(ctx.sql("SELECT * FROM _").await.is_err());
    }
}
