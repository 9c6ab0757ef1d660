//! Types of Arrow as types of Postgres, and back.

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use arrow_pg::datatypes::{PG_OID_ALIAS_KEY, is_pg_char_field, pg_type_for_alias_kind};
use pgwire::api::Type;

/// Metadata key of a field that is sent as another type: its value is a name of
/// [`NAMED_TYPES`].
pub const WIRE_TYPE_KEY: &str = "semql.wire_type";

/// Types that only metadata names.
const NAMED_TYPES: &[(&str, Type)] = &[
    ("int2vector", Type::INT2_VECTOR),
    ("oidvector", Type::OID_VECTOR),
    ("name", Type::NAME),
    ("json", Type::JSON),
    ("jsonb", Type::JSONB),
    ("uuid", Type::UUID),
];

/// Types of Arrow's extensions.
const EXTENSION_TYPES: &[(&str, Type)] = &[("arrow.json", Type::JSON), ("arrow.uuid", Type::UUID)];

/// Digits of a numeric parameter before its value is known. Each value has its own.
const NUMERIC_PARAMETER: DataType = DataType::Decimal128(38, 10);

/// Type of Postgres for a field; `None` if Postgres lacks it.
pub fn wire_type(field: &Field) -> Option<Type> {
    let metadata = |key: &str| field.metadata().get(key).map(String::as_str);
    let alias = metadata(PG_OID_ALIAS_KEY).and_then(pg_type_for_alias_kind);
    let named = metadata(WIRE_TYPE_KEY).and_then(|name| find(NAMED_TYPES, name));
    if let Some(special) = alias.or(named) {
        return Some(special);
    }
    if is_pg_char_field(field) {
        return Some(Type::CHAR);
    }
    let extension = field.extension_type_name();
    match extension.and_then(|name| find(EXTENSION_TYPES, name)) {
        Some(extension) => Some(extension),
        None => wire_type_of(field.data_type()),
    }
}

fn find(types: &[(&str, Type)], name: &str) -> Option<Type> {
    let (_, found) = types.iter().find(|(known, _)| *known == name)?;
    Some(found.clone())
}

fn wire_type_of(data_type: &DataType) -> Option<Type> {
    Some(match data_type {
        DataType::Null => Type::UNKNOWN,
        DataType::Boolean => Type::BOOL,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => Type::INT2,
        DataType::Int32 | DataType::UInt16 => Type::INT4,
        DataType::Int64 | DataType::UInt32 => Type::INT8,
        DataType::UInt64
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => Type::NUMERIC,
        DataType::Float16 | DataType::Float32 => Type::FLOAT4,
        DataType::Float64 => Type::FLOAT8,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Type::TEXT,
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => Type::BYTEA,
        DataType::Date32 | DataType::Date64 => Type::DATE,
        DataType::Time32(_) | DataType::Time64(_) => Type::TIME,
        DataType::Timestamp(_, None) => Type::TIMESTAMP,
        DataType::Timestamp(_, Some(_)) => Type::TIMESTAMPTZ,
        DataType::Interval(_) | DataType::Duration(_) => Type::INTERVAL,
        DataType::Dictionary(_, value) => return wire_type_of(value),
        DataType::RunEndEncoded(_, value) => return wire_type_of(value.data_type()),
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _) => return array_type(&wire_type(element)?),
        DataType::Struct(fields) => {
            // A record has a value for each field.
            fields
                .iter()
                .map(|field| wire_type(field))
                .collect::<Option<Vec<_>>>()?;
            Type::RECORD
        }
        _ => return None,
    })
}

