//! COMMENT ON: descriptions of tables and columns.

use datafusion::sql::sqlparser::ast::{CommentObject, ObjectName};

use super::object::ObjectPath;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::outcome::Outcome;
use crate::statement::syntax::folded;

/// Keeps the description of a table, a view or a column; NULL removes it.
/// Descriptions of other objects are not kept.
///
/// # Errors
/// An object that does not exist.
pub async fn run(
    session: &Session,
    kind: CommentObject,
    name: &ObjectName,
    text: Option<String>,
) -> Result<Outcome> {
    match kind {
        CommentObject::Table | CommentObject::View | CommentObject::MaterializedView => {
            let path = ObjectPath::of(session, name)?;
            if path.kind(session).await?.is_none() {
                return Err(path.missing("table or view"));
            }
            session.tables.descriptions().set(path.name, None, text);
        }
        CommentObject::Column => {
            let mut table = name.clone();
            let column = table.0.pop().and_then(|part| part.as_ident().cloned());
            let column = column.map_or_else(String::new, folded);
            if table.0.is_empty() {
                return Err(ShellError::of_kind(
                    ErrorKind::Syntax,
                    "COMMENT ON COLUMN needs a table: COMMENT ON COLUMN table.column IS 'text'",
                ));
            }
            let path = ObjectPath::of(session, &table)?;
            let Some(provider) = path.find(session).await? else {
                return Err(path.missing("table or view"));
            };
            if provider.schema().index_of(&column).is_err() {
                return Err(ShellError::of_kind(
                    ErrorKind::UndefinedColumn,
                    format!("column '{column}' of '{}' does not exist", path.shown),
                ));
            }
            session
                .tables
                .descriptions()
                .set(path.name, Some(column), text);
        }
        _ => {
            let message = "comments on other objects than tables, views and columns are not kept";
            return Ok(Outcome::done(message));
        }
    }
    Ok(Outcome::done("kept the description"))
}
