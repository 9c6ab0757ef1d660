//! DROP TABLE and DROP VIEW.

use datafusion::logical_expr::TableType;
use datafusion::sql::sqlparser::ast::{ObjectName, ObjectType};

use super::dependents::{depends, views_over};
use super::object::ObjectPath;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::outcome::Outcome;
use crate::tables::StoredTable;

/// Drops tables or views. `cascade` also drops the views over them.
///
/// # Errors
/// An object that does not exist or is of the other kind; views over a table.
pub async fn run(
    session: &Session,
    kind: ObjectType,
    names: &[ObjectName],
    if_exists: bool,
    cascade: bool,
) -> Result<Outcome> {
    let word = match kind {
        ObjectType::View => "view",
        _ => "table",
    };
    let mut found_objects = Vec::new();
    for name in names {
        let path = ObjectPath::of(session, name)?;
        let found = match path.kind(session).await {
            Ok(found) => found,
            // DROP IF EXISTS also passes over a schema that does not exist.
            Err(error) if if_exists && error.kind == ErrorKind::UndefinedSchema => None,
            Err(error) => return Err(error),
        };
        match found {
            None if if_exists => continue,
            None => return Err(path.missing(word)),
            Some(found) => check_kind(&path, found, word)?,
        }
        // Only the views over tables in memory hold on to their rows.
        let table = path.find(session).await.ok().flatten();
        let stored = table.and_then(|table| table.downcast_ref::<StoredTable>().cloned());
        let views = match &stored {
            Some(stored) => views_over(session, stored).await?,
            None => Vec::new(),
        };
        if !views.is_empty() && !cascade {
            let next = "DROP ... CASCADE also drops them";
            return Err(depends(&views, &path.shown, next));
        }
        found_objects.push((path, stored, views));
    }
    // All names are checked before the first object is dropped.
    let mut dropped = Vec::new();
    for (path, stored, views) in found_objects {
        for view in views {
            view.schema(session)?.deregister_table(&view.name.table)?;
        }
        path.schema(session)?.deregister_table(&path.name.table)?;
        if let Some(stored) = stored
            && !session.tables.is_open()
        {
            stored.retire();
        }
        session.tables.descriptions().forget(&path.name);
        dropped.push(path.shown);
    }
    Ok(Outcome::done(match dropped.is_empty() {
        true => format!("there is no such {word}"),
        false => format!("dropped {word} {}", dropped.join(", ")),
    }))
}

fn check_kind(path: &ObjectPath, found: TableType, word: &str) -> Result<()> {
    let is_view = found == TableType::View;
    if is_view == (word == "view") {
        return Ok(());
    }
    let (other, statement) = match is_view {
        true => ("view", "DROP VIEW"),
        false => ("table", "DROP TABLE"),
    };
    Err(ShellError::of_kind(
        ErrorKind::UndefinedTable,
        format!(
            "'{}' is a {other}, not a {word}; {statement} removes it",
            path.shown
        ),
    ))
}
