//! Catalogue of Postgres: the schema `pg_catalog`, with the descriptions of the
//! data dictionary.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::datasource::{TableType, ViewTable};
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
use datafusion_pg_catalog::pg_catalog::catalog_info::CatalogInfo;
use datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_pg_catalog::pg_catalog::{PgCatalogSchemaProvider, PgCatalogStaticTables};
use datafusion_pg_catalog::setup_pg_catalog;

use super::settings::SERVER_VERSION;
use crate::error::{Result, ShellError};
use crate::session::Session;

/// Name of the only database, that of the catalogue in the engine.
pub const DATABASE: &str = "datafusion";

const SCHEMA: &str = "pg_catalog";

/// Descriptions of tables and columns, from the data dictionary. The sums give
/// the columns of both halves the same type, without the metadata of OIDs.
const DESCRIPTIONS_SQL: &str = "\
SELECT c.oid + 0 AS objoid, k.oid + 0 AS classoid, 0 AS objsubid, t.description AS description
FROM pg_catalog.pg_class c
JOIN dict_tables() t ON t.table_name = c.relname
CROSS JOIN (SELECT oid FROM pg_catalog.pg_class WHERE relname = 'pg_class') k
WHERE t.description IS NOT NULL
UNION ALL
SELECT a.attrelid + 0, k.oid + 0, a.attnum + 0, d.description
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN dict_columns() d ON d.table_name = c.relname AND d.column_name = a.attname
CROSS JOIN (SELECT oid FROM pg_catalog.pg_class WHERE relname = 'pg_class') k
WHERE d.description IS NOT NULL";

/// Settings, with those that drivers query.
const SETTINGS_SQL: &str = "\
SELECT name, setting, unit, category, short_desc, extra_desc, context, vartype, source, min_val, max_val, enumvals,
    bool_val, reset_val, sourcefile, sourceline, pending_restart
FROM pg_catalog.pg_settings
UNION ALL
SELECT 'max_index_keys', '32', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL";

/// Views over other tables of the catalogue.
const VIEWS: &[(&str, &str)] = &[
    ("pg_description", DESCRIPTIONS_SQL),
    ("pg_settings", SETTINGS_SQL),
];

/// Adds the catalogue and its functions to a session.
///
/// # Errors
/// If the engine refuses one of them.
pub async fn install(session: &Session) -> Result<()> {
    let ctx = &session.ctx;
    let failed =
        |error: DataFusionError| ShellError::setup(format!("cannot create the catalogue: {error}"));
    setup_pg_catalog(ctx, DATABASE, EmptyContextProvider).map_err(|error| failed(*error))?;
    let tables = PgCatalogSchemaProvider::try_new(
        CatalogTables(Arc::clone(ctx.state().catalog_list())),
        Arc::new(PgCatalogStaticTables::try_new().map_err(failed)?),
        EmptyContextProvider,
    );
    let tables = Arc::new(tables.map_err(failed)?);
    let catalog = ctx
        .catalog(DATABASE)
        .ok_or_else(|| ShellError::setup(format!("catalogue {DATABASE} does not exist")))?;
    catalog
        .register_schema(SCHEMA, Arc::clone(&tables) as _)
        .map_err(failed)?;
    let mut views = HashMap::new();
    for (name, sql) in VIEWS {
        let plan = ctx.state().create_logical_plan(sql).await.map_err(failed)?;
        views.insert(
            *name,
            Arc::new(ViewTable::new(plan, Some((*sql).to_string()))),
        );
    }
    let schema = CatalogSchema { tables, views };
    catalog
        .register_schema(SCHEMA, Arc::new(schema))
        .map_err(failed)?;
    // Drivers parse the version of Postgres in it.
    let version = format!("PostgreSQL {SERVER_VERSION}");
    let version: ArrayRef = Arc::new(StringArray::from(vec![version]));
    ctx.register_udf(create_udf(
        "version",
        vec![],
        DataType::Utf8,
        Volatility::Stable,
        Arc::new(move |_: &[ColumnarValue]| {
            Ok(ColumnarValue::Scalar(
                datafusion::scalar::ScalarValue::try_from_array(&version, 0)?,
            ))
        }),
    ));
    Ok(())
}

/// Schema of the catalogue, with its views.
#[derive(Debug)]
struct CatalogSchema {
    tables: Arc<dyn SchemaProvider>,
    views: HashMap<&'static str, Arc<ViewTable>>,
}

#[async_trait]
impl SchemaProvider for CatalogSchema {
    fn table_names(&self) -> Vec<String> {
        self.tables.table_names()
    }

    async fn table(&self, name: &str) -> EngineResult<Option<Arc<dyn TableProvider>>> {
        match self.views.get(name) {
            Some(view) => Ok(Some(Arc::clone(view) as _)),
            None => self.tables.table(name).await,
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.table_exist(name)
    }
}

/// Tables of the session. A table whose file is missing is listed without
/// columns.
#[derive(Clone, Debug)]
struct CatalogTables(Arc<dyn CatalogProviderList>);

impl CatalogTables {
    fn schema(&self, catalog: &str, schema: &str) -> Option<Arc<dyn SchemaProvider>> {
        CatalogProviderList::catalog(self.0.as_ref(), catalog)?.schema(schema)
    }
}

#[async_trait]
impl CatalogInfo for CatalogTables {
    async fn catalog_names(&self) -> EngineResult<Vec<String>> {
        Ok(CatalogProviderList::catalog_names(self.0.as_ref()))
    }

    async fn schema_names(&self, catalog: &str) -> EngineResult<Option<Vec<String>>> {
        Ok(CatalogProviderList::catalog(self.0.as_ref(), catalog)
            .map(|catalog| catalog.schema_names()))
    }

    async fn table_names(&self, catalog: &str, schema: &str) -> EngineResult<Option<Vec<String>>> {
        Ok(self
            .schema(catalog, schema)
            .map(|schema| schema.table_names()))
    }

    async fn table_schema(
        &self,
        catalog: &str,
        schema: &str,
        table: &str,
    ) -> EngineResult<Option<SchemaRef>> {
        let Some(schema) = self.schema(catalog, schema) else {
            return Ok(None);
        };
        Ok(match schema.table(table).await {
            Ok(table) => table.map(|table| table.schema()),
            Err(_) => Some(SchemaRef::new(arrow::datatypes::Schema::empty())),
        })
    }

    async fn table_type(
        &self,
        catalog: &str,
        schema: &str,
        table: &str,
    ) -> EngineResult<Option<TableType>> {
        let Some(schema) = self.schema(catalog, schema) else {
            return Ok(None);
        };
        Ok(schema
            .table_type(table)
            .await
            .unwrap_or(Some(TableType::Base)))
    }
}
