//! Operators whose meaning depends on the types of their sides.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, ScalarUDF, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::arrays::ARRAY_OF_TEXT;
use super::integer_arithmetic::{INTEGER_DIFFERENCE, INTEGER_PRODUCT, INTEGER_SUM};
use super::json_access::{
    JSON_ARRAY_ELEMENT, JSON_ARRAY_ELEMENT_TEXT, JSON_EXTRACT_PATH, JSON_EXTRACT_PATH_TEXT,
    JSON_OBJECT_FIELD, JSON_OBJECT_FIELD_TEXT,
};
use super::sql_function::{SqlFunction, is_text};
use super::text::TEXT;
use super::times::interval_functions::INTERVAL_TIMES;
use super::times::literal_parts::TimeLiteralParts;

static TEXT_OF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(SqlFunction::udf(&TEXT)));
static TIMES: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(SqlFunction::udf(&INTERVAL_TIMES)));

static SUM: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(SqlFunction::udf(&INTEGER_SUM)));
static DIFFERENCE: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(SqlFunction::udf(&INTEGER_DIFFERENCE)));
static PRODUCT: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(SqlFunction::udf(&INTEGER_PRODUCT)));

/// The array of a literal such as `{a,0}`.
static PATH: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(SqlFunction::udf(&ARRAY_OF_TEXT)));

static JSON_ACCESS: LazyLock<Vec<(BinaryOperator, KeyKind, Arc<ScalarUDF>)>> =
    LazyLock::new(|| {
        let operators = [
            (BinaryOperator::Arrow, KeyKind::Text, &JSON_OBJECT_FIELD),
            (BinaryOperator::Arrow, KeyKind::Integer, &JSON_ARRAY_ELEMENT),
            (
                BinaryOperator::LongArrow,
                KeyKind::Text,
                &JSON_OBJECT_FIELD_TEXT,
            ),
            (
                BinaryOperator::LongArrow,
                KeyKind::Integer,
                &JSON_ARRAY_ELEMENT_TEXT,
            ),
            (
                BinaryOperator::HashArrow,
                KeyKind::Array,
                &JSON_EXTRACT_PATH,
            ),
            (BinaryOperator::HashArrow, KeyKind::Text, &JSON_EXTRACT_PATH),
            (
                BinaryOperator::HashLongArrow,
                KeyKind::Array,
                &JSON_EXTRACT_PATH_TEXT,
            ),
            (
                BinaryOperator::HashLongArrow,
                KeyKind::Text,
                &JSON_EXTRACT_PATH_TEXT,
            ),
        ];
        let operators = operators.into_iter();
        let operators = operators
            .map(|(operator, key, spec)| (operator, key, Arc::new(SqlFunction::udf(spec))));
        operators.collect()
    });

/// What selects a part of a JSON document.
#[derive(Clone, Copy, PartialEq)]
enum KeyKind {
    Text,
    Integer,
    Array,
}

impl KeyKind {
    fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            text if is_text(text) => Some(Self::Text),
            number if number.is_integer() => Some(Self::Integer),
            list if list.is_list() => Some(Self::Array),
            _ => None,
        }
    }
}

/// The function of an operator on a JSON document, for the type of the right side.
fn json_access(operator: &BinaryOperator, right: &DataType) -> Option<&'static Arc<ScalarUDF>> {
    let kind = KeyKind::of(right)?;
    let mut known = JSON_ACCESS.iter();
    let found = known.find(|(known, key, _)| known == operator && *key == kind)?;
    Some(&found.2)
}

/// Plans access to JSON, arithmetic of integers that does not wrap, products of intervals, comparisons
/// with literals, and texts joined to values of other types.
#[derive(Debug)]
pub struct PostgresOperators;

