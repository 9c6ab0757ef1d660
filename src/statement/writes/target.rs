//! Table that a statement writes.

use datafusion::common::{DFSchema, TableReference};
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, ObjectNamePart, TableAlias, TableFactor};

use super::select::table_factor;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::syntax::{folded, reference};
use crate::tables::{StoredTable, rows_name};

/// Table in memory, with the names of the statement.
#[derive(Clone, Debug)]
pub struct WriteTarget {
    pub name: TableReference,
    /// Name of the table in the expressions of the statement.
    pub alias: Ident,
    pub table: StoredTable,
}

impl WriteTarget {
    /// The target of a name; `None` if it is not a table in memory.
    ///
    /// # Errors
    /// A name with too many parts; a table that cannot be opened.
    pub async fn find(
        session: &Session,
        name: &ObjectName,
        alias: Option<&Ident>,
    ) -> Result<Option<Self>> {
        let last = name.0.last().and_then(|part| part.as_ident());
        let Some(last) = last else { return Ok(None) };
        let alias = alias.unwrap_or(last).clone();
        let name = reference(name).map_err(DataFusionError::from)?;
        let table = stored_table(session, &name).await?;
        Ok(table.map(|table| Self { name, alias, table }))
    }

    /// The target of an item of FROM.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub async fn of_factor(session: &Session, factor: &TableFactor) -> Result<Option<Self>> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                ..
            } => Self::find(session, name, alias.as_ref().map(|alias| &alias.name)).await,
            _ => Ok(None),
        }
    }

    /// Item of FROM that gives the rows of the table with their ids.
    pub fn rows_factor(&self, name: &ObjectName) -> TableFactor {
        let mut name = name.clone();
        let rows = Ident::with_quote('"', rows_name(self.name.table()));
        name.0.pop();
        name.0.push(ObjectNamePart::Identifier(rows));
        let alias = TableAlias {
            explicit: true,
            name: self.alias.clone(),
            columns: Vec::new(),
            at: None,
        };
        table_factor(name, Some(alias))
    }

    /// Qualifier of the table's columns in expressions.
    pub fn qualifier(&self) -> TableReference {
        TableReference::bare(folded(self.alias.clone()))
    }

    /// Schema of the table for the expressions of the statement.
    ///
    /// # Errors
    /// Two columns of the same name.
    pub fn schema(&self) -> EngineResult<DFSchema> {
        DFSchema::try_from_qualified_schema(self.qualifier(), &self.table.definition().schema)
    }

    /// Position of a column.
    ///
    /// # Errors
    /// [`ErrorKind::UndefinedColumn`].
    pub fn column(&self, name: &str) -> Result<usize> {
        self.table.definition().schema.index_of(name).map_err(|_| {
            ShellError::of_kind(
                ErrorKind::UndefinedColumn,
                format!(
                    "column '{name}' of table '{}' does not exist",
                    self.name.table()
                ),
            )
        })
    }

    /// Checks that the name still stands for the table.
    ///
    /// # Errors
    /// The table was dropped or replaced after the statement was prepared.
    pub async fn check_current(&self, session: &Session) -> Result<()> {
        let current = stored_table(session, &self.name).await?;
        match current.is_some_and(|current| current.id() == self.table.id()) {
            true => Ok(()),
            false => Err(ShellError::of_kind(
                ErrorKind::NotSupported,
                format!(
                    "table '{}' has changed since the statement was prepared; prepare it again",
                    self.name
                ),
            )),
        }
    }
}

/// The table in memory with a name; `None` if it does not exist or is another kind
/// of table.
async fn stored_table(session: &Session, name: &TableReference) -> Result<Option<StoredTable>> {
    let Ok(schema) = session.state().schema_for_ref(name.clone()) else {
        return Ok(None);
    };
    let table = schema.table(name.table()).await?;
    Ok(table.and_then(|table| table.downcast_ref::<StoredTable>().cloned()))
}
