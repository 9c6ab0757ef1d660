//! The list of functions, and their registration in a session.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::prelude::SessionContext;

use super::exact_sum::ExactSum;
use super::operators::PostgresOperators;
use super::row_fraction::ROW_FRACTION;
use super::sql_function::{FunctionSpec, SqlFunction};
use super::times::interval_functions::{
    AGE, INTERVAL_TIMES, JUSTIFY_DAYS, JUSTIFY_HOURS, JUSTIFY_INTERVAL,
};
use super::times::time_zone::{TIMEZONE, WALL_CLOCK};
use super::{
    arrays, bytes_of_text, checked_text, formatted_function, integer_arithmetic, json, json_access,
    nearest_integer, number_functions, patterns, quoting, regexp_split, session_functions, text,
};

/// Every function of a description.
const SPECS: &[&FunctionSpec] = &[
    &text::TEXT,
    &bytes_of_text::BYTES_OF_TEXT,
    &checked_text::JSON_OF_TEXT,
    &checked_text::JSONB_OF_TEXT,
    &checked_text::UUID_OF_TEXT,
    &integer_arithmetic::INTEGER_SUM,
    &integer_arithmetic::INTEGER_DIFFERENCE,
    &integer_arithmetic::INTEGER_PRODUCT,
    &nearest_integer::NEAREST_INTEGER,
    &arrays::ARRAY_OF_TEXT,
    &arrays::ARRAY_LIKE,
    &arrays::ARRAY_PERCENTILE,
    &arrays::ARRAY_MODE,
    &arrays::DATE_PLUS_DAYS,
    &patterns::SIMILAR_TO_ESCAPE,
    &patterns::LIKE_ESCAPE,
    &regexp_split::REGEXP_SPLIT_TO_ARRAY,
    &number_functions::TO_NUMBER,
    &TIMEZONE,
    &WALL_CLOCK,
    &INTERVAL_TIMES,
    &AGE,
    &JUSTIFY_DAYS,
    &JUSTIFY_HOURS,
    &JUSTIFY_INTERVAL,
    &quoting::QUOTE_IDENT,
    &quoting::QUOTE_LITERAL,
    &quoting::QUOTE_NULLABLE,
    &quoting::FORMAT,
    &ROW_FRACTION,
    &session_functions::CURRENT_USER,
    &session_functions::SESSION_USER,
    &session_functions::CURRENT_DATABASE,
    &session_functions::CURRENT_SCHEMA,
    &json_access::JSON_OBJECT_FIELD,
    &json_access::JSON_OBJECT_FIELD_TEXT,
    &json_access::JSON_ARRAY_ELEMENT,
    &json_access::JSON_ARRAY_ELEMENT_TEXT,
    &json_access::JSON_EXTRACT_PATH,
    &json_access::JSON_EXTRACT_PATH_TEXT,
    &json_access::JSON_EXTRACT,
    &json_access::JSON_EXTRACT_STRING,
    &json_access::JSON_TYPEOF,
    &json_access::JSON_ARRAY_LENGTH,
    &json_access::JSON_ARRAY_ELEMENTS,
    &json_access::JSON_ARRAY_ELEMENTS_TEXT,
    &json_access::JSON_OBJECT_KEYS,
    &json::TO_JSON,
    &json::ROW_TO_JSON,
    &json::JSON_BUILD_OBJECT,
    &json::JSON_BUILD_ARRAY,
    &json::JSON_OF_ROWS,
    &json::JSON_OF_PAIRS,
];

/// Other names of functions. Binary JSON of Postgres is text here too.
const ALIASES: &[(&str, &str)] = &[
    ("to_jsonb", "to_json"),
    ("jsonb_array_element", "json_array_element"),
    ("jsonb_array_element_text", "json_array_element_text"),
    ("jsonb_array_elements", "json_array_elements"),
    ("jsonb_array_elements_text", "json_array_elements_text"),
    ("jsonb_array_length", "json_array_length"),
    ("jsonb_build_object", "json_build_object"),
    ("jsonb_extract_path", "json_extract_path"),
    ("jsonb_extract_path_text", "json_extract_path_text"),
    ("jsonb_object_field", "json_object_field"),
    ("jsonb_object_field_text", "json_object_field_text"),
    ("jsonb_object_keys", "json_object_keys"),
    ("jsonb_typeof", "json_typeof"),
    ("jsonb_build_array", "json_build_array"),
];

/// Adds functions and operators to a session, after those of the engine, some of which
/// they replace.
///
/// # Errors
/// The engine refuses a registration.
pub fn register_functions(ctx: &SessionContext) -> Result<()> {
    let described = SPECS.iter().map(|spec| {
        let aliases = ALIASES.iter().filter(|(_, name)| *name == spec.name);
        SqlFunction::udf(spec).with_aliases(aliases.map(|(alias, _)| *alias))
    });
    let config = ctx.copied_config();
    let formatted = formatted_function::functions(config.options());
    let all: Vec<ScalarUDF> = described.chain(formatted).collect();
    for function in all {
        ctx.register_udf(function);
    }
    ctx.register_udaf(AggregateUDF::from(ExactSum::default()));
    let state = ctx.state_ref();
    state
        .write()
        .register_expr_planner(Arc::new(PostgresOperators))
}