/// Scalar types with the arrays of them and the types of Arrow that parameters get.
const ARRAYS: &[(Type, Type, DataType)] = &[
    (Type::BOOL, Type::BOOL_ARRAY, DataType::Boolean),
    (Type::INT2, Type::INT2_ARRAY, DataType::Int16),
    (Type::INT4, Type::INT4_ARRAY, DataType::Int32),
    (Type::INT8, Type::INT8_ARRAY, DataType::Int64),
    (Type::OID, Type::OID_ARRAY, DataType::Int64),
    (Type::FLOAT4, Type::FLOAT4_ARRAY, DataType::Float32),
    (Type::FLOAT8, Type::FLOAT8_ARRAY, DataType::Float64),
    (Type::NUMERIC, Type::NUMERIC_ARRAY, NUMERIC_PARAMETER),
    (Type::TEXT, Type::TEXT_ARRAY, DataType::Utf8),
    (Type::VARCHAR, Type::VARCHAR_ARRAY, DataType::Utf8),
    (Type::BPCHAR, Type::BPCHAR_ARRAY, DataType::Utf8),
    (Type::NAME, Type::NAME_ARRAY, DataType::Utf8),
    (Type::CHAR, Type::CHAR_ARRAY, DataType::Utf8),
    (Type::UNKNOWN, Type::TEXT_ARRAY, DataType::Utf8),
    (Type::UUID, Type::UUID_ARRAY, DataType::Utf8),
    (Type::JSON, Type::JSON_ARRAY, DataType::Utf8),
    (Type::JSONB, Type::JSONB_ARRAY, DataType::Utf8),
    (Type::BYTEA, Type::BYTEA_ARRAY, DataType::Binary),
    (Type::DATE, Type::DATE_ARRAY, DataType::Date32),
    (
        Type::TIME,
        Type::TIME_ARRAY,
        DataType::Time64(TimeUnit::Microsecond),
    ),
    (
        Type::TIMESTAMP,
        Type::TIMESTAMP_ARRAY,
        DataType::Timestamp(TimeUnit::Microsecond, None),
    ),
    (
        Type::INTERVAL,
        Type::INTERVAL_ARRAY,
        DataType::Interval(IntervalUnit::MonthDayNano),
    ),
];

/// The array of a scalar type; `None` for arrays of arrays, which have fixed sizes in
/// Postgres.
fn array_type(element: &Type) -> Option<Type> {
    match *element {
        Type::TIMESTAMPTZ => Some(Type::TIMESTAMPTZ_ARRAY),
        Type::RECORD => Some(Type::RECORD_ARRAY),
        _ => {
            let (_, array, _) = ARRAYS.iter().find(|(scalar, ..)| scalar == element)?;
            Some(array.clone())
        }
    }
}

/// The scalar type of an array; `None` for other types.
pub fn element_type(array: &Type) -> Option<Type> {
    match *array {
        Type::TIMESTAMPTZ_ARRAY => return Some(Type::TIMESTAMPTZ),
        Type::RECORD_ARRAY => return Some(Type::RECORD),
        Type::INT2_VECTOR => return Some(Type::INT2),
        Type::OID_VECTOR => return Some(Type::OID),
        _ => {}
    }
    let (element, ..) = ARRAYS.iter().find(|(_, known, _)| known == array)?;
    Some(element.clone())
}

/// Type of Arrow for a parameter that a client declares with a type of Postgres;
/// `None` for `unknown` and types that parameters cannot have.
pub fn parameter_type(declared: &Type) -> Option<DataType> {
    let zoned = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    match *declared {
        Type::UNKNOWN | Type::VOID => None,
        Type::TIMESTAMPTZ => Some(zoned()),
        Type::TIMESTAMPTZ_ARRAY => Some(DataType::new_list(zoned(), true)),
        _ => ARRAYS.iter().find_map(|(scalar, array, data_type)| {
            if scalar == declared {
                Some(data_type.clone())
            } else if array == declared {
                Some(DataType::new_list(data_type.clone(), true))
            } else {
                None
            }
        }),
    }
}

/// Bytes of a value in binary form, as Postgres tells them: negative if they vary.
pub fn type_size(wire: &Type) -> i16 {
    match *wire {
        Type::BOOL | Type::CHAR => 1,
        Type::INT2 => 2,
        Type::INT4 | Type::FLOAT4 | Type::DATE | Type::OID => 4,
        Type::INT8 | Type::FLOAT8 | Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ => 8,
        Type::INTERVAL | Type::UUID => 16,
        Type::NAME => 64,
        Type::UNKNOWN => -2,
        _ => -1,
    }
}

/// Precision and scale of a decimal, as Postgres packs them; -1 for other types.
pub fn type_modifier(data_type: &DataType) -> i32 {
    const HEADER: i32 = 4;
    match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale)
            if *scale >= 0 =>
        {
            (i32::from(*precision) << 16 | i32::from(*scale)) + HEADER
        }
        _ => -1,
    }
}
