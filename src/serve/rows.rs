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
use pgwire::error::{PgWireError, PgWireResult};

use super::errors;
use super::stop::Asked;
use crate::error::Result;
use crate::output::value::Cells;
use crate::task::ReadAhead;

pub struct Rows {
    schema: SchemaRef,
    batches: BoxStream<'static, PgWireResult<RecordBatch>>,
    tag: String,
    /// What was read and not yet asked for.
    rest: Option<RecordBatch>,
}

impl Rows {
    /// The rows of a stream, which is read in a task of its own, a little
    /// ahead, until the client wants it to stop or nobody reads any more.
    pub fn of(schema: SchemaRef, from: SendableRecordBatchStream, asked: Asked) -> Self {
        let rows = ReadAhead::of(from);
        let reading = Reading { rows, asked };
        let batches = stream::unfold(Some(reading), Reading::next);
        let shown = presentable(&schema);
        let batches = batches.map({
            let shown = Arc::clone(&shown);
            move |batch| present(&batch?, &shown).map_err(errors::wire)
        });
        Self::new(shown, batches.boxed())
    }

    pub fn ready_made(schema: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        Self::new(schema, stream::iter(batches.into_iter().map(Ok)).boxed())
    }

    fn new(schema: SchemaRef, batches: BoxStream<'static, PgWireResult<RecordBatch>>) -> Self {
        Self {
            schema,
            batches,
            tag: "SELECT".to_string(),
            rest: None,
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

    /// The next `count` rows, or those that are left.
    ///
    /// # Errors
    /// Those of the query; the client's wish to stop.
    pub async fn fetch(&mut self, count: usize, mut asked: Asked) -> PgWireResult<Fetched> {
        let mut fetched = Vec::new();
        let mut wanted = count;
        while wanted > 0 {
            let batch = match self.rest.take() {
                Some(batch) => batch,
                None => tokio::select! {
                    batch = self.batches.try_next() => match batch? {
                        Some(batch) => batch,
                        None => break,
                    },
                    () = asked.asked() => return Err(PgWireError::QueryCanceled),
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
        let rows = self.batches.map({
            let fields = Arc::clone(&fields);
            move |batch| match batch {
                Ok(batch) => stream::iter(encode_recordbatch(Arc::clone(&fields), batch)).boxed(),
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        });
        let mut response = QueryResponse::new(fields, rows.flatten());
        response.set_command_tag(&self.tag);
        Ok(response)
    }

    /// The batches, as they come.
    pub fn into_batches(self) -> BoxStream<'static, PgWireResult<RecordBatch>> {
        self.batches
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

/// A stream that is being read.
struct Reading {
    rows: ReadAhead,
    asked: Asked,
}

impl Reading {
    /// The next batch, and what is left; nothing is left after an error.
    async fn next(reading: Option<Self>) -> Option<(PgWireResult<RecordBatch>, Option<Self>)> {
        let mut reading = reading?;
        let batch = tokio::select! {
            batch = reading.rows.next() => batch,
            () = reading.asked.asked() => return Some((Err(PgWireError::QueryCanceled), None)),
        };
        match batch {
            Ok(Ok(batch)) => Some((Ok(batch?), Some(reading))),
            Ok(Err(error)) => Some((Err(errors::wire(error)), None)),
            // It panicked, and has said so on standard error.
            Err(_) => Some((Err(errors::internal()), None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::stop::Stop;
    use arrow::array::{DurationSecondArray, Int64Array};

    fn numbers(values: &[i64]) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
        RecordBatch::try_from_iter([("n", column)]).unwrap()
    }

    #[tokio::test]
    async fn rows_are_fetched_across_batches() {
        let batches = vec![numbers(&[1, 2, 3]), numbers(&[4, 5])];
        let mut rows = Rows::ready_made(batches[0].schema(), batches);
        let stop = Stop::default();
        let mut counts = Vec::new();
        for wanted in [2, 2, 10, 1] {
            counts.push(rows.fetch(wanted, stop.begin()).await.unwrap().count());
        }
        assert_eq!(counts, [2, 2, 1, 0]);
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
