//! Rows on their way to a client.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_pg::datatypes::{arrow_schema_to_pg_fields, encode_recordbatch, field_into_pg_type};
use datafusion::execution::SendableRecordBatchStream;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use pgwire::api::portal::Format;
use pgwire::api::results::{FieldInfo, QueryResponse};
use pgwire::error::PgWireResult;
use tokio_util::sync::DropGuard;

use super::errors;
use crate::error::Result;
use crate::output::value::Cells;
use crate::task::ReadAhead;

pub struct Rows {
    schema: SchemaRef,
    batches: Option<BoxStream<'static, PgWireResult<RecordBatch>>>,
    tag: String,
    /// What was read and not yet asked for.
    rest: Option<RecordBatch>,
    /// Ends models and the like when the rows are dropped.
    work: Option<DropGuard>,
}

impl Rows {
    /// The rows of a stream, which is read in a task of its own, a little
    /// ahead, until these rows are dropped; `work` is cancelled then.
    pub fn of(schema: SchemaRef, from: SendableRecordBatchStream, work: DropGuard) -> Self {
        let batches = stream::unfold(Some(ReadAhead::of(from)), next);
        let shown = presentable(&schema);
        let batches = batches.map({
            let shown = Arc::clone(&shown);
            move |batch| present(&batch?, &shown).map_err(errors::wire)
        });
        Self {
            work: Some(work),
            ..Self::new(shown, batches.boxed())
        }
    }

    pub fn ready_made(schema: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        Self::new(schema, stream::iter(batches.into_iter().map(Ok)).boxed())
    }

    fn new(schema: SchemaRef, batches: BoxStream<'static, PgWireResult<RecordBatch>>) -> Self {
        Self {
            schema,
            batches: Some(batches),
            tag: "SELECT".to_string(),
            rest: None,
            work: None,
        }
    }

    /// The same rows, with the word that the client is told at their end.
    pub fn tagged(mut self, tag: &str) -> Self {
        self.tag = tag.to_string();
        self
    }

    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The next `count` rows, or those that are left; all for `None`. Once there
    /// are none left, further calls give none.
    ///
    /// # Errors
    /// Those of the query.
    pub async fn fetch(&mut self, count: Option<u64>) -> PgWireResult<Fetched> {
        let mut fetched = Vec::new();
        let count = count.map_or(usize::MAX, |count| {
            usize::try_from(count).unwrap_or(usize::MAX)
        });
        let mut wanted = count;
        while wanted > 0 {
            let batch = match (self.rest.take(), &mut self.batches) {
                (Some(batch), _) => batch,
                (None, None) => break,
                (None, Some(batches)) => match batches.try_next().await {
                    Ok(Some(batch)) => batch,
                    Ok(None) => {
                        self.batches = None;
                        break;
                    }
                    Err(error) => {
                        self.batches = None;
                        return Err(error);
                    }
                },
            };
            let taken = wanted.min(batch.num_rows());
            if taken < batch.num_rows() {
                self.rest = Some(batch.slice(taken, batch.num_rows() - taken));
            }
            wanted -= taken;
            fetched.push(batch.slice(0, taken));
        }
        Ok(Fetched {
            schema: self.schema(),
            batches: fetched,
        })
    }

    /// What is sent, in the formats that the client asked for.
    ///
    /// # Errors
    /// If a column has no type that Postgres knows, which [`Rows::of`] has
    /// ruled out.
    pub fn response(self, format: &Format) -> PgWireResult<QueryResponse> {
        let fields = fields(&self.schema, format)?;
        let tag = self.tag.clone();
        let rows = self.into_batches().map({
            let fields = Arc::clone(&fields);
            move |batch| match batch {
                Ok(batch) => stream::iter(encode_recordbatch(Arc::clone(&fields), batch)).boxed(),
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        });
        let mut response = QueryResponse::new(fields, rows.flatten());
        response.set_command_tag(&tag);
        Ok(response)
    }

    /// The batches, in order. The work behind them ends when they are dropped.
    pub fn into_batches(self) -> BoxStream<'static, PgWireResult<RecordBatch>> {
        let work = self.work;
        let rest = stream::iter(self.rest.map(Ok));
        let batches = self.batches.unwrap_or_else(|| stream::empty().boxed());
        rest.chain(batches)
            .inspect(move |_| {
                let _held = &work;
            })
            .boxed()
    }
}

