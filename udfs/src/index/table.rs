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
use datafusion::physical_plan::{ExecutionPlan, Partitioning};

use super::exec::{IndexScanExec, IndexVectors};
use super::file::IndexFile;
use crate::vector::hnsw::Seen;

/// What is searched for.
#[derive(Clone, Debug)]
pub struct Search {
    /// Of unit length.
    pub query: Vec<f32>,
    pub rows: usize,
    /// Whether all that is asked of the vectors is their direction.
    pub directions: bool,
}

/// See the module.
pub struct IndexedTable {
    table: Arc<dyn TableProvider>,
    index: Arc<IndexFile>,
    search: Search,
}

/// A row that the index names.
#[derive(Clone, Copy)]
struct Hit {
    /// Of its file.
    row: u64,
    /// The number of its vector in the index.
    vector: u32,
}

/// A scan, and for each of its partitions the places in the index of the
/// vectors of its rows.
type Narrowed = (Arc<dyn ExecutionPlan>, Vec<Vec<u32>>);

impl IndexedTable {
    pub fn new(table: Arc<dyn TableProvider>, index: Arc<IndexFile>, search: Search) -> Self {
        Self {
            table,
            index,
            search,
        }
    }

    /// Per file, which of its rows are wanted, in order.
    fn hits(&self) -> Vec<Vec<Hit>> {
        let about = &self.index.about;
        let breadth = about.breadth.max(2 * self.search.rows);
        let view = self.index.view();
        let mut found = view.search(&self.search.query, breadth, &mut Seen::default());
        found.truncate(self.search.rows);
        let rows = self.index.rows();
        let hits = found.iter().map(|found| Hit {
            row: u64::from(rows[found.vector as usize]),
            vector: found.vector,
        });
        let mut hits: Vec<Hit> = hits.collect();
        hits.sort_unstable_by_key(|hit| hit.row);
        hits.dedup_by_key(|hit| hit.row);
        let mut of_files = Vec::new();
        let mut first = 0;
        for count in &about.rows {
            let own = hits
                .iter()
                .filter(|hit| (first..first + count).contains(&hit.row));
            let own = own.map(|hit| Hit {
                row: hit.row - first,
                ..*hit
            });
            of_files.push(own.collect());
            first += count;
        }
        of_files
    }

    /// A scan that gives the rows of `hits` and no others, each file in a
    /// partition of its own and in order; and per partition, which hits it gives.
    fn narrowed(&self, scan: Arc<dyn ExecutionPlan>, hits: &[Vec<Hit>]) -> Result<Narrowed> {
        let about = &self.index.about;
        let mut vectors = Vec::new();
        let narrowed = scan.transform_up(|plan| {
            let Some(exec) = plan.downcast_ref::<DataSourceExec>() else {
                return Ok(Transformed::no(plan));
            };
            let Some(config) = exec.data_source().downcast_ref::<FileScanConfig>() else {
                return exec_err!("an index takes a scan of files");
            };
            let mut groups = Vec::new();
            for ((stamp, all), own) in about.files.iter().zip(&about.rows).zip(hits) {
                let mut files = config.file_groups.iter().flat_map(FileGroup::files);
                let file = files
                    .find(|file| file.object_meta.location.filename() == Some(stamp.name.as_str()));
                let Some(file) = file.filter(|_| !own.is_empty()) else {
                    continue;
                };
                let rows = ParquetRowSelection::new(selection(own, *all));
                let mut file = file.clone().with_extension(rows);
                // The scan may have shared a file out by ranges of bytes.
                file.range = None;
                groups.push(FileGroup::new(vec![file]));
                vectors.push(own.iter().map(|hit| hit.vector).collect());
            }
            let partitions = Partitioning::UnknownPartitioning(groups.len());
            let config = FileScanConfigBuilder::from(config.clone())
                .with_file_groups(groups)
                // No partition takes files from another, and none is cut up.
                .with_preserve_order(true)
                .with_output_partitioning(Some(partitions))
                .with_statistics(Statistics::new_unknown(&self.schema()))
                .build();
            Ok(Transformed::yes(
                DataSourceExec::from_data_source(config) as Arc<dyn ExecutionPlan>
            ))
        })?;
        Ok((narrowed.data, vectors))
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
        let schema = self.schema();
        let column = schema.index_of(&self.index.about.column)?;
        let mut wanted = match projection {
            Some(projection) => projection.clone(),
            None => (0..schema.fields().len()).collect(),
        };
        let own = wanted.iter().position(|wanted| *wanted == column);
        // Pages of vectors are large, and only some rows of each are wanted.
        let own = own.filter(|_| self.search.directions);
        if let Some(at) = own {
            wanted.remove(at);
        }
        let scan = self
            .table
            .scan(state, Some(&wanted), filters, limit)
            .await?;
        let (scan, vectors) = self.narrowed(scan, &self.hits())?;
        let vectors = own.map(|at| IndexVectors {
            at,
            field: Arc::clone(&schema.fields()[column]),
            of_partitions: vectors,
        });
        let index = Arc::clone(&self.index);
        let exec = IndexScanExec::new(scan, index, self.search.rows, vectors)?;
        Ok(Arc::new(exec))
    }
}

/// Those rows of a file that has `all`.
fn selection(hits: &[Hit], all: u64) -> RowSelection {
    let (mut selectors, mut next) = (Vec::new(), 0);
    for hit in hits {
        selectors.push(RowSelector::skip((hit.row - next) as usize));
        selectors.push(RowSelector::select(1));
        next = hit.row + 1;
    }
    selectors.push(RowSelector::skip((all - next) as usize));
    RowSelection::from(selectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_names_each_row() {
        let hits = [0, 3, 4].map(|row| Hit { row, vector: 0 });
        let rows = selection(&hits, 6);
        assert_eq!(rows.row_count(), 3);
        let total: usize = rows.iter().map(|selector| selector.row_count).sum();
        assert_eq!(total, 6);
    }
}
