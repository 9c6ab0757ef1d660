//! Table of a database in the engine.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{not_impl_err, project_schema};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::address::TableName;
use crate::database::Database;
use crate::predicate::FilterColumns;
use crate::query::{self, SelectedColumn};
use crate::scan::DatabaseScanExec;
use crate::sink::{DatabaseSink, WriteMode};
use crate::types::EngineColumn;

/// Table of a database. The database evaluates filters, as far as its result cannot
/// differ from the engine's, and reads only the needed columns.
#[derive(Debug)]
pub struct DatabaseTable {
    database: Database,
    table: TableName,
    columns: FilterColumns,
    /// Columns that the database casts, and to what.
    casts: HashMap<String, &'static str>,
}

impl DatabaseTable {
    /// Opens a table: connects, and reads its columns.
    ///
    /// # Errors
    /// A missing driver, a database that cannot be reached, a table that does not exist.
    pub async fn open(database: Database, table: TableName) -> Result<Self> {
        let opened = {
            let (database, table) = (database.clone(), table.clone());
            tokio::task::spawn_blocking(move || database.table_schema(&table)).await
        };
        let given = opened.map_err(|error| DataFusionError::External(Box::new(error)))??;
        let read = given.fields().iter().map(|field| EngineColumn::of(field));
        let read: Vec<EngineColumn> = read.collect();
        let converted = read.iter().zip(given.fields());
        let converted = converted
            .filter(|(read, given)| read.field.data_type() != given.data_type())
            .map(|(read, _)| read.field.name().clone());
        let casts = read
            .iter()
            .filter_map(|column| Some((column.field.name().clone(), column.cast?)));
        let columns = FilterColumns {
            converted: converted.collect(),
            schema: Arc::new(Schema::new(
                read.iter()
                    .map(|column| column.field.clone())
                    .collect::<Vec<_>>(),
            )),
            dynamic_types: database.address().driver.dynamic_types,
        };
        Ok(Self {
            database,
            table,
            columns,
            casts: casts.collect(),
        })
    }

    /// Plan that writes the rows of `input` into a table.
    ///
    /// # Errors
    /// A type that no column of a table holds.
    pub fn write_plan(
        database: Database,
        table: TableName,
        mode: WriteMode,
        input: Arc<dyn ExecutionPlan>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let sink = DatabaseSink::new(database, table, mode, input.schema())?;
        Ok(Arc::new(DataSinkExec::new(input, Arc::new(sink), None)))
    }
}

#[async_trait]
impl TableProvider for DatabaseTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.columns.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = filters.iter().map(|filter| self.columns.support(filter));
        Ok(support.collect())
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = project_schema(&self.columns.schema, projection)?;
        let columns = schema.fields().iter().map(|field| SelectedColumn {
            name: field.name(),
            cast: self.casts.get(field.name()).copied(),
        });
        let columns: Vec<SelectedColumn> = columns.collect();
        let driver = self.database.address().driver;
        let dialect = (driver.dialect)();
        let sql = query::select(dialect.as_ref(), &self.table, &columns, filters, limit)?;
        Ok(Arc::new(DatabaseScanExec::new(
            self.database.clone(),
            sql,
            schema,
        )))
    }

    async fn insert_into(
        &self,
        _: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        operation: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if operation != InsertOp::Append {
            return not_impl_err!(
                "INSERT OVERWRITE into a table of a database; COPY with OPTIONS (mode 'replace') replaces it"
            );
        }
        Self::write_plan(
            self.database.clone(),
            self.table.clone(),
            WriteMode::Append,
            input,
        )
    }
}
