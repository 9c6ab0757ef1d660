//! A table of which a scan gives only the rows that an index names.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Statistics, exec_err};
use datafusion::datasource::physical_plan::parquet::ParquetRowSelection;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use datafusion::physical_plan::ExecutionPlan;

use super::exec::IndexScanExec;
use super::file::IndexFile;
use crate::vector::hnsw::Seen;

/// What is searched for.
#[derive(Clone, Debug)]
pub struct Search {
    /// Of unit length.
    pub query: Vec<f32>,
    pub rows: usize,
}

/// See the module.
pub struct IndexedTable {
    table: Arc<dyn TableProvider>,
    index: Arc<IndexFile>,
    search: Search,
}

impl IndexedTable {
    pub fn new(table: Arc<dyn TableProvider>, index: Arc<IndexFile>, search: Search) -> Self {
        Self {
            table,
            index,
            search,
        }
    }

    /// Per file, which of its rows are wanted, in order.
    fn rows(&self) -> Vec<Vec<u64>> {
        let about = &self.index.about;
        let breadth = about.breadth.max(2 * self.search.rows);
        let view = self.index.view();
        let mut found = view.search(&self.search.query, breadth, &mut Seen::default());
        found.truncate(self.search.rows);
        let rows = self.index.rows();
        let rows = found
            .iter()
            .map(|found| u64::from(rows[found.vector as usize]));
        let mut rows: Vec<u64> = rows.collect();
        rows.sort_unstable();
        rows.dedup();
        let mut of_files = Vec::new();
        let mut first = 0;
        for count in &about.rows {
            let own = rows
                .iter()
                .filter(|row| (first..first + count).contains(*row));
            of_files.push(own.map(|row| row - first).collect());
            first += count;
        }
        of_files
    }
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
        let plan = self.table.scan(state, projection, filters, limit).await?;
        let of_files = self.rows();
        let names: Vec<&str> = self
            .index
            .about
            .files
            .iter()
            .map(|f| f.name.as_str())
            .collect();
        let narrowed = plan.transform_up(|plan| {
            let Some(exec) = plan.downcast_ref::<DataSourceExec>() else {
                return Ok(Transformed::no(plan));
            };
            let Some(config) = exec.data_source().downcast_ref::<FileScanConfig>() else {
                return exec_err!("an index takes a scan of files");
            };
            let mut groups = Vec::new();
            for group in &config.file_groups {
                let mut files = Vec::new();
                for file in group.files() {
                    let path = file.object_meta.location.filename().unwrap_or_default();
                    let at = names.iter().position(|name| *name == path);
                    let own = at.map_or(&[][..], |at| of_files[at].as_slice());
                    if own.is_empty() {
                        continue;
                    }
                    let all = self.index.about.rows[at.unwrap_or_default()];
                    let rows = ParquetRowSelection::new(selection(own, all));
                    files.push(file.clone().with_extension(rows));
                }
                if !files.is_empty() {
                    groups.push(FileGroup::new(files));
                }
            }
            let config = FileScanConfigBuilder::from(config.clone())
                .with_file_groups(groups)
                .with_statistics(Statistics::new_unknown(&self.schema()))
                .build();
            Ok(Transformed::yes(
                DataSourceExec::from_data_source(config) as Arc<dyn ExecutionPlan>
            ))
        })?;
        Ok(Arc::new(IndexScanExec {
            input: narrowed.data,
            index: self.index.about.name.clone(),
            column: self.index.about.column.clone(),
            rows: self.search.rows,
        }))
    }
}

/// Those rows of a file that has `all`.
fn selection(rows: &[u64], all: u64) -> RowSelection {
    let (mut selectors, mut next) = (Vec::new(), 0);
    for row in rows {
        selectors.push(RowSelector::skip((row - next) as usize));
        selectors.push(RowSelector::select(1));
        next = row + 1;
    }
    selectors.push(RowSelector::skip((all - next) as usize));
    RowSelection::from(selectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_names_each_row() {
        let rows = selection(&[0, 3, 4], 6);
        assert_eq!(rows.row_count(), 3);
        let total: usize = rows.iter().map(|selector| selector.row_count).sum();
        assert_eq!(total, 6);
    }
}
