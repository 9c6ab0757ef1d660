//! Array literals of Postgres in place of arrays: `x = ANY ('{1,2}')`.

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::parser::ParserError;

use super::expressions::{call, literal_text, number};
use super::numbers::take;
use crate::functions::array_text;

/// Reads a text on the right of ANY and ALL as an array of the type on the left.
///
/// # Errors
/// A malformed array literal.
pub fn quantified_arrays(expr: &mut Expr) -> Result<(), ParserError> {
    let (Expr::AnyOp { left, right, .. } | Expr::AllOp { left, right, .. }) = expr else {
        return Ok(());
    };
    if let Some(text) = literal_text(right) {
        let depth = dimensions_of(text)?;
        let elements = call("array_of_text", vec![take(right), number(depth)]);
        **right = call("array_like", vec![elements, left.as_ref().clone()]);
    }
    Ok(())
}

/// Dimensions of an array literal; 1 for an empty array.
///
/// # Errors
/// A malformed array literal.
pub fn dimensions_of(text: &str) -> Result<usize, ParserError> {
    array_text::parse(text)
        .map(|array| array.dimensions())
        .map_err(ParserError::ParserError)
}
