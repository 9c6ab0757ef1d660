//! Rows of a query, encoded for a client.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray, make_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::execution::SendableRecordBatchStream;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};
use pgwire::api::portal::Format;
use pgwire::api::results::{FieldInfo, QueryResponse};
use pgwire::error::PgWireResult;
use pgwire::messages::data::DataRow;

use super::errors;
use super::values::{RowEncoder, type_modifier, type_size, wire_type};
use crate::dialect::{ColumnName, client_names};
use crate::error::{Result, ShellError};
use crate::output::value::Cells;

/// Rows of a query, streamed to a client.
pub struct ClientRows {
    schema: SchemaRef,
    batches: Option<BoxStream<'static, PgWireResult<RecordBatch>>>,
    tag: String,
    /// Rows that were read and not fetched yet.
    rest: Option<RecordBatch>,
}

impl ClientRows {
    /// Rows of a stream of the runner. Dropping them ends the query.
    pub fn of(schema: &Schema, batches: SendableRecordBatchStream) -> Self {
        let shown = presentable(schema);
        let batches = batches.map({
            let shown = Arc::clone(&shown);
            move |batch| {
                let batch = batch.map_err(ShellError::from);
                let batch = batch.and_then(|batch| present(&batch, &shown));
                batch.map_err(errors::wire)
            }
        });
        Self::new(shown, batches.boxed())
    }

    /// Rows in memory.
    pub fn ready_made(schema: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        Self::new(schema, stream::iter(batches.into_iter().map(Ok)).boxed())
    }

    fn new(schema: SchemaRef, batches: BoxStream<'static, PgWireResult<RecordBatch>>) -> Self {
        Self {
            schema,
            batches: Some(batches),
            tag: "SELECT".to_string(),
            rest: None,
        }
    }

    /// Sets the command tag that follows the rows.
    pub fn tagged(mut self, tag: &str) -> Self {
        self.tag = tag.to_string();
        self
    }

