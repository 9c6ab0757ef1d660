//! Numbers: powers, and literals with more digits than 64 bits hold.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, ExactNumberInfo, Expr, UnaryOperator, Value,
};
use datafusion::sql::sqlparser::parser::ParserError;

use super::expressions::{call, cast, text};

/// Digits of the widest decimal of the engine.
const MAX_DIGITS: usize = 76;

/// Makes `a ^ b` a call of `power` over floats.
pub fn power(expr: &mut Expr) -> Result<(), ParserError> {
    if let Expr::BinaryOp {
        left,
        op: BinaryOperator::PGExp,
        right,
    } = expr
    {
        let operand = |side: &mut Expr| cast(take(side), DataType::DoublePrecision);
        *expr = call("power", vec![operand(left), operand(right)]);
    }
    Ok(())
}

/// Lets a sign bind tighter than `^`, as in Postgres: `-2 ^ 2` is 4. Applies before the
/// expressions inside are replaced.
pub fn bind_sign(expr: &mut Expr) {
    let Expr::UnaryOp { op, expr: inner } = expr else {
        return;
    };
    if !is_sign(op) || !is_power(inner) {
        return;
    }
    let (op, mut powers) = (*op, take(inner));
    let mut base = &mut powers;
    while let Expr::BinaryOp {
        left,
        op: BinaryOperator::PGExp,
        ..
    } = base
    {
        base = left;
    }
    *base = Expr::UnaryOp {
        op,
        expr: Box::new(take(base)),
    };
    *expr = powers;
}

fn is_sign(op: &UnaryOperator) -> bool {
    matches!(op, UnaryOperator::Minus | UnaryOperator::Plus)
}

fn is_power(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::BinaryOp {
            op: BinaryOperator::PGExp,
            ..
        }
    )
}

/// Takes an expression out of its place.
pub fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::Value(Value::Null.into()))
}

/// Makes an integer that needs more than 64 bits a decimal, which keeps its digits.
///
/// # Errors
/// More digits than a decimal has.
pub fn big_integer(expr: &mut Expr) -> Result<(), ParserError> {
    let Expr::Value(value) = expr else {
        return Ok(());
    };
    let Value::Number(digits, _) = &value.value else {
        return Ok(());
    };
    let digits: String = digits.chars().filter(|digit| *digit != '_').collect();
    let is_integer = digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_integer || digits.parse::<u64>().is_ok() {
        return Ok(());
    }
    let digits = digits.trim_start_matches('0').to_string();
    if digits.len() > MAX_DIGITS {
        return Err(ParserError::ParserError(format!(
            "the number {digits} has {} digits, and the maximum is {MAX_DIGITS}; write it with an exponent to make it a float",
            digits.len()
        )));
    }
    let precision = digits.len() as u64;
    let decimal = DataType::Decimal(ExactNumberInfo::PrecisionAndScale(precision, 0));
    *expr = cast(text(digits), decimal);
    Ok(())
}

/// Joins texts to the digits of number literals: `'a' || 1.50` is `a1.50`.
pub fn joined_numbers(expr: &mut Expr) -> Result<(), ParserError> {
    if let Expr::BinaryOp {
        left,
        op: BinaryOperator::StringConcat,
        right,
    } = expr
    {
        for side in [left, right] {
            if let Some(decimal) = decimal_literal(side) {
                **side = call("text", vec![decimal]);
            }
        }
    }
    Ok(())
}

/// Decimal of a number literal with a fraction or an exponent, which is a float in the
/// engine; `None` for any other expression.
pub fn decimal_literal(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Nested(inner) => decimal_literal(inner),
        Expr::UnaryOp { op, expr } if is_sign(op) => Some(Expr::UnaryOp {
            op: *op,
            expr: Box::new(decimal_literal(expr)?),
        }),
        Expr::Value(value) => {
            let Value::Number(digits, _) = &value.value else {
                return None;
            };
            let digits: String = digits.chars().filter(|digit| *digit != '_').collect();
            let (whole, fraction) = digits.split_once('.')?;
            let is_decimal = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
            let precision = (whole.len() + fraction.len()).max(1);
            if !is_decimal(whole) || !is_decimal(fraction) || precision > 38 {
                return None;
            }
            let info = ExactNumberInfo::PrecisionAndScale(precision as u64, fraction.len() as i64);
            Some(cast(text(digits.as_str()), DataType::Decimal(info)))
        }
        _ => None,
    }
}
