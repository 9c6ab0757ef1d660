//! A table of which a scan gives only the rows that an index names.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Statistics;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::exec::{IndexScanExec, VectorColumn};
use super::file::IndexFile;
use super::passing;
use super::search::Search;

/// See the module.
pub struct IndexedTable {
    pub table: Arc<dyn TableProvider>,
    pub index: Arc<IndexFile>,
    pub search: Search,
    /// Whether all that is asked of the vectors is their direction.
    pub directions: bool,
    /// What the rows have to pass, over the columns of the table.
    pub filter: Option<Expr>,
}

impl fmt::Debug for IndexedTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IndexedTable")
            .field("index", &self.index.about.name)
            .field("rows", &self.search.rows)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for IndexedTable {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        self.table.table_type()
    }

    fn statistics(&self) -> Option<Statistics> {
        None
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.schema();
        let column = schema.index_of(&self.index.about.column)?;
        let mut wanted = match projection {
            Some(projection) => projection.clone(),
            None => (0..schema.fields().len()).collect(),
        };
        let own = wanted.iter().position(|wanted| *wanted == column);
        // Pages of vectors are large, and only some rows of each are wanted.
        let own = own.filter(|_| self.directions);
        if let Some(at) = own {
            wanted.remove(at);
        }
        let scan = self
            .table
            .scan(state, Some(&wanted), filters, limit)
            .await?;
        let passing = match &self.filter {
            Some(filter) => Some(passing::plan(self.table.as_ref(), filter, state).await?),
            None => None,
        };
        let vectors = own.map(|at| VectorColumn {
            at,
            field: Arc::clone(&schema.fields()[column]),
        });
        let (index, search) = (Arc::clone(&self.index), self.search.clone());
        let exec = IndexScanExec::new(index, search, scan, vectors, passing);
        Ok(Arc::new(exec))
    }
}
