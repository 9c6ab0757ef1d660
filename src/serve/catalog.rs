//! The tables the way clients of Postgres look for them: `pg_catalog`, with the
//! dictionary's descriptions.

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

/// The one database there is, by the name of the engine's catalogue.
pub const DATABASE: &str = "datafusion";

const SCHEMA: &str = "pg_catalog";
const DESCRIPTIONS: &str = "pg_description";

/// Descriptions of tables and columns, from the dictionary.
const DESCRIPTIONS_SQL: &str = "\
SELECT c.oid AS objoid, k.oid AS classoid, 0 AS objsubid, t.description AS description
FROM pg_catalog.pg_class c
JOIN dict_tables() t ON t.table_name = c.relname
CROSS JOIN (SELECT oid FROM pg_catalog.pg_class WHERE relname = 'pg_class') k
WHERE t.description IS NOT NULL
UNION ALL
SELECT a.attrelid, k.oid, CAST(a.attnum AS INT), d.description
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN dict_columns() d ON d.table_name = c.relname AND d.column_name = a.attname
CROSS JOIN (SELECT oid FROM pg_catalog.pg_class WHERE relname = 'pg_class') k
WHERE d.description IS NOT NULL";

/// Adds the catalogue and its functions to a session.
///
/// # Errors
/// If the engine refuses one of them.
pub async fn install(session: &Session) -> Result<()> {
    let ctx = &session.ctx;
    let failed = |error: DataFusionError| ShellError::setup(format!("the catalogue cannot be made: {error}"));
    setup_pg_catalog(ctx, DATABASE, EmptyContextProvider).map_err(|error| failed(*error))?;
    let tables = PgCatalogSchemaProvider::try_new(
        Tables(Arc::clone(ctx.state().catalog_list())),
        Arc::new(PgCatalogStaticTables::try_new().map_err(failed)?),
        EmptyContextProvider,
    );
    let tables = Arc::new(tables.map_err(failed)?);
    let catalog = ctx
        .catalog(DATABASE)
        .ok_or_else(|| ShellError::setup(format!("there is no catalogue {DATABASE}")))?;
    catalog.register_schema(SCHEMA, Arc::clone(&tables) as _).map_err(failed)?;
    let plan = ctx.state().create_logical_plan(DESCRIPTIONS_SQL).await.map_err(failed)?;
    let described = Described {
        tables,
        descriptions: Arc::new(ViewTable::new(plan, Some(DESCRIPTIONS_SQL.to_string()))),
    };
    catalog.register_schema(SCHEMA, Arc::new(described)).map_err(failed)?;
    // Drivers read the version of Postgres out of it.
    let version = format!("PostgreSQL {SERVER_VERSION}");
    let version: ArrayRef = Arc::new(StringArray::from(vec![version]));
    ctx.register_udf(create_udf(
        "version",
        vec![],
        DataType::Utf8,
        Volatility::Stable,
        Arc::new(move |_: &[ColumnarValue]| {
            Ok(ColumnarValue::Scalar(datafusion::scalar::ScalarValue::try_from_array(&version, 0)?))
        }),
    ));
    Ok(())
}

/// The catalogue with descriptions in it.
#[derive(Debug)]
struct Described {
    tables: Arc<dyn SchemaProvider>,
    descriptions: Arc<ViewTable>,
}

#[async_trait]
impl SchemaProvider for Described {
    fn table_names(&self) -> Vec<String> {
        self.tables.table_names()
    }

    async fn table(&self, name: &str) -> EngineResult<Option<Arc<dyn TableProvider>>> {
        match name {
            DESCRIPTIONS => Ok(Some(Arc::clone(&self.descriptions) as _)),
            _ => self.tables.table(name).await,
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.table_exist(name)
    }
}

/// The tables of the session. One whose file is not there now is listed
/// without columns, and does not keep the others from being listed.
#[derive(Clone, Debug)]
struct Tables(Arc<dyn CatalogProviderList>);

impl Tables {
    fn schema(&self, catalog: &str, schema: &str) -> Option<Arc<dyn SchemaProvider>> {
        CatalogProviderList::catalog(self.0.as_ref(), catalog)?.schema(schema)
    }
}

#[async_trait]
impl CatalogInfo for Tables {
    async fn catalog_names(&self) -> EngineResult<Vec<String>> {
        Ok(CatalogProviderList::catalog_names(self.0.as_ref()))
    }

    async fn schema_names(&self, catalog: &str) -> EngineResult<Option<Vec<String>>> {
        Ok(CatalogProviderList::catalog(self.0.as_ref(), catalog).map(|catalog| catalog.schema_names()))
    }

    async fn table_names(&self, catalog: &str, schema: &str) -> EngineResult<Option<Vec<String>>> {
        Ok(self.schema(catalog, schema).map(|schema| schema.table_names()))
    }

    async fn table_schema(&self, catalog: &str, schema: &str, table: &str) -> EngineResult<Option<SchemaRef>> {
        let Some(schema) = self.schema(catalog, schema) else {
            return Ok(None);
        };
        Ok(match schema.table(table).await {
            Ok(table) => table.map(|table| table.schema()),
            Err(_) => Some(SchemaRef::new(arrow::datatypes::Schema::empty())),
        })
    }

    async fn table_type(&self, catalog: &str, schema: &str, table: &str) -> EngineResult<Option<TableType>> {
        let Some(schema) = self.schema(catalog, schema) else {
            return Ok(None);
        };
        Ok(schema.table_type(table).await.unwrap_or(Some(TableType::Base)))
    }
}
