//! Functions of Postgres, DuckDB and Snowflake that the engine has under another name, or as
//! an expression. None of the names is one of the engine's.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArguments, Ident, ObjectName, ObjectNamePart, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};

use super::SemqlDialect;
use super::expressions::{argument_expr, function_name, literal_text};

/// Names, and those of the engine. The call keeps its arguments and clauses.
const NAMES: &[(&str, &str)] = &[
    ("approx_count_distinct", "approx_distinct"),
    ("array_size", "array_length"),
    ("first", "first_value"),
    ("gen_random_uuid", "uuid"),
    ("get_json_object", "json_extract_string"),
    ("json_array", "json_build_array"),
    ("json_object", "json_build_object"),
    ("json_query", "json_extract"),
    ("json_type", "json_typeof"),
    ("json_value", "json_extract_string"),
    ("last", "last_value"),
    ("lcase", "lower"),
    ("len", "length"),
    ("list", "array_agg"),
    ("list_value", "make_array"),
    ("listagg", "string_agg"),
    ("prefix", "starts_with"),
    ("sign", "signum"),
    ("split", "string_to_array"),
    ("str_split", "string_to_array"),
    ("string_split", "string_to_array"),
    ("strlen", "octet_length"),
    ("suffix", "ends_with"),
    ("ucase", "upper"),
    ("unicode", "ascii"),
];

/// Calls, and expressions in their place, in which `a1` is the first argument. The call has
/// as many arguments as the expression names, and no clauses.
const EXPRESSIONS: &[(&str, &str)] = &[
    (
        "approx_quantile",
        "approx_percentile_cont(a2) WITHIN GROUP (ORDER BY a1)",
    ),
    (
        "arg_max",
        "first_value(a1 ORDER BY a2 DESC) FILTER (WHERE a2 IS NOT NULL)",
    ),
    (
        "arg_min",
        "first_value(a1 ORDER BY a2) FILTER (WHERE a2 IS NOT NULL)",
    ),
    ("count_if", "count(*) FILTER (WHERE a1)"),
    ("countif", "count(*) FILTER (WHERE a1)"),
    ("date_add", "a1 + a2"),
    ("date_sub", "a1 - a2"),
    ("day", "CAST(date_part('day', a1) AS BIGINT)"),
    ("dayname", "to_char(a1, 'FMDay')"),
    ("dayofweek", "CAST(date_part('dow', a1) AS BIGINT)"),
    ("dayofyear", "CAST(date_part('doy', a1) AS BIGINT)"),
    ("div0", "CASE WHEN a2 = 0 THEN 0 ELSE a1 / a2 END"),
    ("epoch", "date_part('epoch', a1)"),
    (
        "generate_subscripts",
        "generate_series(1, CAST(array_length(a1, a2) AS BIGINT))",
    ),
    ("geomean", "exp(avg(ln(a1)))"),
    ("getdate", "now()"),
    ("group_concat", "string_agg(a1, ',')"),
    ("group_concat", "string_agg(a1, a2)"),
    ("hour", "CAST(date_part('hour', a1) AS BIGINT)"),
    ("if", "CASE WHEN a1 THEN a2 ELSE a3 END"),
    ("iff", "CASE WHEN a1 THEN a2 ELSE a3 END"),
    (
        "last_day",
        "CAST(date_trunc('month', a1) + INTERVAL '1 month' - INTERVAL '1 day' AS DATE)",
    ),
    (
        "max_by",
        "first_value(a1 ORDER BY a2 DESC) FILTER (WHERE a2 IS NOT NULL)",
    ),
    (
        "min_by",
        "first_value(a1 ORDER BY a2) FILTER (WHERE a2 IS NOT NULL)",
    ),
    ("minute", "CAST(date_part('minute', a1) AS BIGINT)"),
    ("mod", "a1 % a2"),
    ("mode", "mode() WITHIN GROUP (ORDER BY a1)"),
    ("month", "CAST(date_part('month', a1) AS BIGINT)"),
    ("monthname", "to_char(a1, 'FMMonth')"),
    ("parse_json", "CAST(a1 AS JSON)"),
    ("quantile", "percentile_disc(a2) WITHIN GROUP (ORDER BY a1)"),
    (
        "quantile_disc",
        "percentile_disc(a2) WITHIN GROUP (ORDER BY a1)",
    ),
    ("quarter", "CAST(date_part('quarter', a1) AS BIGINT)"),
    ("regexp_extract", "(regexp_match(a1, '(' || a2 || ')'))[1]"),
    (
        "regexp_extract",
        "(regexp_match(a1, '(' || a2 || ')'))[a3 + 1]",
    ),
    ("regexp_full_match", "regexp_like(a1, '^(' || a2 || ')$')"),
    ("regexp_substr", "(regexp_match(a1, '(' || a2 || ')'))[1]"),
    ("strftime", "to_char(a1, a2)"),
    ("strptime", "to_timestamp(a1, a2)"),
    ("struct_extract", "a1[a2]"),
    ("week", "CAST(date_part('week', a1) AS BIGINT)"),
    (
        "width_bucket",
        "CASE WHEN a1 < a2 THEN 0 WHEN a1 >= a3 THEN a4 + 1 ELSE CAST(floor((a1 - a2) * a4 / CAST(a3 - a2 AS DOUBLE)) AS INT) + 1 END",
    ),
    ("year", "CAST(date_part('year', a1) AS BIGINT)"),
    ("zeroifnull", "coalesce(a1, 0)"),
];

