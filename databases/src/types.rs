//! Types of drivers and of the engine.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use crate::error::{DatabaseError, Result};

/// Key of the metadata that describes a type outside of Arrow, as JSON.
const EXTENSION_METADATA: &str = "ARROW:extension:metadata";

/// A decimal number of any precision, as PostgreSQL's driver names it.
const NUMERIC: &str = "numeric";

/// Arrow's name of identifiers of 16 bytes.
const UUID: &str = "arrow.uuid";

/// Types of vectors of the extension pgvector that have a cast to `real[]`.
const VECTORS: &[&str] = &["vector", "halfvec"];

/// Column as the engine sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineColumn {
    pub field: Field,
    /// The type that the database casts the values to.
    pub cast: Option<&'static str>,
}

impl EngineColumn {
    /// Column of a driver. Decimal numbers of any precision, which drivers give as text,
    /// are 64-bit floats, and vectors of pgvector lists of 32-bit floats. Other types
    /// outside of Arrow are the text that the database writes for them.
    pub fn of(driver: &Field) -> Self {
        let list = |item| DataType::List(Arc::new(Field::new_list_field(item, true)));
        let given = driver.data_type();
        let (data_type, cast) = match (database_type(driver).as_deref(), given) {
            (Some(NUMERIC), given) if given.is_string() => (DataType::Float64, None),
            (Some(name), DataType::Binary) if VECTORS.contains(&name) => {
                (list(DataType::Float32), Some("real[]"))
            }
            _ if is_foreign(driver) => (DataType::Utf8, Some("text")),
            (_, DataType::List(item)) if is_foreign(item) => (list(DataType::Utf8), Some("text[]")),
            (_, given) => (given.clone(), None),
        };
        Self {
            field: Field::new(driver.name(), data_type, true),
            cast,
        }
    }
}

/// Whether the values are bytes of a type outside of Arrow.
fn is_foreign(field: &Field) -> bool {
    match field.data_type() {
        DataType::Binary => database_type(field).is_some(),
        DataType::FixedSizeBinary(_) => field.extension_type_name() == Some(UUID),
        _ => false,
    }
}

/// The name that PostgreSQL gives a type outside of Arrow.
fn database_type(field: &Field) -> Option<String> {
    let metadata = field.metadata().get(EXTENSION_METADATA)?;
    let described: serde_json::Value = serde_json::from_str(metadata).ok()?;
    described.get("type_name")?.as_str().map(str::to_string)
}

/// Whether the driver adds rows with the columns of `stored` to a table with the columns
/// of `table` as they are. A column that the table lacks is the error of the database.
pub fn appends_directly(stored: &Schema, table: &Schema) -> bool {
    stored.fields().iter().all(|field| {
        let Ok(column) = table.field_with_name(field.name()) else {
            return true;
        };
        match (field.data_type(), column.data_type()) {
            (DataType::Timestamp(_, zone), DataType::Timestamp(_, column_zone)) => {
                zone.is_some() == column_zone.is_some()
            }
            (DataType::Time64(_), DataType::Time64(_)) => true,
            (DataType::Decimal128(_, _), _)
                if database_type(column).as_deref() == Some(NUMERIC) =>
            {
                true
            }
            (given, wanted) => database_type(column).is_none() && given.equals_datatype(wanted),
        }
    })
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

/// Whether a column of a database holds values of the type.
pub fn is_stored(data_type: &DataType) -> bool {
    stored_type(data_type).is_some()
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
    use arrow::datatypes::{Float64Type, TimeUnit};

    #[test]
    fn numeric_texts_become_floats() {
        let price = EngineColumn::of(&named("price", DataType::Utf8, "numeric"));
        assert_eq!(price.field.data_type(), &DataType::Float64);
        let schema = Arc::new(Schema::new(vec![price.field]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("1.5"), None, Some("NaN")]));
        let batch = RecordBatch::try_from_iter([("price", texts)]).unwrap();
        let floats = to_engine(&batch, &schema).unwrap();
        let floats = floats.column(0).as_primitive::<Float64Type>();
        assert_eq!(floats.value(0), 1.5);
        assert!(floats.value(2).is_nan());
    }

    /// Column of a type that PostgreSQL names.
    fn named(column: &str, data_type: DataType, name: &str) -> Field {
        let described = serde_json::json!({"type_name": name, "vendor_name": "PostgreSQL"});
        let metadata = [(EXTENSION_METADATA.to_string(), described.to_string())];
        Field::new(column, data_type, true).with_metadata(metadata.into())
    }

    #[test]
    fn types_outside_of_arrow_are_cast_by_the_database() {
        let list = |item: Field| DataType::List(Arc::new(item));
        let floats = list(Field::new_list_field(DataType::Float32, true));
        let texts = list(Field::new_list_field(DataType::Utf8, true));
        let uuid = Field::new("u", DataType::FixedSizeBinary(16), true)
            .with_metadata([("ARROW:extension:name".to_string(), UUID.to_string())].into());
        let ids = list(uuid.clone());
        for (given, data_type, cast) in [
            (
                named("v", DataType::Binary, "vector"),
                floats.clone(),
                Some("real[]"),
            ),
            (
                named("v", DataType::Binary, "halfvec"),
                floats,
                Some("real[]"),
            ),
            (
                named("n", DataType::Binary, "inet"),
                DataType::Utf8,
                Some("text"),
            ),
            (uuid, DataType::Utf8, Some("text")),
            (Field::new("u", ids, true), texts, Some("text[]")),
            (named("j", DataType::Utf8, "jsonb"), DataType::Utf8, None),
            (
                Field::new("b", DataType::Binary, true),
                DataType::Binary,
                None,
            ),
        ] {
            let read = EngineColumn::of(&given);
            assert_eq!(
                (read.field.data_type(), read.cast),
                (&data_type, cast),
                "{given}"
            );
        }
        let garbage = Field::new("b", DataType::Binary, true)
            .with_metadata([(EXTENSION_METADATA.to_string(), "{".to_string())].into());
        assert_eq!(EngineColumn::of(&garbage).cast, None);
    }

    #[test]
    fn rows_of_other_types_are_not_appended_directly() {
        let one = |field: Field| Schema::new(vec![field]);
        let plain = |data_type: DataType| one(Field::new("c", data_type, true));
        let time = |zone: Option<&str>| {
            plain(DataType::Timestamp(
                TimeUnit::Nanosecond,
                zone.map(Into::into),
            ))
        };
        let second = plain(DataType::Timestamp(TimeUnit::Second, None));
        for (stored, table, direct) in [
            (plain(DataType::Int64), plain(DataType::Int64), true),
            (plain(DataType::Int64), plain(DataType::Int32), false),
            (
                plain(DataType::Utf8),
                one(named("c", DataType::Utf8, "jsonb")),
                false,
            ),
            (
                plain(DataType::Decimal128(9, 2)),
                one(named("c", DataType::Utf8, "numeric")),
                true,
            ),
            (
                plain(DataType::Float64),
                one(named("c", DataType::Utf8, "numeric")),
                false,
            ),
            (second.clone(), time(None), true),
            (second, time(Some("UTC")), false),
            (
                plain(DataType::Int64),
                one(Field::new("d", DataType::Int32, true)),
                true,
            ),
        ] {
            assert_eq!(
                appends_directly(&stored, &table),
                direct,
                "{stored} {table}"
            );
        }
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
