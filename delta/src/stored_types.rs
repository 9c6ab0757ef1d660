//! Types that tables of Delta Lake hold.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use semql::{Result, ShellError};

/// Name of the items of a list.
const ITEM: &str = "element";

/// Prefixes of metadata that belong to the files or the table that a column came from.
const FOREIGN_METADATA: &[&str] = &["PARQUET:", "parquet.", "delta."];

/// Columns as a table holds them: without views, dictionaries, unsigned numbers and lists
/// of a fixed size. Their metadata is kept.
///
/// # Errors
/// A column of a type that no table holds.
pub fn stored_schema(engine: &Schema) -> Result<SchemaRef> {
    let fields = engine.fields().iter().map(|field| {
        let stored = stored_type(field.data_type()).ok_or_else(|| {
            ShellError::query(format!(
                "the column '{}' of type {} cannot be written to a table of Delta Lake; cast it to text",
                field.name(),
                field.data_type()
            ))
        })?;
        let metadata = field.metadata().iter().filter(|(key, _)| is_own(key));
        let metadata: HashMap<String, String> = metadata
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        Ok(Field::new(field.name(), stored, true).with_metadata(metadata))
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?)))
}

/// The same columns without metadata.
pub fn without_metadata(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter();
    let fields = fields.map(|field| field.as_ref().clone().with_metadata(HashMap::new()));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn is_own(key: &str) -> bool {
    !FOREIGN_METADATA
        .iter()
        .any(|prefix| key.starts_with(prefix))
}

fn stored_type(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 | DataType::Null => {
            DataType::Utf8
        }
        DataType::Binary
        | DataType::BinaryView
        | DataType::LargeBinary
        | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        // Values from 2^63 on are an error of the cast.
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Boolean
        | DataType::Date32 => data_type.clone(),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
            if *scale >= 0 =>
        {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Date64 | DataType::Timestamp(_, None) => {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        }
        DataType::Timestamp(_, Some(_)) => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
        DataType::Dictionary(_, values) => stored_type(values)?,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => {
            let item = Field::new(ITEM, stored_type(item.data_type())?, true);
            DataType::List(Arc::new(item))
        }
        DataType::Struct(fields) => DataType::Struct(stored_fields(fields)?),
        _ => return None,
    })
}

fn stored_fields(fields: &Fields) -> Option<Fields> {
    let fields = fields.iter().map(|field| {
        Some(Field::new(
            field.name(),
            stored_type(field.data_type())?,
            true,
        ))
    });
    fields.collect::<Option<Vec<Field>>>().map(Fields::from)
}

/// Casts the columns of a batch to those of `schema`, by position.
///
/// # Errors
/// Values that do not fit.
pub fn cast_columns(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let exact = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let cast =
        |(column, field): (&ArrayRef, &FieldRef)| match column.data_type() == field.data_type() {
            true => Ok(Arc::clone(column)),
            false => cast_with_options(column, field.data_type(), &exact),
        };
    let columns = batch.columns().iter().zip(schema.fields()).map(cast);
    let columns = columns.collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_become_lists_and_keep_their_model() {
        let item = Arc::new(Field::new("item", DataType::Float32, false));
        let model = HashMap::from([
            ("semql.model".to_string(), "m".to_string()),
            ("PARQUET:field_id".to_string(), "3".to_string()),
        ]);
        let vector = Field::new("v", DataType::FixedSizeList(item, 3), false).with_metadata(model);
        let stored = stored_schema(&Schema::new(vec![vector])).unwrap();
        let field = stored.field(0);
        let item = Arc::new(Field::new(ITEM, DataType::Float32, true));
        assert_eq!(field.data_type(), &DataType::List(item));
        assert_eq!(field.metadata().len(), 1);
        assert_eq!(field.metadata()["semql.model"], "m");
    }

    #[test]
    fn types_outside_of_delta_are_errors_that_name_the_column() {
        let field = Field::new("duration", DataType::Duration(TimeUnit::Second), true);
        let error = stored_schema(&Schema::new(vec![field])).unwrap_err();
        assert!(error.message.contains("'duration'"), "{error}");
    }
}