/// Calls whose first argument is a unit of time, in quotes or not, and expressions of the
/// others. Differences count the boundaries between two times, as in DuckDB and Snowflake.
const UNIT_EXPRESSIONS: &[(&str, &str, &str)] = &[
    (
        "date_diff",
        "year",
        "CAST(date_part('year', a2) - date_part('year', a1) AS BIGINT)",
    ),
    (
        "date_diff",
        "quarter",
        "CAST((date_part('year', a2) - date_part('year', a1)) * 4 + date_part('quarter', a2) - date_part('quarter', a1) AS BIGINT)",
    ),
    (
        "date_diff",
        "month",
        "CAST((date_part('year', a2) - date_part('year', a1)) * 12 + date_part('month', a2) - date_part('month', a1) AS BIGINT)",
    ),
    (
        "date_diff",
        "week",
        "CAST((date_part('epoch', date_trunc('week', a2)) - date_part('epoch', date_trunc('week', a1))) / 604800 AS BIGINT)",
    ),
    (
        "date_diff",
        "day",
        "CAST((date_part('epoch', date_trunc('day', a2)) - date_part('epoch', date_trunc('day', a1))) / 86400 AS BIGINT)",
    ),
    (
        "date_diff",
        "hour",
        "CAST((date_part('epoch', date_trunc('hour', a2)) - date_part('epoch', date_trunc('hour', a1))) / 3600 AS BIGINT)",
    ),
    (
        "date_diff",
        "minute",
        "CAST((date_part('epoch', date_trunc('minute', a2)) - date_part('epoch', date_trunc('minute', a1))) / 60 AS BIGINT)",
    ),
    (
        "date_diff",
        "second",
        "CAST(date_part('epoch', date_trunc('second', a2)) - date_part('epoch', date_trunc('second', a1)) AS BIGINT)",
    ),
    ("dateadd", "year", "a2 + a1 * INTERVAL '1 year'"),
    ("dateadd", "quarter", "a2 + a1 * INTERVAL '3 months'"),
    ("dateadd", "month", "a2 + a1 * INTERVAL '1 month'"),
    ("dateadd", "week", "a2 + a1 * INTERVAL '7 days'"),
    ("dateadd", "day", "a2 + a1 * INTERVAL '1 day'"),
    ("dateadd", "hour", "a2 + a1 * INTERVAL '1 hour'"),
    ("dateadd", "minute", "a2 + a1 * INTERVAL '1 minute'"),
    ("dateadd", "second", "a2 + a1 * INTERVAL '1 second'"),
];

/// Most arguments of an expression.
const MAX_ARGUMENTS: usize = 4;

/// The parsed expressions, by name and number of arguments.
static PARSED: LazyLock<Vec<(&str, usize, Expr)>> = LazyLock::new(|| {
    let parsed = EXPRESSIONS.iter().filter_map(|(name, template)| {
        let arguments = (1..=MAX_ARGUMENTS).take_while(|at| template.contains(&placeholder(*at)));
        Some((*name, arguments.count(), parsed(template)?))
    });
    parsed.collect()
});

