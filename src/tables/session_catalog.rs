//! Catalogue as one session sees it: the shared one, with the temporary tables and
//! the uncommitted changes of the session.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::error::Result;
use datafusion::logical_expr::TableType;

use super::row_view::RowView;
use super::rows_name::table_of_rows_name;
use super::session_tables::SessionTables;
use super::stored_table::StoredTable;
use super::table_name::TableName;

/// Schema with the temporary tables of the session alone.
pub const TEMPORARY_SCHEMA: &str = "pg_temp";

/// Names of the default catalogue and schema, in which temporary tables are found.
#[derive(Clone, Debug)]
pub struct DefaultSchema {
    pub catalog: String,
    pub schema: String,
}

/// Catalogues of one session.
#[derive(Debug)]
pub struct SessionCatalogs {
    shared: Arc<dyn CatalogProviderList>,
    tables: Arc<SessionTables>,
    default: DefaultSchema,
}

impl SessionCatalogs {
    pub fn new(
        shared: Arc<dyn CatalogProviderList>,
        tables: Arc<SessionTables>,
        default: DefaultSchema,
    ) -> Self {
        Self {
            shared,
            tables,
            default,
        }
    }
}

impl CatalogProviderList for SessionCatalogs {
    fn register_catalog(
        &self,
        name: String,
        catalog: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        self.shared.register_catalog(name, catalog)
    }

    fn catalog_names(&self) -> Vec<String> {
        self.shared.catalog_names()
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        Some(Arc::new(SessionCatalog {
            name: name.to_string(),
            shared: self.shared.catalog(name)?,
            tables: Arc::clone(&self.tables),
            default: self.default.clone(),
        }))
    }
}

#[derive(Debug)]
struct SessionCatalog {
    name: String,
    shared: Arc<dyn CatalogProvider>,
    tables: Arc<SessionTables>,
    default: DefaultSchema,
}

impl CatalogProvider for SessionCatalog {
    fn schema_names(&self) -> Vec<String> {
        self.shared.schema_names()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let is_temporary = name == TEMPORARY_SCHEMA;
        let shared: Arc<dyn SchemaProvider> = match is_temporary {
            true => Arc::new(MemorySchemaProvider::new()),
            false => self.shared.schema(name)?,
        };
        let is_default = self.name == self.default.catalog && name == self.default.schema;
        Some(Arc::new(SessionSchema {
            catalog: self.name.clone(),
            schema: name.to_string(),
            has_temporary: is_temporary || is_default,
            shared,
            tables: Arc::clone(&self.tables),
        }))
    }

    fn register_schema(
        &self,
        name: &str,
        schema: Arc<dyn SchemaProvider>,
    ) -> Result<Option<Arc<dyn SchemaProvider>>> {
        self.shared.register_schema(name, schema)
    }

    fn deregister_schema(
        &self,
        name: &str,
        cascade: bool,
    ) -> Result<Option<Arc<dyn SchemaProvider>>> {
        self.shared.deregister_schema(name, cascade)
    }
}

#[derive(Debug)]
struct SessionSchema {
    catalog: String,
    schema: String,
    /// Whether the temporary tables of the session are found here.
    has_temporary: bool,
    shared: Arc<dyn SchemaProvider>,
    tables: Arc<SessionTables>,
}

impl SessionSchema {
    fn full(&self, name: &str) -> TableName {
        TableName {
            catalog: self.catalog.clone(),
            schema: self.schema.clone(),
            table: name.to_string(),
        }
    }

    /// What the session has in place of the shared table; `None` if nothing.
    fn own(&self, name: &str) -> Option<Option<Arc<dyn TableProvider>>> {
        let temporary = match self.has_temporary {
            true => self.tables.temporary(name),
            false => None,
        };
        match temporary {
            Some(table) => Some(Some(table)),
            None => self.tables.changed(&self.full(name)),
        }
    }

    async fn resolve(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.own(name) {
            Some(own) => Ok(own),
            None => self.shared.table(name).await,
        }
    }
}

#[async_trait]
impl SchemaProvider for SessionSchema {
    fn owner_name(&self) -> Option<&str> {
        self.shared.owner_name()
    }

    fn table_names(&self) -> Vec<String> {
        let mut names: BTreeSet<String> = self.shared.table_names().into_iter().collect();
        for (name, exists) in self.tables.changed_names(&self.catalog, &self.schema) {
            match exists {
                true => names.insert(name),
                false => names.remove(&name),
            };
        }
        if self.has_temporary {
            names.extend(self.tables.temporary_names());
        }
        names.into_iter().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(name) = table_of_rows_name(name) else {
            return self.resolve(name).await;
        };
        let table = self.resolve(name).await?;
        let stored = table
            .as_ref()
            .and_then(|table| table.downcast_ref::<StoredTable>());
        Ok(stored.map(|table| Arc::new(RowView::new(table.clone())) as Arc<dyn TableProvider>))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        match self.own(name) {
            Some(own) => Ok(own.map(|table| table.table_type())),
            None => self.shared.table_type(name).await,
        }
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        let existed = self.shared.table_exist(&name);
        match self
            .tables
            .change(self.full(&name), existed, Some(Arc::clone(&table)))
        {
            true => Ok(None),
            false => self.shared.register_table(name, table),
        }
    }

    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if self.has_temporary
            && let Some(table) = self.tables.remove_temporary(name)
        {
            return Ok(Some(table.provider));
        }
        let before = self.tables.changed(&self.full(name));
        let existed = self.shared.table_exist(name);
        match self.tables.change(self.full(name), existed, None) {
            true => Ok(before.flatten()),
            false => self.shared.deregister_table(name),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        match self.own(name) {
            Some(own) => own.is_some(),
            None => self.shared.table_exist(name),
        }
    }
}
