//! Uncommitted changes of the names of a session.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::catalog::{CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::error::DataFusionError;

use super::errors::violation;
use super::private_versions::VersionMap;
use super::table_name::TableName;
use crate::error::ErrorKind;

/// Table or view that only its session sees.
#[derive(Clone, Debug)]
pub struct TemporaryTable {
    pub provider: Arc<dyn TableProvider>,
    /// `ON COMMIT DROP`.
    pub dropped_at_commit: bool,
}

pub type TemporaryTables = HashMap<String, TemporaryTable>;

/// Change of what a name stands for.
#[derive(Clone, Debug)]
pub struct NameChange {
    /// Whether the shared catalogue had the name before.
    pub existed: bool,
    pub now: Option<Arc<dyn TableProvider>>,
}

/// Schema that a transaction has created, or dropped.
#[derive(Clone, Debug)]
pub struct SchemaChange {
    pub catalog: String,
    pub schema: String,
    /// `None` for a created schema.
    pub before: Option<Arc<dyn SchemaProvider>>,
}

/// Open transaction.
#[derive(Debug, Default)]
pub struct Transaction {
    pub names: HashMap<TableName, NameChange>,
    /// In order. Other sessions see changes of schemas at once.
    pub schemas: Vec<SchemaChange>,
    pub temporary_before: TemporaryTables,
    pub savepoints: Vec<Savepoint>,
}

/// State of a transaction to return to.
#[derive(Debug)]
pub struct Savepoint {
    pub name: String,
    pub names: HashMap<TableName, NameChange>,
    pub schemas: usize,
    pub temporary: TemporaryTables,
    pub versions: VersionMap,
}

/// Takes back changes of schemas, the last one first.
pub fn restore_schemas(catalogs: &dyn CatalogProviderList, changes: &[SchemaChange]) {
    for change in changes.iter().rev() {
        let Some(catalog) = catalogs.catalog(&change.catalog) else {
            continue;
        };
        // A schema that another session has filled or created meanwhile stays.
        let _ = match &change.before {
            Some(before) if catalog.schema(&change.schema).is_none() => {
                catalog.register_schema(&change.schema, Arc::clone(before))
            }
            Some(_) => Ok(None),
            None => catalog.deregister_schema(&change.schema, false),
        };
    }
}

pub fn conflict(name: &TableName, why: &str) -> DataFusionError {
    violation(
        ErrorKind::ConcurrentChange,
        format!(
            "could not commit table '{}.{}': {why} since this transaction began; run the transaction again",
            name.schema, name.table
        ),
    )
}

pub fn no_savepoint(name: &str) -> DataFusionError {
    violation(
        ErrorKind::UndefinedSavepoint,
        format!("savepoint '{name}' does not exist"),
    )
}