/// The parsed expressions, by name and unit.
static PARSED_UNITS: LazyLock<Vec<(&str, &str, Expr)>> = LazyLock::new(|| {
    let parsed = UNIT_EXPRESSIONS
        .iter()
        .filter_map(|(name, unit, template)| Some((*name, *unit, parsed(template)?)));
    parsed.collect()
});

/// The parsed template; a test parses them all.
fn parsed(template: &str) -> Option<Expr> {
    let expr = Parser::new(&SemqlDialect).try_with_sql(template);
    expr.and_then(|mut parser| parser.parse_expr()).ok()
}

fn placeholder(at: usize) -> String {
    format!("a{at}")
}

/// Replaces calls of such functions.
///
/// # Errors
/// None; the signature is that of a rule.
pub fn synonyms(expr: &mut Expr) -> Result<(), ParserError> {
    let Expr::Function(function) = expr else {
        return Ok(());
    };
    let Some(name) = function_name(function) else {
        return Ok(());
    };
    if let Some((_, known)) = NAMES.iter().find(|(synonym, _)| *synonym == name) {
        function.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::new(*known))]);
    } else if let Some(arguments) = plain_arguments(function)
        && let Some((template, arguments)) = expression(&name, &arguments)
    {
        let mut replaced = template.clone();
        let _ = replaced.visit(&mut Placeholders(arguments));
        *expr = match replaced {
            Expr::BinaryOp { .. } => Expr::Nested(Box::new(replaced)),
            other => other,
        };
    }
    Ok(())
}

/// The expression of a call, and its arguments.
fn expression<'a>(name: &str, arguments: &'a [Expr]) -> Option<(&'static Expr, &'a [Expr])> {
    let count = arguments.len();
    let mut known = PARSED.iter();
    if let Some((_, _, template)) = known.find(|(known, of, _)| *known == name && *of == count) {
        return Some((template, arguments));
    }
    let [unit, times @ ..] = arguments else {
        return None;
    };
    let unit = match unit {
        Expr::Identifier(unit) => unit.value.as_str(),
        unit => literal_text(unit)?,
    };
    let unit = unit.to_lowercase();
    let unit = unit.strip_suffix('s').unwrap_or(&unit);
    let name = if name == "datediff" {
        "date_diff"
    } else {
        name
    };
    let mut known = PARSED_UNITS.iter();
    let (_, _, template) = known.find(|(known, of, _)| *known == name && *of == unit)?;
    (times.len() == 2).then_some((template, times))
}

/// The arguments of a call without names and clauses.
fn plain_arguments(function: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let is_plain = list.duplicate_treatment.is_none()
        && list.clauses.is_empty()
        && function.filter.is_none()
        && function.over.is_none()
        && function.null_treatment.is_none()
        && function.within_group.is_empty();
    let arguments = list
        .args
        .iter()
        .map(|argument| argument_expr(argument).cloned());
    let arguments: Option<Vec<Expr>> = arguments.collect();
    arguments.filter(|_| is_plain)
}

/// Puts arguments in the place of `a1`, `a2` and so on.
struct Placeholders<'a>(&'a [Expr]);

impl VisitorMut for Placeholders<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expr {
            let mut arguments = self.0.iter().enumerate();
            let given = arguments.find(|(at, _)| name.value == placeholder(at + 1));
            if let Some((_, argument)) = given {
                *expr = match argument {
                    simple @ (Expr::Identifier(_) | Expr::Value(_) | Expr::Function(_)) => {
                        simple.clone()
                    }
                    other => Expr::Nested(Box::new(other.clone())),
                };
            }
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::FunctionRegistry;
    use datafusion::prelude::SessionContext;

    use super::*;

    #[test]
    fn expressions_are_sql() {
        assert_eq!(PARSED.len(), EXPRESSIONS.len());
        assert_eq!(PARSED_UNITS.len(), UNIT_EXPRESSIONS.len());
    }

    #[test]
    fn no_name_hides_a_function() {
        let ctx = SessionContext::new();
        crate::functions::register_functions(&ctx).unwrap();
        semql_udfs::register_all(&ctx).unwrap();
        let state = ctx.state();
        let names = NAMES.iter().chain(EXPRESSIONS).map(|(name, _)| *name);
        let of_units = UNIT_EXPRESSIONS.iter().map(|(name, _, _)| *name);
        for name in names.chain(of_units) {
            let known =
                state.udf(name).is_ok() || state.udaf(name).is_ok() || state.udwf(name).is_ok();
            assert!(!known, "{name}");
        }
    }
}