    /// The rows with the types of Postgres that a statement was described with. Most have
    /// them, and are not touched.
    pub fn described(self, described: &SchemaRef) -> Self {
        let wire_types = |schema: &Schema| -> Vec<_> {
            let fields = schema.fields().iter();
            fields.map(|field| wire_type(field)).collect()
        };
        let has_same_types = |one: &Schema, other: &Schema| {
            let fields = one.fields().iter().zip(other.fields());
            let mut fields = fields.map(|(one, other)| (one.data_type(), other.data_type()));
            one.fields().len() == other.fields().len()
                && fields.all(|(one, other)| one.equals_datatype(other))
        };
        if wire_types(&self.schema) == wire_types(described)
            || !has_same_types(&self.schema, described)
        {
            return self;
        }
        let fields = described.fields().iter();
        let fields = fields.map(|field| field.as_ref().clone().with_nullable(true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let batches = self.batches.map(|batches| {
            let schema = Arc::clone(&schema);
            let batches = batches.map(move |batch| with_schema(&batch?, &schema));
            batches.boxed()
        });
        Self {
            schema,
            batches,
            ..self
        }
    }

    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Fetches the next `count` rows, or all for `None`. After the last row it
    /// gives none.
    ///
    /// # Errors
    /// Those of the query.
    pub async fn fetch(&mut self, count: Option<u64>) -> PgWireResult<FetchedRows> {
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
        Ok(FetchedRows {
            schema: self.schema(),
            batches: fetched,
        })
    }

    /// Response in the formats that the client requested.
    ///
    /// # Errors
    /// As [`fields`].
    pub fn response(self, format: &Format) -> PgWireResult<QueryResponse> {
        let fields = fields(&self.schema, format)?;
        let tag = self.tag.clone();
        let rows = self.into_batches().map({
            let fields = Arc::clone(&fields);
            move |batch| match batch {
                Ok(batch) => encoded(&batch, &fields).boxed(),
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        });
        let mut response = QueryResponse::new(fields, rows.flatten());
        response.set_command_tag(&tag);
        Ok(response)
    }

    /// Batches in order. Dropping them ends the query.
    pub fn into_batches(self) -> BoxStream<'static, PgWireResult<RecordBatch>> {
        let rest = stream::iter(self.rest.map(Ok));
        let batches = self.batches.unwrap_or_else(|| stream::empty().boxed());
        rest.chain(batches).boxed()
    }
}

/// Fetched rows of a cursor.
pub struct FetchedRows {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl FetchedRows {
    pub fn count(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    pub fn into_rows(self) -> ClientRows {
        ClientRows::ready_made(self.schema, self.batches)
    }
}

/// Rows of a batch as messages.
fn encoded(
    batch: &RecordBatch,
    fields: &Arc<Vec<FieldInfo>>,
) -> impl Stream<Item = PgWireResult<DataRow>> + Send + use<> {
    let (encoder, failed) = match RowEncoder::new(batch) {
        Ok(encoder) => (Some(encoder), None),
        Err(error) => (None, Some(Err(errors::wire(error)))),
    };
    let fields = Arc::clone(fields);
    let rows = encoder.into_iter().flat_map(move |encoder| {
        let fields = Arc::clone(&fields);
        let rows = 0..encoder.rows();
        rows.map(move |row| encoder.data_row(row, &fields).map_err(errors::wire))
    });
    stream::iter(failed.into_iter().chain(rows))
}

/// Columns in the types of Postgres.
///
/// # Errors
/// A type that Postgres lacks, which [`presentable`] rules out.
pub fn fields(schema: &Schema, format: &Format) -> PgWireResult<Arc<Vec<FieldInfo>>> {
    let fields = schema.fields().iter().enumerate();
    let fields = fields.map(|(at, field)| {
        let wire = wire_type(field).ok_or_else(errors::internal)?;
        let (size, modifier) = (type_size(&wire), type_modifier(field.data_type()));
        let info = FieldInfo::new(
            field.name().clone(),
            None,
            None,
            wire,
            format.format_for(at),
        );
        Ok(info.with_type_size(size).with_type_modifier(modifier))
    });
    fields.collect::<PgWireResult<Vec<_>>>().map(Arc::new)
}

/// Gives columns the names that they have in Postgres.
pub fn named(schema: &Schema, names: &[ColumnName]) -> Schema {
    let planned: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let names = client_names(names, &planned);
    let fields = schema.fields().iter().zip(names);
    let fields = fields.map(|(field, name)| field.as_ref().clone().with_name(name));
    Schema::new(fields.collect::<Vec<_>>())
}

/// Replaces types that Postgres lacks with text.
pub fn presentable(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match wire_type(field) {
        Some(_) => Arc::clone(field),
        None => Arc::new(Field::new(field.name(), DataType::Utf8, true)),
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
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    // The plan may mark a column as not null although it gives NULL.
    let fields = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_nullable(true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    Ok(RecordBatch::try_new_with_options(schema, columns, &rows)?)
}

/// The columns with other fields of the same types.
fn with_schema(batch: &RecordBatch, schema: &SchemaRef) -> PgWireResult<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| {
        let data = column.to_data().into_builder();
        let data = data.data_type(field.data_type().clone()).build()?;
        Ok(make_array(data))
    });
    let described = || -> std::result::Result<RecordBatch, ArrowError> {
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = columns.collect::<std::result::Result<Vec<_>, ArrowError>>()?;
        RecordBatch::try_new_with_options(Arc::clone(schema), columns, &rows)
    };
    described().map_err(|error| errors::wire(ShellError::from(error)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, MapBuilder, StringBuilder};
    use pgwire::api::Type;

    fn numbers(values: &[i64]) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
        RecordBatch::try_from_iter([("n", column)]).unwrap()
    }

    #[tokio::test]
    async fn rows_are_fetched_across_batches() {
        let batches = vec![numbers(&[1, 2, 3]), numbers(&[4, 5])];
        let mut rows = ClientRows::ready_made(batches[0].schema(), batches);
        let mut counts = Vec::new();
        for wanted in [Some(2), Some(2), Some(10), Some(1), None] {
            counts.push(rows.fetch(wanted).await.unwrap().count());
        }
        assert_eq!(counts, [2, 2, 1, 0, 0]);
    }

    #[test]
    fn types_that_postgres_lacks_are_text() {
        let mut builder = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
        builder.keys().append_value("a");
        builder.values().append_value("b");
        builder.append(true).unwrap();
        builder.append(false).unwrap();
        let column: ArrayRef = Arc::new(builder.finish());
        let batch = RecordBatch::try_from_iter([("m", column)]).unwrap();
        let schema = presentable(&batch.schema());
        let shown = present(&batch, &schema).unwrap();
        let fields = fields(&shown.schema(), &Format::UnifiedText).unwrap();
        assert_eq!(fields[0].datatype(), &Type::TEXT);
        assert_eq!(shown.column(0).null_count(), 1);
    }
}
