//! Columns in the representations that the encoders read. Other types of Arrow are
//! cast into one of them, a batch at a time.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array,
    Decimal256Array, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array,
    IntervalMonthDayNanoArray, ListArray, StringViewArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use pgwire::api::Type;

use super::wire_type::wire_type;
use crate::error::{ErrorKind, Result, ShellError};

/// Values of one column, and the type in which clients get them.
pub struct Column {
    pub wire: Type,
    nulls: Option<NullBuffer>,
    pub values: ColumnValues,
}

/// Values by representation.
pub enum ColumnValues {
    Null,
    Boolean(BooleanArray),
    Int2(Int16Array),
    Int4(Int32Array),
    Int8(Int64Array),
    Float4(Float32Array),
    Float8(Float64Array),
    /// Decimals with their scale.
    Numeric(Decimal128Array, i8),
    LargeNumeric(Decimal256Array, i8),
    Text(StringViewArray),
    Bytes(BinaryViewArray),
    Date(Date32Array),
    Time(Time64MicrosecondArray),
    /// Microseconds, with or without a time zone.
    Timestamp(TimestampMicrosecondArray),
    Interval(IntervalMonthDayNanoArray),
    /// Lists and their elements.
    List(ListArray, Box<Column>),
    /// The fields of records.
    Record(Vec<Column>),
}

impl Column {
    /// Brings a column into the representation of its type.
    ///
    /// # Errors
    /// A type that Postgres lacks; a value beyond the range of the type of Postgres.
    pub fn of(array: &ArrayRef, field: &Field) -> Result<Self> {
        let Some(wire) = wire_type(field) else {
            return Err(ShellError::of_kind(
                ErrorKind::NotSupported,
                format!(
                    "the column {} has the type {}, which Postgres lacks",
                    field.name(),
                    field.data_type()
                ),
            ));
        };
        let array = match representation(array.data_type()) {
            Some(other) => strict_cast(array, &other)?,
            None => Arc::clone(array),
        };
        Ok(Self {
            wire,
            nulls: array.logical_nulls(),
            values: values_of(&array, field)?,
        })
    }

    pub fn is_null(&self, row: usize) -> bool {
        match self.values {
            ColumnValues::Null => true,
            _ => self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)),
        }
    }
}

/// Representation of a type if it is another one.
fn representation(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Int8 | DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary | DataType::FixedSizeBinary(_) => {
            DataType::BinaryView
        }
        DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(TimeUnit::Nanosecond) => {
            DataType::Time64(TimeUnit::Microsecond)
        }
        DataType::Timestamp(unit, zone) if *unit != TimeUnit::Microsecond => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
        }
        DataType::Interval(unit) if *unit != IntervalUnit::MonthDayNano => {
            DataType::Interval(IntervalUnit::MonthDayNano)
        }
        DataType::Duration(_) => DataType::Interval(IntervalUnit::MonthDayNano),
        DataType::Dictionary(_, value) => return plain(value),
        DataType::RunEndEncoded(_, value) => return plain(value.data_type()),
        DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _) => DataType::List(Arc::clone(element)),
        _ => return None,
    })
}

/// The representation of the values of an encoded array.
fn plain(value: &DataType) -> Option<DataType> {
    Some(representation(value).unwrap_or_else(|| value.clone()))
}

fn strict_cast(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    Ok(cast_with_options(array, wanted, &options)?)
}

fn values_of(array: &ArrayRef, field: &Field) -> Result<ColumnValues> {
    use arrow::datatypes::{
        Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type, Int32Type,
        Int64Type, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
    };
    Ok(match array.data_type() {
        DataType::Null => ColumnValues::Null,
        DataType::Boolean => ColumnValues::Boolean(array.as_boolean().clone()),
        DataType::Int16 => ColumnValues::Int2(array.as_primitive::<Int16Type>().clone()),
        DataType::Int32 => ColumnValues::Int4(array.as_primitive::<Int32Type>().clone()),
        DataType::Int64 => ColumnValues::Int8(array.as_primitive::<Int64Type>().clone()),
        DataType::Float32 => ColumnValues::Float4(array.as_primitive::<Float32Type>().clone()),
        DataType::Float64 => ColumnValues::Float8(array.as_primitive::<Float64Type>().clone()),
        DataType::Decimal128(_, scale) => {
            ColumnValues::Numeric(array.as_primitive::<Decimal128Type>().clone(), *scale)
        }
        DataType::Decimal256(_, scale) => {
            ColumnValues::LargeNumeric(array.as_primitive::<Decimal256Type>().clone(), *scale)
        }
        DataType::Utf8View => ColumnValues::Text(array.as_string_view().clone()),
        DataType::BinaryView => ColumnValues::Bytes(array.as_binary_view().clone()),
        DataType::Date32 => ColumnValues::Date(array.as_primitive::<Date32Type>().clone()),
        DataType::Time64(TimeUnit::Microsecond) => {
            ColumnValues::Time(array.as_primitive::<Time64MicrosecondType>().clone())
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            ColumnValues::Timestamp(array.as_primitive::<TimestampMicrosecondType>().clone())
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            ColumnValues::Interval(array.as_primitive::<IntervalMonthDayNanoType>().clone())
        }
        DataType::List(element) => {
            let list = array.as_list::<i32>();
            let elements = Column::of(list.values(), element)?;
            ColumnValues::List(list.clone(), Box::new(elements))
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter().zip(fields);
            let columns = columns.map(|(column, field)| Column::of(column, field));
            ColumnValues::Record(columns.collect::<Result<Vec<_>>>()?)
        }
        other => {
            return Err(ShellError::of_kind(
                ErrorKind::NotSupported,
                format!("the column {} cannot be sent as {other}", field.name()),
            ));
        }
    })
}
