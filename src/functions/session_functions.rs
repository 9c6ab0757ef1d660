//! Values of the session: `current_user`, `session_user`, `current_database`,
//! `current_schema`, `localtimestamp`.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use datafusion::error::Result;
use datafusion::logical_expr::Volatility;

use super::sql_function::{ArrayCall, FunctionSpec, as_given, returns_text};

/// User of a session that needs no authentication.
const DEFAULT_USER: &str = "semql";

const fn session_value(
    name: &'static str,
    syntax: &'static str,
    description: &'static str,
    evaluate: fn(&ArrayCall<'_>) -> Result<ArrayRef>,
) -> FunctionSpec {
    FunctionSpec {
        name,
        syntax,
        description,
        arity: (0, 0),
        coerce: as_given,
        result: returns_text,
        evaluate,
        replace: None,
        keeps_nulls: false,
        volatility: Volatility::Stable,
    }
}

pub static CURRENT_USER: FunctionSpec = session_value(
    "current_user",
    "current_user",
    "Name of the user of the session.",
    |_| Ok(Arc::new(StringArray::from(vec![DEFAULT_USER]))),
);

pub static SESSION_USER: FunctionSpec = session_value(
    "session_user",
    "session_user",
    "Name of the user that opened the session.",
    |_| Ok(Arc::new(StringArray::from(vec![DEFAULT_USER]))),
);

pub static CURRENT_DATABASE: FunctionSpec = session_value(
    "current_database",
    "current_database()",
    "Name of the catalogue of tables without another.",
    |call| {
        let name = call.config.catalog.default_catalog.clone();
        Ok(Arc::new(StringArray::from(vec![name])))
    },
);

pub static CURRENT_SCHEMA: FunctionSpec = session_value(
    "current_schema",
    "current_schema()",
    "Name of the schema of tables without another.",
    |call| {
        let name = call.config.catalog.default_schema.clone();
        Ok(Arc::new(StringArray::from(vec![name])))
    },
);
