//! Schema provider of the catalogue, whose tables are read when a query runs.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::catalog::{MemTable, SchemaProvider, TableProvider};
use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;

use super::client::ClientContext;
use super::column_types;
use super::names::{CatalogTableName, Database, Names};
use super::oids::{CATALOG_SCHEMA, INFORMATION_SCHEMA};
use super::row_builder::RowBuilder;
use super::snapshot::{self, CatalogRelation};
use super::static_tables::StaticTables;
use crate::dictionary::Dictionary;
use crate::tables::{Descriptions, SessionCatalogs};

/// What the tables of the catalogue are made of.
#[derive(Debug)]
pub struct CatalogContext {
    pub names: Arc<Names>,
    pub statics: Arc<StaticTables>,
    pub dictionary: Arc<Dictionary>,
    /// Descriptions from `COMMENT ON`.
    pub descriptions: Arc<Descriptions>,
    pub database: &'static str,
    /// Whether clients may write.
    pub allows_writes: bool,
}

/// State of the session when a table of the catalogue is read.
pub struct CatalogRequest<'a> {
    pub context: &'a CatalogContext,
    pub database: &'a Database,
    pub relations: &'a [CatalogRelation],
    pub client: Option<&'a ClientContext>,
    pub options: &'a ConfigOptions,
}

impl CatalogRequest<'_> {
    pub fn user(&self) -> &str {
        self.client.map_or("semql", |client| client.user.as_str())
    }
}

/// Fills the rows of a table.
type RowsOf = fn(&CatalogRequest<'_>, RowBuilder) -> Result<RecordBatch>;

/// Table whose rows depend on the session.
#[derive(Clone, Copy, Debug)]
pub struct SessionTable {
    pub schema: &'static str,
    pub name: &'static str,
    /// Whether Postgres has it as a view.
    pub is_view: bool,
    /// Columns, as [`column_types::schema`] reads them.
    pub columns: &'static str,
    pub rows: RowsOf,
}

impl SessionTable {
    /// Schema of the table.
    pub fn arrow_schema(&self) -> SchemaRef {
        column_types::schema(self.columns)
    }
}

/// Rows of a table of objects that semql lacks.
///
/// # Errors
/// None.
pub fn no_rows(_: &CatalogRequest<'_>, rows: RowBuilder) -> Result<RecordBatch> {
    rows.finish()
}

/// Table of `pg_catalog`.
pub const fn table(name: &'static str, columns: &'static str, rows: RowsOf) -> SessionTable {
    SessionTable {
        schema: CATALOG_SCHEMA,
        name,
        is_view: false,
        columns,
        rows,
    }
}

/// View of `pg_catalog`.
pub const fn view(name: &'static str, columns: &'static str, rows: RowsOf) -> SessionTable {
    SessionTable {
        is_view: true,
        ..table(name, columns, rows)
    }
}

/// View of `information_schema`.
pub const fn information(name: &'static str, columns: &'static str, rows: RowsOf) -> SessionTable {
    SessionTable {
        schema: INFORMATION_SCHEMA,
        ..view(name, columns, rows)
    }
}

/// Names of all tables of the catalogue.
pub fn table_names(
    statics: &StaticTables,
    tables: &[&'static [SessionTable]],
) -> Vec<CatalogTableName> {
    let session = tables.iter().copied().flatten();
    let mut names: Vec<CatalogTableName> = session
        .map(|table| CatalogTableName {
            schema: table.schema,
            name: table.name,
            is_view: table.is_view,
            columns: table.arrow_schema(),
        })
        .collect();
    for name in statics.names() {
        let is_listed = names
            .iter()
            .any(|table| table.schema == CATALOG_SCHEMA && table.name == name);
        if let (false, Some(rows)) = (is_listed, statics.get(name)) {
            names.push(CatalogTableName {
                schema: CATALOG_SCHEMA,
                name,
                is_view: false,
                columns: rows.schema(),
            });
        }
    }
    names.sort_by_key(|table| (table.schema, table.name));
    names
}

/// Provider of the schema `pg_catalog`. It also has the tables of
/// `information_schema`, under names such as `information_schema.tables`, because
/// the engine reserves the schema of that name.
#[derive(Debug)]
pub struct CatalogSchema {
    context: Arc<CatalogContext>,
    tables: &'static [&'static [SessionTable]],
}

impl CatalogSchema {
    pub fn new(context: Arc<CatalogContext>, tables: &'static [&'static [SessionTable]]) -> Self {
        Self { context, tables }
    }

    fn session_table(&self, name: &str) -> Option<&'static SessionTable> {
        let information = name
            .strip_prefix(INFORMATION_SCHEMA)
            .and_then(|name| name.strip_prefix('.'));
        let (schema, name) = match information {
            Some(name) => (INFORMATION_SCHEMA, name),
            None => (CATALOG_SCHEMA, name),
        };
        let mut tables = self.tables.iter().copied().flatten();
        tables.find(|table| table.schema == schema && table.name == name)
    }
}

#[async_trait]
impl SchemaProvider for CatalogSchema {
    fn table_names(&self) -> Vec<String> {
        let tables = self.context.names.catalog_tables().iter();
        tables
            .filter(|table| table.schema == CATALOG_SCHEMA)
            .map(|table| table.name.to_string())
            .collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(table) = self.session_table(name) {
            let rows = SessionTableRows {
                table,
                schema: table.arrow_schema(),
                context: Arc::clone(&self.context),
            };
            let schema = Arc::clone(&rows.schema);
            let table =
                StreamingTable::try_new(schema, vec![Arc::new(rows) as Arc<dyn PartitionStream>])?;
            return Ok(Some(Arc::new(table)));
        }
        match self.context.statics.get(name) {
            Some(rows) => {
                let table = MemTable::try_new(rows.schema(), vec![vec![rows.clone()]])?;
                Ok(Some(Arc::new(table)))
            }
            None => Ok(None),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.session_table(name).is_some() || self.context.statics.get(name).is_some()
    }
}

/// Rows of a table at the time of a query.
#[derive(Debug)]
struct SessionTableRows {
    table: &'static SessionTable,
    schema: SchemaRef,
    context: Arc<CatalogContext>,
}

impl PartitionStream for SessionTableRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, task: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (table, context) = (self.table, Arc::clone(&self.context));
        let schema = Arc::clone(&self.schema);
        let rows = async move {
            let config = task.session_config();
            let own = config.get_extension::<SessionCatalogs>();
            let database = context.names.database(own.as_deref());
            let relations = snapshot::relations(&context.names, &database).await;
            let options = config.options();
            let request = CatalogRequest {
                context: &context,
                database: &database,
                relations: &relations,
                client: options.extensions.get::<ClientContext>(),
                options,
            };
            (table.rows)(&request, RowBuilder::new(schema))
        };
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            futures::stream::once(rows),
        ))
    }
}
