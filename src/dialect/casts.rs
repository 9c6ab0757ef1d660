//! Casts to text, integers, floats, times and arrays, with the results of Postgres.
//!
//! The functions around a cast decide on types, and disappear from the plan for types
//! that the engine casts as Postgres does.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, Expr, TimezoneInfo, Value,
};
use datafusion::sql::sqlparser::parser::ParserError;

use super::array_literals::dimensions_of;
use super::expressions::{call, cast, literal_text, number};
use super::numbers::{decimal_literal, take};
use super::time_literals::{TimeKind, replacement_of};

/// An expression cast to a type, with the result of Postgres.
///
/// # Errors
/// As [`casts`].
pub fn cast_to(expr: Expr, data_type: DataType) -> Result<Expr, ParserError> {
    let mut whole = cast(expr, data_type);
    casts(&mut whole)?;
    Ok(whole)
}

/// Rewrites a cast. Casts of parameters to types of the engine stay, because they type the
/// parameter.
///
/// # Errors
/// A malformed time or array literal.
pub fn casts(expr: &mut Expr) -> Result<(), ParserError> {
    let Expr::Cast {
        expr: inner,
        data_type,
        array: false,
        format: None,
        ..
    } = expr
    else {
        return Ok(());
    };
    if let Some(function) = checked_text(data_type) {
        *expr = call(function, vec![take(inner)]);
        return Ok(());
    }
    if is_parameter(inner) {
        return Ok(());
    }
    if let Some(length) = text_length(data_type) {
        let text = match literal_text(inner) {
            Some(_) => take(inner),
            None => {
                // A number literal keeps its digits.
                let value = take(inner);
                call("text", vec![decimal_literal(&value).unwrap_or(value)])
            }
        };
        match length {
            Some(length) => *expr = call("left", vec![text, number(length)]),
            None if literal_text(&text).is_some() => **inner = text,
            None => *expr = text,
        }
    } else if is_integer(data_type) {
        if literal_text(inner).is_none() {
            let value = take(inner);
            let value = decimal_literal(&value).unwrap_or(value);
            **inner = call("nearest_integer", vec![value]);
        }
    } else if let DataType::Float(info) = data_type {
        if matches!(info, ExactNumberInfo::None)
            || matches!(info, ExactNumberInfo::Precision(digits) if *digits > 24)
        {
            *data_type = DataType::DoublePrecision;
        }
    } else if matches!(data_type, DataType::Bytea) {
        **inner = call("bytes_of_text", vec![take(inner)]);
    } else if let Some(kind) = time_kind(data_type) {
        match literal_text(inner) {
            Some(text) => {
                if let Some(replacement) = replacement_of(kind, text)? {
                    **inner = replacement;
                }
            }
            None => **inner = call("wall_clock", vec![take(inner)]),
        }
    } else if let Some(declared) = dimensions(data_type) {
        let literal = literal_text(inner).map(str::to_string);
        let depth = literal.as_deref().map_or(Ok(declared), dimensions_of)?;
        for _ in declared..depth {
            let element = std::mem::replace(data_type, DataType::Text);
            *data_type = DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(element), None));
        }
        let depth = depth.max(declared);
        **inner = call("array_of_text", vec![take(inner), number(depth)]);
    }
    Ok(())
}

fn is_parameter(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_parameter(inner),
        Expr::Value(value) => matches!(value.value, Value::Placeholder(_)),
        _ => false,
    }
}

/// For a type of text, its maximum length.
fn text_length(data_type: &DataType) -> Option<Option<u64>> {
    let characters = |length: &Option<CharacterLength>| match length {
        Some(CharacterLength::IntegerLength { length, .. }) => Some(*length),
        Some(CharacterLength::Max) | None => None,
    };
    match data_type {
        DataType::Text | DataType::String(None) => Some(None),
        DataType::Varchar(length)
        | DataType::CharVarying(length)
        | DataType::CharacterVarying(length) => Some(characters(length)),
        DataType::Char(length) | DataType::Character(length) => {
            Some(Some(characters(length).unwrap_or(1)))
        }
        _ => None,
    }
}

/// For a type that is text here, the function that checks the text.
fn checked_text(data_type: &DataType) -> Option<&'static str> {
    match data_type {
        DataType::JSON => Some("json_of_text"),
        DataType::JSONB => Some("jsonb_of_text"),
        DataType::Uuid => Some("uuid_of_text"),
        _ => None,
    }
}

fn is_integer(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::TinyInt(_)
            | DataType::SmallInt(_)
            | DataType::Int2(_)
            | DataType::Int(_)
            | DataType::Integer(_)
            | DataType::Int4(_)
            | DataType::BigInt(_)
            | DataType::Int8(_)
            | DataType::TinyIntUnsigned(_)
            | DataType::SmallIntUnsigned(_)
            | DataType::Int2Unsigned(_)
            | DataType::IntUnsigned(_)
            | DataType::IntegerUnsigned(_)
            | DataType::Int4Unsigned(_)
            | DataType::BigIntUnsigned(_)
            | DataType::Int8Unsigned(_)
    )
}

/// The kind of a time type without a zone, and of timestamps with one.
pub fn time_kind(data_type: &DataType) -> Option<TimeKind> {
    match data_type {
        DataType::Date => Some(TimeKind::Date),
        DataType::Timestamp(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            Some(TimeKind::Timestamp)
        }
        DataType::Timestamp(_, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
            Some(TimeKind::TimestampTz)
        }
        _ => None,
    }
}

/// Dimensions of an array type.
fn dimensions(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::Array(
            ArrayElemTypeDef::SquareBracket(element, _)
            | ArrayElemTypeDef::AngleBracket(element)
            | ArrayElemTypeDef::Parenthesis(element),
        ) => Some(1 + dimensions(element).unwrap_or(0)),
        _ => None,
    }
}
