//! Table with the ids of its rows as a further column, for UPDATE, DELETE, MERGE.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::stored_table::{StoredTable, private_versions, scan_partitions};
use super::version::schema_with_row_ids;

/// Rows of a table and their ids in the version that the session sees.
#[derive(Debug)]
pub struct RowView {
    table: StoredTable,
    schema: SchemaRef,
}

impl RowView {
    pub fn new(table: StoredTable) -> Self {
        Self {
            schema: schema_with_row_ids(&table.definition().schema),
            table,
        }
    }
}

#[async_trait]
impl TableProvider for RowView {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let version = self.table.version(private_versions(state).as_deref());
        let partitions = version.with_row_ids(&self.schema)?;
        scan_partitions(state, &partitions, self.schema(), projection)
    }
}
