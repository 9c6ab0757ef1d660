//! The table of rules. Each replaces one kind of expression, after the expressions
//! inside it.

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::parser::ParserError;

use super::array_literals::quantified_arrays;
use super::casts::casts;
use super::first_rows::first_rows;
use super::numbers::{big_integer, joined_numbers, power};
use super::ordered_sets::ordered_sets;
use super::patterns::{like_escape, similar_to, split_to_rows};
use super::session_values::session_values;
use super::synonyms::synonyms;
use super::times::{at_time_zone, typed_times};

/// Replaces an expression, or leaves it.
pub type ExpressionRule = fn(&mut Expr) -> Result<(), ParserError>;

/// Rules, in the order of their application.
pub const EXPRESSION_RULES: &[ExpressionRule] = &[
    synonyms,
    big_integer,
    power,
    joined_numbers,
    similar_to,
    like_escape,
    split_to_rows,
    typed_times,
    casts,
    at_time_zone,
    quantified_arrays,
    ordered_sets,
    first_rows,
    session_values,
];
