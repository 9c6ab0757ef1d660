//! Types of drivers and of the engine.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;

use crate::error::{DatabaseError, Result};

/// Key of the metadata that names a type outside of Arrow.
const EXTENSION_METADATA: &str = "ARROW:extension:metadata";

/// A decimal number of any precision, as PostgreSQL's driver names it.
const NUMERIC: &str = "\"numeric\"";

/// Columns as the engine sees them: decimal numbers of any precision, which drivers give
/// as text, are 64-bit floats; other types outside of Arrow stay text or bytes.
pub fn engine_schema(driver: &Schema) -> SchemaRef {
    let field = |field: &FieldRef| {
        let data_type = match is_numeric(field) {
            true => DataType::Float64,
            false => field.data_type().clone(),
        };
        Field::new(field.name(), data_type, true)
    };
    Arc::new(Schema::new(
        driver.fields().iter().map(field).collect::<Vec<_>>(),
    ))
}

fn is_numeric(field: &Field) -> bool {
    let metadata = field.metadata().get(EXTENSION_METADATA);
    field.data_type().is_string() && metadata.is_some_and(|name| name.contains(NUMERIC))
}

/// Casts the columns of a driver to those of `schema`, by position.
///
/// # Errors
/// Other columns than the table had when it was opened, or values that do not fit.
pub fn to_engine(
    batch: &RecordBatch,
    schema: &SchemaRef,
) -> std::result::Result<RecordBatch, ArrowError> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    if schema.fields().is_empty() {
        return RecordBatch::try_new_with_options(Arc::clone(schema), Vec::new(), &options);
    }
    if batch.num_columns() != schema.fields().len() {
        return Err(ArrowError::SchemaError(
            "the columns of the table have changed since it was opened".to_string(),
        ));
    }
    cast_columns(batch, schema)
}

/// Casts the columns of a batch to those of `schema`, by position.
///
/// # Errors
/// Values that do not fit.
pub fn cast_columns(
    batch: &RecordBatch,
    schema: &SchemaRef,
) -> std::result::Result<RecordBatch, ArrowError> {
    let exact = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(
        |(column, field)| match column.data_type() == field.data_type() {
            true => Ok(Arc::clone(column)),
            false => cast_with_options(column, field.data_type(), &exact),
        },
    );
    let columns = columns.collect::<std::result::Result<Vec<ArrayRef>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

/// Columns as drivers take them: views, dictionaries and unsigned numbers are replaced.
///
/// # Errors
/// A column with fields, or another type that no table column holds.
pub fn stored_schema(engine: &Schema) -> Result<SchemaRef> {
    let fields = engine.fields().iter().map(|field| {
        let stored = stored_type(field.data_type()).ok_or_else(|| {
            DatabaseError::Type(format!(
                "the column '{}' of type {} cannot be written to a database; select its fields, \
                 or cast it to text",
                field.name(),
                field.data_type()
            ))
        })?;
        Ok(Field::new(field.name(), stored, true))
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?)))
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
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => DataType::Int16,
        DataType::UInt16 | DataType::Int32 => DataType::Int32,
        // Values from 2^63 on are an error of the cast.
        DataType::UInt32 | DataType::UInt64 | DataType::Int64 => DataType::Int64,
        DataType::Float16 | DataType::Float32 => DataType::Float32,
        DataType::Float64
        | DataType::Boolean
        | DataType::Date32
        | DataType::Time64(_)
        | DataType::Timestamp(_, _)
        | DataType::Duration(_)
        | DataType::Interval(_)
        | DataType::Decimal128(_, _) => data_type.clone(),
        DataType::Date64 => DataType::Date32,
        DataType::Dictionary(_, value) => stored_type(value)?,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            let item_type = stored_type(item.data_type())?;
            if item_type.is_nested() {
                return None;
            }
            DataType::List(Arc::new(Field::new_list_field(item_type, true)))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, StringArray, UInt64Array};
    use arrow::datatypes::Float64Type;

    #[test]
    fn numeric_texts_become_floats() {
        let metadata = [(
            EXTENSION_METADATA.to_string(),
            r#"{"type_name": "numeric"}"#.to_string(),
        )];
        let price = Field::new("price", DataType::Utf8, true).with_metadata(metadata.into());
        let schema = engine_schema(&Schema::new(vec![price]));
        assert_eq!(schema.field(0).data_type(), &DataType::Float64);
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("1.5"), None, Some("NaN")]));
        let batch = RecordBatch::try_from_iter([("price", texts)]).unwrap();
        let floats = to_engine(&batch, &schema).unwrap();
        let floats = floats.column(0).as_primitive::<Float64Type>();
        assert_eq!(floats.value(0), 1.5);
        assert!(floats.value(2).is_nan());
    }

    #[test]
    fn unsigned_numbers_that_do_not_fit_are_errors() {
        let numbers: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let schema = stored_schema(&batch.schema()).unwrap();
        assert!(cast_columns(&batch, &schema).is_err());
    }

    #[test]
    fn structs_are_not_stored() {
        let fields = vec![Field::new("a", DataType::Int32, true)];
        let field = Field::new("s", DataType::Struct(fields.into()), true);
        let error = stored_schema(&Schema::new(vec![field])).unwrap_err();
        assert!(error.to_string().contains("'s'"), "{error}");
    }
}
