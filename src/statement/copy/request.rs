//! Parts of a `COPY ... TO` statement: its source, options, columns and URL.

use std::collections::{HashMap, HashSet};

use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{CopyToSource, CopyToStatement};
use datafusion::sql::sqlparser::ast::{DollarQuotedString, Value};
use url::Url;

use crate::error::{Result, ShellError};
use crate::session::Session;
use crate::sources::remote::is_writable;
use crate::statement::query;
use crate::statement::syntax::select;

/// Reads the options of the statement; keys without a dot get the prefix `format.`.
///
/// # Errors
/// A value that is neither text, number nor boolean.
pub fn options(given: &[(String, Value)]) -> Result<HashMap<String, String>> {
    let mut options = HashMap::new();
    for (key, value) in given {
        let text = match value {
            Value::SingleQuotedString(text)
            | Value::DollarQuotedString(DollarQuotedString { value: text, .. })
            | Value::UnicodeStringLiteral(text)
            | Value::EscapedStringLiteral(text) => text.clone(),
            Value::Number(_, _) | Value::Boolean(_) => value.to_string(),
            other => {
                return Err(ShellError::query(format!(
                    "the option '{key}' cannot be {other}"
                )));
            }
        };
        let key = key.to_lowercase();
        options.insert(
            if key.contains('.') {
                key
            } else {
                format!("format.{key}")
            },
            text,
        );
    }
    Ok(options)
}

/// Plans the table or query that is copied.
///
/// # Errors
/// As [`query::plan_query`].
pub async fn source(session: &Session, source: &CopyToSource) -> Result<LogicalPlan> {
    let query = match source {
        CopyToSource::Relation(name) => select(name, Vec::new()).map_err(DataFusionError::from)?,
        CopyToSource::Query(query) => query.clone(),
    };
    query::plan_query(session, query).await
}

/// Checks that column names are unique, and that some columns remain beside the
/// partition columns.
///
/// # Errors
/// The column, and what to do.
pub fn check_columns(statement: &CopyToStatement, schema: &SchemaRef) -> Result<()> {
    let mut seen = HashSet::new();
    for field in schema.fields() {
        if !seen.insert(field.name()) {
            return Err(ShellError::query(format!(
                "two columns are called '{}'; rename one of them with AS",
                field.name()
            )));
        }
    }
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    for column in &statement.partitioned_by {
        if !names().any(|name| name == column) {
            return Err(ShellError::query(format!(
                "PARTITIONED BY: there is no column '{column}'{}",
                crate::suggest::hint(column, names())
            )));
        }
    }
    if !statement.partitioned_by.is_empty()
        && statement.partitioned_by.len() == schema.fields().len()
    {
        return Err(ShellError::query(
            "PARTITIONED BY leaves no column to write; keep one out of it",
        ));
    }
    Ok(())
}

/// Parses a target that is not a path.
///
/// # Errors
/// An invalid or read-only URL.
pub fn remote_target(target: &str) -> Result<Url> {
    let url = Url::parse(target)
        .map_err(|error| ShellError::query(format!("'{target}' is not a URL: {error}")))?;
    if !is_writable(&url) {
        return Err(ShellError::query(format!(
            "'{target}' can only be read; write to a path or to s3://"
        )));
    }
    Ok(url)
}
