//! Patterns: `SIMILAR TO`, and `ESCAPE` of `LIKE` and `ILIKE`.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, ObjectName, ObjectNamePart, ValueWithSpan,
};
use datafusion::sql::sqlparser::parser::ParserError;

use super::expressions::{call, function_name};
use super::numbers::take;

/// Makes `a SIMILAR TO b` a match of the regular expression that means the same.
pub fn similar_to(expr: &mut Expr) -> Result<(), ParserError> {
    let Expr::SimilarTo {
        negated,
        expr: value,
        pattern,
        escape_char,
    } = expr
    else {
        return Ok(());
    };
    let mut arguments = vec![take(pattern)];
    arguments.extend(escape_char.take().map(Expr::Value));
    *expr = Expr::BinaryOp {
        left: Box::new(take(value)),
        op: match negated {
            true => BinaryOperator::PGRegexNotMatch,
            false => BinaryOperator::PGRegexMatch,
        },
        right: Box::new(call("similar_to_escape", arguments)),
    };
    Ok(())
}

/// Makes `regexp_split_to_table(a, b)` rows of `regexp_split_to_array(a, b)`.
pub fn split_to_rows(expr: &mut Expr) -> Result<(), ParserError> {
    if let Expr::Function(function) = expr
        && function_name(function).as_deref() == Some("regexp_split_to_table")
    {
        function.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::new(
            "regexp_split_to_array",
        ))]);
        *expr = call("unnest", vec![take(expr)]);
    }
    Ok(())
}

/// Escapes with a backslash, the only escape character of the engine.
pub fn like_escape(expr: &mut Expr) -> Result<(), ParserError> {
    let (Expr::Like {
        pattern,
        escape_char,
        ..
    }
    | Expr::ILike {
        pattern,
        escape_char,
        ..
    }) = expr
    else {
        return Ok(());
    };
    let is_backslash =
        |escape: &ValueWithSpan| escape.value.clone().into_string().as_deref() == Some("\\");
    if let Some(escape) = escape_char.take()
        && !is_backslash(&escape)
    {
        **pattern = call("like_escape", vec![take(pattern), Expr::Value(escape)]);
    }
    Ok(())
}