/// Rows that are in memory.
pub struct Fetched {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl Fetched {
    pub fn count(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    pub fn into_rows(self) -> Rows {
        Rows::ready_made(self.schema, self.batches)
    }
}

/// The columns as a client is told of them.
///
/// # Errors
/// See [`Rows::response`].
pub fn fields(schema: &Schema, format: &Format) -> PgWireResult<Arc<Vec<FieldInfo>>> {
    arrow_schema_to_pg_fields(schema, format, None).map(Arc::new)
}

/// The schema with text in place of what Postgres has no type for.
pub fn presentable(schema: &Schema) -> SchemaRef {
    let fields = schema
        .fields()
        .iter()
        .map(|field| match field_into_pg_type(field) {
            Ok(_) => Arc::clone(field),
            Err(_) => Arc::new(Field::new(field.name(), DataType::Utf8, true)),
        });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn present(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(
        |(column, field)| match field.data_type() == column.data_type() {
            true => Ok(Arc::clone(column)),
            false if field.data_type() == &DataType::Utf8 => as_text(column),
            false => Ok(arrow::compute::cast(column, field.data_type())?),
        },
    );
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let rows = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    // What the plan says of a column may be narrower than what it gives.
    let fields = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_nullable(true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    Ok(RecordBatch::try_new_with_options(schema, columns, &rows)?)
}

fn as_text(column: &ArrayRef) -> Result<ArrayRef> {
    let cells = Cells::of(column)?;
    let texts = (0..column.len()).map(|row| {
        if cells.is_null(row) {
            return Ok(None);
        }
        let mut text = String::new();
        cells.write(row, &mut text)?;
        Ok(Some(text))
    });
    Ok(Arc::new(texts.collect::<Result<StringArray>>()?))
}

/// The next batch, and what is left; nothing is left after an error.
async fn next(rows: Option<ReadAhead>) -> Option<(PgWireResult<RecordBatch>, Option<ReadAhead>)> {
    let mut rows = rows?;
    match rows.next().await {
        Ok(Ok(batch)) => Some((Ok(batch?), Some(rows))),
        Ok(Err(error)) => Some((Err(errors::wire(error)), None)),
        // It panicked, and has said so on standard error.
        Err(_) => Some((Err(errors::internal()), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{DurationSecondArray, Int64Array};

    fn numbers(values: &[i64]) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
        RecordBatch::try_from_iter([("n", column)]).unwrap()
    }

    #[tokio::test]
    async fn rows_are_fetched_across_batches() {
        let batches = vec![numbers(&[1, 2, 3]), numbers(&[4, 5])];
        let mut rows = Rows::ready_made(batches[0].schema(), batches);
        let mut counts = Vec::new();
        for wanted in [Some(2), Some(2), Some(10), Some(1), None] {
            counts.push(rows.fetch(wanted).await.unwrap().count());
        }
        assert_eq!(counts, [2, 2, 1, 0, 0]);
    }

    #[test]
    fn what_postgres_has_no_type_for_is_text() {
        let column: ArrayRef = Arc::new(DurationSecondArray::from(vec![Some(60), None]));
        let batch = RecordBatch::try_from_iter([("d", column)]).unwrap();
        let schema = presentable(&batch.schema());
        let shown = present(&batch, &schema).unwrap();
        fields(&shown.schema(), &Format::UnifiedText).unwrap();
        assert_eq!(shown.column(0).null_count(), 1);
    }
}
