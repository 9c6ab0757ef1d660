//! New names of tables and views.

use datafusion::logical_expr::TableType;
use datafusion::sql::sqlparser::ast::{ObjectName, ObjectNamePart};

use super::object::ObjectPath;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::outcome::Outcome;
use crate::statement::syntax::folded;
use crate::tables::StoredTable;

/// Runs `ALTER VIEW ... RENAME TO`.
///
/// # Errors
/// As [`rename`]; an object that is not a view.
pub async fn rename_view(
    session: &Session,
    name: &ObjectName,
    to: &ObjectName,
    if_exists: bool,
) -> Result<Outcome> {
    let path = ObjectPath::of(session, name)?;
    match path.kind(session).await? {
        Some(TableType::View) => rename(session, &path, to).await,
        Some(_) => Err(ShellError::of_kind(
            ErrorKind::UndefinedTable,
            format!(
                "'{}' is a table, not a view; ALTER TABLE renames it",
                path.shown
            ),
        )),
        None if if_exists => Ok(Outcome::done("there is no such view")),
        None => Err(path.missing("view")),
    }
}

/// Gives a table or view another name in its schema. Views over it stay valid.
///
/// # Errors
/// An object that does not exist; a name that does, or that has a schema.
pub async fn rename(session: &Session, path: &ObjectPath, to: &ObjectName) -> Result<Outcome> {
    let [ObjectNamePart::Identifier(to)] = to.0.as_slice() else {
        return Err(ShellError::of_kind(
            ErrorKind::Syntax,
            format!("RENAME TO takes a name without a schema, not '{to}'"),
        ));
    };
    let new = path.renamed(folded(to.clone()));
    if path.is_temporary(session) {
        if session.tables.temporary(&new.name.table).is_some() {
            return Err(new.duplicate());
        }
        if let Some(table) = session.tables.remove_temporary(&path.name.table) {
            session.tables.put_temporary(new.name.table.clone(), table);
        }
        return Ok(Outcome::done(format!(
            "renamed {} to {}",
            path.shown, new.shown
        )));
    }
    let Some(table) = path.find(session).await? else {
        return Err(path.missing("table or view"));
    };
    let schema = path.schema(session)?;
    if schema.table_exist(&new.name.table) {
        return Err(new.duplicate());
    }
    if let Some(stored) = table.downcast_ref::<StoredTable>() {
        stored.set_name(&new.name.table);
    }
    schema.deregister_table(&path.name.table)?;
    schema.register_table(new.name.table.clone(), table)?;
    session.tables.descriptions().rename(&path.name, &new.name);
    Ok(Outcome::done(format!(
        "renamed {} to {}",
        path.shown, new.shown
    )))
}
