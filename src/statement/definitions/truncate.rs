//! TRUNCATE.

use datafusion::sql::sqlparser::ast::{Truncate, TruncateIdentityOption};

use super::object::ObjectPath;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::outcome::Outcome;

/// Removes all rows of tables in memory.
///
/// # Errors
/// A table that does not exist, or is not in memory.
pub async fn run(session: &Session, truncate: &Truncate) -> Result<Outcome> {
    if truncate.partitions.is_some() || truncate.on_cluster.is_some() {
        return Err(ShellError::of_kind(
            ErrorKind::NotSupported,
            "TRUNCATE of partitions is not supported",
        ));
    }
    let mut tables = Vec::new();
    for target in &truncate.table_names {
        let path = ObjectPath::of(session, &target.name)?;
        if truncate.if_exists && path.kind(session).await?.is_none() {
            continue;
        }
        let table = path.stored(session, "TRUNCATE").await?;
        tables.push((path.shown, table));
    }
    let versions = Some(session.tables.versions().as_ref());
    for (_, table) in &tables {
        let _exclusive = match session.tables.is_open() {
            true => None,
            false => Some(table.writer().lock_owned().await),
        };
        table.clear(versions)?;
        if let Some(TruncateIdentityOption::Restart) = truncate.identity {
            let columns = table.definition().columns.iter();
            for (_, sequence) in columns.filter_map(|column| column.identity.as_ref()) {
                sequence.restart();
            }
        }
    }
    let names: Vec<String> = tables.into_iter().map(|(name, _)| name).collect();
    Ok(Outcome::done(format!("truncated {}", names.join(", "))))
}
