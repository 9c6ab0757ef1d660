//! The prepared statements of a session.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::syntax::{PreparedStatementCommand, of};
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::parameters::PreparedPlan;
use crate::statement::parsed::Statement;

/// A statement that PREPARE has named.
#[derive(Debug)]
pub struct NamedStatement {
    pub statement: Statement,
    pub plan: PreparedPlan,
}

/// Prepared statements by name, as an extension of the session's configuration.
#[derive(Clone, Debug, Default)]
struct PreparedStatements(BTreeMap<String, Arc<NamedStatement>>);

/// The prepared statement of a name.
///
/// # Errors
/// [`ErrorKind::UndefinedPreparedStatement`].
pub fn get(session: &Session, name: &str) -> Result<Arc<NamedStatement>> {
    let statements = all(session);
    let statement = statements.0.get(name).cloned();
    statement.ok_or_else(|| undefined(name))
}

/// Adds a prepared statement.
///
/// # Errors
/// [`ErrorKind::DuplicatePreparedStatement`].
pub fn add(session: &Session, name: String, statement: NamedStatement) -> Result<()> {
    check_new(session, &name)?;
    change(session, |statements| {
        statements.insert(name, Arc::new(statement));
    });
    Ok(())
}

/// Checks that no prepared statement has the name.
///
/// # Errors
/// [`ErrorKind::DuplicatePreparedStatement`].
pub fn check_new(session: &Session, name: &str) -> Result<()> {
    match all(session).0.contains_key(name) {
        false => Ok(()),
        true => Err(ShellError::of_kind(
            ErrorKind::DuplicatePreparedStatement,
            format!("prepared statement '{name}' exists; DEALLOCATE it first"),
        )),
    }
}

/// Removes a prepared statement, or all for `None`.
///
/// # Errors
/// [`ErrorKind::UndefinedPreparedStatement`].
pub fn remove(session: &Session, name: Option<&str>) -> Result<()> {
    let Some(name) = name else {
        change(session, BTreeMap::clear);
        return Ok(());
    };
    get(session, name)?;
    change(session, |statements| {
        statements.remove(name);
    });
    Ok(())
}

/// The prepared statement that a statement executes; `None` if it does not exist, or for
/// statements other than EXECUTE.
pub fn executed(session: &Session, statement: &Statement) -> Option<Arc<NamedStatement>> {
    match of(statement)? {
        PreparedStatementCommand::Execute(execution) => get(session, &execution.name).ok(),
        _ => None,
    }
}

fn all(session: &Session) -> Arc<PreparedStatements> {
    let state = session.ctx.state_ref();
    let state = state.read();
    state
        .config()
        .get_extension::<PreparedStatements>()
        .unwrap_or_default()
}

/// Replaces the statements by changed ones, so that sessions made from this one keep theirs.
fn change(session: &Session, edit: impl FnOnce(&mut BTreeMap<String, Arc<NamedStatement>>)) {
    let state = session.ctx.state_ref();
    let mut state = state.write();
    let config = state.config_mut();
    let statements = config.get_extension::<PreparedStatements>();
    let mut statements = statements.map_or_else(PreparedStatements::default, |statements| {
        PreparedStatements::clone(&statements)
    });
    edit(&mut statements.0);
    config.set_extension(Arc::new(statements));
}

fn undefined(name: &str) -> ShellError {
    ShellError::of_kind(
        ErrorKind::UndefinedPreparedStatement,
        format!("prepared statement '{name}' does not exist; PREPARE it in this session"),
    )
}
