//! Parts of a `COPY ... TO` statement: its source, options, columns and URL.

use std::collections::HashMap;

use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{CopyToSource, CopyToStatement};
use datafusion::sql::sqlparser::ast::{DollarQuotedString, Value};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use url::Url;

use crate::dictionary::annotate::annotate;
use crate::error::{Result, ShellError};
use crate::output::member_names::check_member_names;
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

/// Removes the option `mode`, one of `modes`: create, append and replace.
///
/// # Errors
/// Another mode.
pub fn mode<M: Copy>(
    options: &mut HashMap<String, String>,
    modes: &[(&str, M)],
) -> Result<Option<M>> {
    let Some(name) = options.remove("format.mode") else {
        return Ok(None);
    };
    let known = modes
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(&name));
    let known = known.map(|(_, mode)| *mode);
    known.map(Some).ok_or_else(|| {
        ShellError::query(format!("mode is create, append or replace, not '{name}'"))
    })
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

/// Checks that names of columns and of the fields of a struct are unique, and that some
/// columns remain beside the partition columns.
///
/// # Errors
/// The column, and what to do.
pub fn check_columns(statement: &CopyToStatement, schema: &SchemaRef) -> Result<()> {
    check_member_names(schema)?;
    check_partition_columns("PARTITIONED BY", &partition_columns(statement)?, schema)
}

/// Adds the descriptions of the dictionary, of the source table and of the target.
pub fn described(session: &Session, statement: &CopyToStatement, schema: SchemaRef) -> SchemaRef {
    let schema = match &statement.source {
        CopyToSource::Relation(name) => {
            let name = name
                .0
                .last()
                .and_then(|part| part.as_ident())
                .map(|ident| ident.value.as_str());
            annotate(&session.dictionary, name, &schema)
        }
        CopyToSource::Query(_) => schema,
    };
    annotate(&session.dictionary, Some(&statement.target), &schema)
}

/// Checks that partition columns exist, and leave others. `clause` names them.
///
/// # Errors
/// The column, and what to do.
pub fn check_partition_columns(clause: &str, columns: &[String], schema: &SchemaRef) -> Result<()> {
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    for column in columns {
        if !names().any(|name| name == column) {
            return Err(ShellError::query(format!(
                "{clause}: there is no column '{column}'{}",
                crate::suggest::hint(column, names())
            )));
        }
    }
    if !columns.is_empty() && columns.len() == schema.fields().len() {
        return Err(ShellError::query(format!(
            "{clause} leaves no column to write; keep one out of it"
        )));
    }
    Ok(())
}

/// Names of the columns of `PARTITIONED BY`, which the parser keeps as they are written.
///
/// # Errors
/// A name that is not one.
pub fn partition_columns(statement: &CopyToStatement) -> Result<Vec<String>> {
    let name = |written: &String| -> Result<String> {
        let parsed = Parser::new(&GenericDialect {})
            .try_with_sql(written)
            .and_then(|mut parser| parser.parse_identifier());
        parsed.map(|name| name.value).map_err(|error| {
            ShellError::query(format!(
                "PARTITIONED BY: '{written}' is not a name: {error}"
            ))
        })
    };
    statement.partitioned_by.iter().map(name).collect()
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
