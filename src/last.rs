//! The last result, kept as the table `_`.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;

use crate::error::Result;

/// The table's name.
pub const NAME: &str = "_";

/// What is kept at most.
const MOST_ROWS: usize = 1_000_000;
const MOST_BYTES: usize = 256 << 20;

/// A result that is coming in.
pub struct Keeping {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    too_large: bool,
}

impl Keeping {
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
        self.too_large |= self.rows > MOST_ROWS || self.bytes > MOST_BYTES;
        if self.too_large {
            self.batches = Vec::new();
        } else {
            self.batches.push(batch.clone());
        }
    }
}

/// The last result, if there is one and it was not too large.
#[derive(Default)]
pub struct Last {
    result: Option<(SchemaRef, Vec<RecordBatch>)>,
    said_too_large: bool,
}

impl Last {
    /// Its schema and rows.
    pub fn result(&self) -> Option<(&SchemaRef, &[RecordBatch])> {
        let (schema, batches) = self.result.as_ref()?;
        Some((schema, batches))
    }

    /// Makes a whole result the last one, and the table `_`. Gives a line to
    /// say where it was too large, the first time.
    ///
    /// # Errors
    /// If the engine refuses the table.
    pub fn replace(&mut self, ctx: &SessionContext, kept: Keeping) -> Result<Option<String>> {
        ctx.deregister_table(NAME)?;
        self.result = None;
        if kept.too_large {
            let first = !self.said_too_large;
            self.said_too_large = true;
            return Ok(first.then(|| {
                format!(
                    "The result is not kept as table _: it has more than {MOST_ROWS} rows or {} MiB.",
                    MOST_BYTES >> 20
                )
            }));
        }
        if kept.schema.fields().is_empty() {
            return Ok(None);
        }
        let schema = distinct_names(&kept.schema);
        let batches = kept
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
        ctx.register_table(NAME, Arc::new(table))?;
        self.result = Some((schema, batches));
        Ok(None)
    }
}

/// A table cannot have two columns of one name, a result can: the second `x`
/// becomes `x_2`. Fields may hold nulls whatever the query promised, since
/// outer joins promise too much at times.
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
    async fn a_result_with_twin_names_becomes_a_table() {
        let ctx = SessionContext::new();
        let mut last = Last::default();
        let mut kept = Keeping::new(batch(0).schema());
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
    async fn a_result_that_is_too_large_takes_the_old_one_away_and_says_so_once() {
        let ctx = SessionContext::new();
        let mut last = Last::default();
        let mut kept = Keeping::new(batch(0).schema());
        kept.add(&batch(3));
        last.replace(&ctx, kept).unwrap();
        let large = || {
            let mut kept = Keeping::new(batch(0).schema());
            kept.add(&batch(MOST_ROWS + 1));
            kept
        };
        assert!(last.replace(&ctx, large()).unwrap().is_some());
        assert!(last.replace(&ctx, large()).unwrap().is_none());
        assert!(last.result().is_none());
        assert!(ctx.sql("SELECT * FROM _").await.is_err());
    }
}
