//! Diagnosis of planning errors: tables, files and table functions that do not
//! exist. It looks the names up and never parses the engine's message.

use std::ops::ControlFlow;

use datafusion::common::TableReference;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{Expr, Ident, TableFactor, Visit, Visitor};

use super::syntax::explained_ast;
use crate::dictionary;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::suggest::{closest, hint};

/// Adds kind and nearest name to the error of a statement that names something
/// that does not exist.
pub async fn diagnose(
    session: &Session,
    statement: &EngineStatement,
    error: ShellError,
) -> ShellError {
    // Any other kind is precise already.
    if error.kind != ErrorKind::Statement {
        return error;
    }
    let state = session.ctx.state();
    let calls = FunctionCalls::of(statement);
    if let Some(name) = calls
        .tables
        .iter()
        .find(|name| !state.table_functions().contains_key(*name))
    {
        let near = hint(name, state.table_functions().keys().map(String::as_str));
        return ShellError {
            message: format!("there is no table function '{name}'{near}"),
            kind: ErrorKind::UndefinedFunction,
            ..error
        };
    }
    for table in state
        .resolve_table_references(statement)
        .unwrap_or_default()
    {
        // A table function is among the references, and reports its own errors.
        if calls.tables.iter().any(|name| name == table.table()) {
            continue;
        }
        if is_missing(session, &table).await {
            return missing(session, &table, error);
        }
    }
    let known = |name: &String| {
        state.scalar_functions().contains_key(name)
            || state.aggregate_functions().contains_key(name)
            || state.window_functions().contains_key(name)
    };
    match calls.functions.iter().any(|name| !known(name)) {
        true => ShellError {
            kind: ErrorKind::UndefinedFunction,
            ..error
        },
        false => error,
    }
}

/// Checks that a table exists.
///
/// # Errors
/// [`ErrorKind::UndefinedTable`], with the nearest name.
pub async fn check_table(session: &Session, table: &TableReference) -> Result<()> {
    match is_missing(session, table).await {
        true => Err(missing(session, table, ShellError::query(""))),
        false => Ok(()),
    }
}

async fn is_missing(session: &Session, table: &TableReference) -> bool {
    match session.ctx.state().schema_for_ref(table.clone()) {
        Ok(schema) => matches!(schema.table(table.table()).await, Ok(None)),
        Err(_) => true,
    }
}

fn missing(session: &Session, table: &TableReference, error: ShellError) -> ShellError {
    let state = session.ctx.state();
    let names = &state.config_options().catalog;
    let full = table.to_string();
    let default = format!("{}.{}.", names.default_catalog, names.default_schema);
    let name = full.strip_prefix(&default).unwrap_or(&full);
    let name = match table {
        TableReference::Bare { table } => table,
        _ => name,
    };
    if let Some(why) = dictionary::missing_data_message(&session.dictionary, name) {
        return ShellError {
            message: why,
            kind: ErrorKind::UndefinedTable,
            ..error
        };
    }
    let message = match (name, nearest(session, name)) {
        ("_", _) => "there is no table _: it is the result of the last query, \
                     and there is none, or it was too large to keep"
            .to_string(),
        (_, Some(near)) => format!("there is no table or file '{name}'; did you mean '{near}'?"),
        (_, None) => format!("there is no table or file '{name}'; \\dt lists the tables"),
    };
    ShellError {
        message,
        kind: ErrorKind::UndefinedTable,
        ..error
    }
}

fn nearest(session: &Session, name: &str) -> Option<String> {
    let like_a_file = name.contains('/') || std::path::Path::new(name).extension().is_some();
    if let Some(file) = nearest_file(session, name).filter(|_| like_a_file) {
        return Some(file);
    }
    let tables = tables(session);
    closest(name, tables.iter().map(String::as_str)).map(str::to_string)
}

/// Names of all tables of the default schema.
pub fn tables(session: &Session) -> Vec<String> {
    let state = session.ctx.state();
    let catalogue = &state.config_options().catalog;
    let anything = TableReference::full(
        catalogue.default_catalog.as_str(),
        catalogue.default_schema.as_str(),
        "_",
    );
    state
        .schema_for_ref(anything)
        .map(|schema| schema.table_names())
        .unwrap_or_default()
}

/// The file in the same folder with the nearest name, if the policy allows listing
/// the folder.
fn nearest_file(session: &Session, name: &str) -> Option<String> {
    let path = std::path::Path::new(name);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let wanted = path.file_name()?.to_str()?;
    let listed = folder.unwrap_or(std::path::Path::new("."));
    session.policy.check_read_path(listed).ok()?;
    let names: Vec<String> = std::fs::read_dir(listed)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let near = closest(wanted, names.iter().map(String::as_str))?;
    Some(match folder {
        Some(folder) => folder.join(near).display().to_string(),
        None => near.to_string(),
    })
}

/// Names of the functions that a statement calls, in lower case.
#[derive(Default)]
struct FunctionCalls {
    tables: Vec<String>,
    functions: Vec<String>,
}

impl FunctionCalls {
    fn of(statement: &EngineStatement) -> Self {
        let mut calls = Self::default();
        if let Some(ast) = explained_ast(statement) {
            let _ = ast.visit(&mut calls);
        }
        calls
    }
}

impl Visitor for FunctionCalls {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            name,
            args: Some(_),
            ..
        } = factor
        {
            self.tables
                .extend(lower_case(&name.0.last().and_then(|part| part.as_ident())));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            let name = function.name.0.last().and_then(|part| part.as_ident());
            self.functions.extend(lower_case(&name));
        }
        ControlFlow::Continue(())
    }
}

fn lower_case(name: &Option<&Ident>) -> Option<String> {
    name.map(|name| name.value.to_lowercase())
}