impl ExprPlanner for PostgresOperators {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let (Ok(left), Ok(right)) = (expr.left.get_type(schema), expr.right.get_type(schema))
        else {
            return Ok(PlannerResult::Original(expr));
        };
        if is_text(&left)
            && let Some(function) = json_access(&expr.op, &right)
        {
            let is_path = matches!(
                expr.op,
                BinaryOperator::HashArrow | BinaryOperator::HashLongArrow
            );
            let key = match is_path && is_text(&right) {
                true => call(&PATH, vec![expr.right, lit(1_i64)]),
                false => expr.right,
            };
            return Ok(PlannerResult::Planned(call(function, vec![expr.left, key])));
        }
        if are_same_integers(&left, &right)
            && let Some(function) = checked(&expr.op)
        {
            let sides = vec![expr.left, expr.right];
            return Ok(PlannerResult::Planned(call(function, sides)));
        }
        if is_comparison(&expr.op) {
            let expr = RawBinaryExpr {
                left: typed(expr.left, &right),
                right: typed(expr.right, &left),
                ..expr
            };
            return Ok(PlannerResult::Original(expr));
        }
        Ok(match expr.op {
            BinaryOperator::Multiply
                if (is_interval(&left) && right.is_numeric())
                    || (left.is_numeric() && is_interval(&right)) =>
            {
                PlannerResult::Planned(call(&TIMES, vec![expr.left, expr.right]))
            }
            BinaryOperator::Divide if is_interval(&left) && right.is_numeric() => {
                let factor = lit(1.0) / expr.right;
                PlannerResult::Planned(call(&TIMES, vec![expr.left, factor]))
            }
            // The engine's own text of these types differs.
            BinaryOperator::StringConcat if is_text(&left) && has_own_text(&right) => {
                PlannerResult::Original(RawBinaryExpr {
                    right: call(&TEXT_OF, vec![expr.right]),
                    ..expr
                })
            }
            BinaryOperator::StringConcat if has_own_text(&left) && is_text(&right) => {
                PlannerResult::Original(RawBinaryExpr {
                    left: call(&TEXT_OF, vec![expr.left]),
                    ..expr
                })
            }
            _ => PlannerResult::Original(expr),
        })
    }
}

fn is_comparison(op: &BinaryOperator) -> bool {
    matches!(
        op,
        BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
    )
}

/// A text literal as the type that it is compared with, where the engine would compare
/// texts or refuse the literal.
fn typed(side: Expr, other: &DataType) -> Expr {
    let text = match &side {
        Expr::Literal(ScalarValue::Utf8(Some(text)), _) => text.trim(),
        _ => return side,
    };
    match other {
        DataType::Boolean => truth_value(text).map_or(side, lit),
        // As in Postgres, a date has no zone.
        DataType::Date32 => match TimeLiteralParts::read(text) {
            Some(parts) if parts.zone.is_some() => lit(parts.date),
            _ => side,
        },
        _ => side,
    }
}

/// Truth values of Postgres: words, or their first letters.
fn truth_value(text: &str) -> Option<bool> {
    const WORDS: &[(&str, usize, bool)] = &[
        ("true", 1, true),
        ("yes", 1, true),
        ("on", 2, true),
        ("1", 1, true),
        ("false", 1, false),
        ("no", 1, false),
        ("off", 2, false),
        ("0", 1, false),
    ];
    let text = text.to_lowercase();
    let mut words = WORDS.iter();
    let (.., value) =
        words.find(|(word, shortest, _)| text.len() >= *shortest && word.starts_with(&text))?;
    Some(*value)
}

fn call(function: &Arc<ScalarUDF>, arguments: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(function), arguments))
}

fn checked(op: &BinaryOperator) -> Option<&'static Arc<ScalarUDF>> {
    match op {
        BinaryOperator::Plus => Some(&SUM),
        BinaryOperator::Minus => Some(&DIFFERENCE),
        BinaryOperator::Multiply => Some(&PRODUCT),
        _ => None,
    }
}

/// Whether the engine computes with two types in an integer type. It has decimals for
/// signed and unsigned integers of 64 bits.
fn are_same_integers(left: &DataType, right: &DataType) -> bool {
    let wide = |side: &DataType| matches!(side, DataType::UInt64);
    left.is_integer() && right.is_integer() && (wide(left) == wide(right))
}

fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_))
}

/// Whether the text of a type differs between the engine and Postgres.
fn has_own_text(data_type: &DataType) -> bool {
    data_type.is_temporal() || data_type.is_floating()
}
