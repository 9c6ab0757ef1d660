//! Times: typed literals and `AT TIME ZONE`.

use datafusion::sql::sqlparser::ast::{DataType, Expr, TypedString};
use datafusion::sql::sqlparser::parser::ParserError;

use super::casts::time_kind;
use super::expressions::{call, cast};
use super::numbers::take;
use super::time_literals::replacement_of;

/// Makes `a AT TIME ZONE b` the call `timezone(b, a)`, as Postgres does.
pub fn at_time_zone(expr: &mut Expr) -> Result<(), ParserError> {
    if let Expr::AtTimeZone {
        timestamp,
        time_zone,
    } = expr
    {
        *expr = call("timezone", vec![take(time_zone), take(timestamp)]);
    }
    Ok(())
}

/// Reads `DATE '...'`, `TIMESTAMP '...'` and `TIMESTAMPTZ '...'` as Postgres does.
///
/// # Errors
/// A malformed literal.
pub fn typed_times(expr: &mut Expr) -> Result<(), ParserError> {
    let Expr::TypedString(TypedString {
        data_type, value, ..
    }) = expr
    else {
        return Ok(());
    };
    let (Some(kind), Some(text)) = (time_kind(data_type), value.value.clone().into_string()) else {
        return Ok(());
    };
    if let Some(replacement) = replacement_of(kind, &text)? {
        let data_type = std::mem::replace(data_type, DataType::Text);
        *expr = cast(replacement, data_type);
    }
    Ok(())
}
