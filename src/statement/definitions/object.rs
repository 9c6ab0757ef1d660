//! Names of tables, views and schemas.

use std::sync::Arc;

use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::TableType;
use datafusion::sql::sqlparser::ast::ObjectName;

use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::syntax::reference;
use crate::tables::{StoredTable, TEMPORARY_SCHEMA, TableName};

/// A name of a statement, resolved.
#[derive(Clone, Debug)]
pub struct ObjectPath {
    pub name: TableName,
    /// As the statement has it, for messages.
    pub shown: String,
    /// Whether the statement names the schema.
    pub is_qualified: bool,
}

impl ObjectPath {
    /// Resolves a name in the default catalogue and schema.
    ///
    /// # Errors
    /// A name with too many parts.
    pub fn of(session: &Session, name: &ObjectName) -> Result<Self> {
        let reference = reference(name).map_err(DataFusionError::from)?;
        let state = session.ctx.state();
        let defaults = &state.config_options().catalog;
        let is_qualified = reference.schema().is_some();
        let shown = reference.to_string();
        let resolved = reference.resolve(&defaults.default_catalog, &defaults.default_schema);
        Ok(Self {
            name: TableName {
                catalog: resolved.catalog.to_string(),
                schema: resolved.schema.to_string(),
                table: resolved.table.to_string(),
            },
            shown,
            is_qualified,
        })
    }

    /// The same place with another name.
    pub fn renamed(&self, table: String) -> Self {
        Self {
            shown: table.clone(),
            name: TableName {
                table,
                ..self.name.clone()
            },
            is_qualified: self.is_qualified,
        }
    }

    /// Whether the schema is that of temporary tables.
    pub fn is_in_temporary_schema(&self) -> bool {
        self.name.schema == TEMPORARY_SCHEMA
    }

    /// The schema.
    ///
    /// # Errors
    /// [`ErrorKind::UndefinedSchema`].
    pub fn schema(&self, session: &Session) -> Result<Arc<dyn SchemaProvider>> {
        let catalog = session.ctx.catalog(&self.name.catalog);
        let schema = catalog.and_then(|catalog| catalog.schema(&self.name.schema));
        schema.ok_or_else(|| {
            ShellError::of_kind(
                ErrorKind::UndefinedSchema,
                format!(
                    "schema '{}' does not exist; CREATE SCHEMA creates it",
                    self.name.schema
                ),
            )
        })
    }

    /// Whether the name is that of a temporary table of the session.
    pub fn is_temporary(&self, session: &Session) -> bool {
        session.tables.temporary(&self.name.table).is_some()
            && (!self.is_qualified || self.is_in_temporary_schema())
    }

    /// The kind of the object; `None` if it does not exist.
    ///
    /// # Errors
    /// As [`schema`](Self::schema); an object that cannot be opened.
    pub async fn kind(&self, session: &Session) -> Result<Option<TableType>> {
        Ok(self.schema(session)?.table_type(&self.name.table).await?)
    }

    /// The object; `None` if it does not exist.
    ///
    /// # Errors
    /// As [`kind`](Self::kind).
    pub async fn find(&self, session: &Session) -> Result<Option<Arc<dyn TableProvider>>> {
        Ok(self.schema(session)?.table(&self.name.table).await?)
    }

    /// The table in memory of this name.
    ///
    /// # Errors
    /// [`ErrorKind::UndefinedTable`]; another kind of table.
    pub async fn stored(&self, session: &Session, what: &str) -> Result<StoredTable> {
        let Some(table) = self.find(session).await? else {
            return Err(self.missing("table"));
        };
        let stored = table.downcast_ref::<StoredTable>().cloned();
        stored.ok_or_else(|| {
            ShellError::of_kind(
                ErrorKind::NotSupported,
                format!(
                    "{what} needs a table in memory, and '{}' is a view or reads files; CREATE TABLE ... AS SELECT makes a table of it",
                    self.shown
                ),
            )
        })
    }

    /// Error of an object that does not exist. `kind` is its kind in words.
    pub fn missing(&self, kind: &str) -> ShellError {
        ShellError::of_kind(
            ErrorKind::UndefinedTable,
            format!("{kind} '{}' does not exist", self.shown),
        )
    }

    /// Error of an object that exists.
    pub fn duplicate(&self) -> ShellError {
        ShellError::of_kind(
            ErrorKind::DuplicateTable,
            format!(
                "a table or view '{}' already exists; DROP removes it",
                self.shown
            ),
        )
    }
}
