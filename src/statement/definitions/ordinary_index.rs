//! CREATE INDEX and DROP INDEX of tables in memory, as ORMs send them. Only unique
//! indexes have a meaning: they are unique constraints.

use datafusion::sql::sqlparser::ast::{CreateIndex, Expr, IndexColumn, ObjectName};

use super::constraint_rules::DeclaredConstraint;
use super::object::ObjectPath;
use super::table_change::TableChange;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::outcome::Outcome;
use crate::statement::syntax::folded;
use crate::tables::StoredTable;

/// Adds the unique constraint of a unique index. Others change nothing.
///
/// # Errors
/// A table that is not in memory; rows with the same key; a key over expressions.
pub async fn create(session: &Session, index: &CreateIndex) -> Result<Outcome> {
    let path = ObjectPath::of(session, &index.table_name)?;
    let what = "CREATE INDEX without USING hnsw";
    let table = path.stored(session, what).await?;
    if !index.unique {
        let message = "an index of a table in memory is not kept: its rows are scanned";
        return Ok(Outcome::done(message));
    }
    if index.predicate.is_some() || index.nulls_distinct == Some(false) {
        return Err(not_supported(
            "a unique index with WHERE or NULLS NOT DISTINCT",
        ));
    }
    let columns = index.columns.iter().cloned().map(column);
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let name = index.name.as_ref().map(last);
    if let Some(name) = &name
        && index.if_not_exists
        && table.definition().keys.iter().any(|key| key.name == *name)
    {
        return Ok(Outcome::done(format!("index {name} exists already")));
    }
    let mut change = TableChange::begin(session, &path, what).await?;
    change.alteration.add_constraint(DeclaredConstraint::Key {
        name,
        columns,
        primary: false,
    });
    change.store().await?;
    Ok(Outcome::done(format!(
        "table {} has unique keys",
        path.shown
    )))
}

/// Removes the unique constraints of unique indexes.
///
/// # Errors
/// Views over their table.
pub async fn drop(session: &Session, names: &[ObjectName]) -> Result<Outcome> {
    for name in names {
        let index = last(name);
        // An index is in the schema of its table.
        let place = ObjectPath::of(session, name)?;
        for table in place.schema(session)?.table_names() {
            let path = place.renamed(table);
            let table = path.find(session).await.ok().flatten();
            let stored = table.and_then(|table| table.downcast_ref::<StoredTable>().cloned());
            if let Some(table) = stored
                && table
                    .definition()
                    .keys
                    .iter()
                    .any(|key| key.name == index && !key.primary)
            {
                let mut change = TableChange::begin(session, &path, "DROP INDEX").await?;
                change.alteration.drop_constraint(&index, false)?;
                change.store().await?;
            }
        }
    }
    Ok(Outcome::done("dropped the index"))
}

fn column(column: IndexColumn) -> Result<String> {
    match column.column.expr {
        Expr::Identifier(name) => Ok(folded(name)),
        other => Err(not_supported(&format!(
            "a unique index over the expression {other}"
        ))),
    }
}

fn last(name: &ObjectName) -> String {
    let last = name.0.last().and_then(|part| part.as_ident()).cloned();
    last.map_or_else(String::new, folded)
}

fn not_supported(what: &str) -> ShellError {
    ShellError::of_kind(ErrorKind::NotSupported, format!("{what} is not supported"))
}
