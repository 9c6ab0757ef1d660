//! The table of a search: scanned with an index if one fits, else as a whole.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{ScanArgs, ScanResult, Session, TableProvider};
use datafusion::common::{Constraints, Statistics};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use semql_inference::vector_index::{IndexFile, IndexFileError, IndexSearch};

use super::data::DataFiles;
use super::exec::{IndexScanExec, IndexedVectors};
use super::{prefilter, row_selection};
use crate::blocking::blocking;
use crate::options::AiOptions;

/// Rows that are compared exactly besides those of the result.
const SPARE_ROWS: usize = 8;

/// A search for the rows with the nearest vectors, as it is found in a plan.
#[derive(Clone, Debug)]
pub struct NearestRows {
    /// The column of vectors.
    pub column: String,
    /// Unit vector.
    pub query: Vec<f32>,
    pub rows: usize,
    /// Whether rows without a vector come first.
    pub nulls_first: bool,
    /// Whether the query uses the directions of the vectors only.
    pub only_directions: bool,
    /// The condition, over the columns of the table, of rows that are compared.
    pub filter: Option<Expr>,
}

/// A table whose scan may use an index. The index is chosen and opened when the scan is
/// planned, so that the optimizer accesses no files.
pub struct SearchedTable {
    table: Arc<dyn TableProvider>,
    search: NearestRows,
}

impl fmt::Debug for SearchedTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SearchedTable")
            .field("table", &self.table)
            .field("column", &self.search.column)
            .field("rows", &self.search.rows)
            .finish_non_exhaustive()
    }
}

impl SearchedTable {
    pub fn new(table: Arc<dyn TableProvider>, search: NearestRows) -> Self {
        Self { table, search }
    }

    /// The first index that fits; `None` if there is none.
    fn choose_index(&self, options: &AiOptions) -> Option<Arc<IndexFile>> {
        let data = DataFiles::of(self.table.as_ref())?;
        let schema = self.table.schema();
        let column = schema.field_with_name(&self.search.column).ok()?;
        data.indexes().iter().find_map(|name| {
            let index = open_index(name, &data, options)?;
            let fits = fits(&index, &data, &self.search, options)
                && has_dims_of(&index, name, column.data_type(), options);
            fits.then_some(index)
        })
    }

    async fn index_scan(
        &self,
        index: Arc<IndexFile>,
        state: &dyn Session,
        projection: Option<&[usize]>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.schema();
        let vector_column = schema.index_of(&self.search.column)?;
        let mut columns = match projection {
            Some(projection) => projection.to_vec(),
            None => (0..schema.fields().len()).collect(),
        };
        let position = columns.iter().position(|column| *column == vector_column);
        // The index has the directions. Reading the column would read large pages for a
        // few rows of each.
        let position = position.filter(|_| self.search.only_directions);
        if let Some(at) = position {
            columns.remove(at);
        }
        let rows = self.search.rows + SPARE_ROWS;
        // The rows of the index pass the filters of the scan.
        let scan = self.table.scan(state, Some(&columns), &[], None).await?;
        let scan = row_selection::prepare(scan, &index.metadata, rows)?;
        let prefilter = match &self.search.filter {
            Some(filter) => Some(prefilter::plan(self.table.as_ref(), filter, state).await?),
            None => None,
        };
        let vectors = position.map(|at| IndexedVectors {
            at,
            field: Arc::clone(&schema.fields()[vector_column]),
        });
        let search = IndexSearch {
            query: self.search.query.clone(),
            rows,
        };
        let exec = IndexScanExec::new(index, search, scan, vectors, prefilter);
        Ok(Arc::new(exec))
    }
}

/// The index `name`; `None` with a notice if its file cannot be used.
fn open_index(name: &str, data: &DataFiles, options: &AiOptions) -> Option<Arc<IndexFile>> {
    match options.runtime.indexes().index(&data.index_path(name)) {
        Ok(index) => Some(index),
        // The file was removed meanwhile.
        Err(IndexFileError::Unreadable(_)) => None,
        Err(error) => {
            note_unusable(name, &error, options);
            None
        }
    }
}

/// Whether the index of a search has the dimensions of its column.
fn has_dims_of(index: &IndexFile, name: &str, column: &DataType, options: &AiOptions) -> bool {
    let equal = match column {
        DataType::FixedSizeList(_, dims) => usize::try_from(*dims) == Ok(index.metadata.dims),
        _ => true,
    };
    if !equal {
        let error = IndexFileError::Damaged("its dimensions are not those of the column");
        note_unusable(name, &error, options);
    }
    equal
}

fn note_unusable(name: &str, error: &IndexFileError, options: &AiOptions) {
    options.runtime.add_notice(format!(
        "The index {name} {error}. Rows were compared one by one."
    ));
}

/// Whether the index is of the column, good enough, and fresh.
fn fits(index: &IndexFile, data: &DataFiles, search: &NearestRows, options: &AiOptions) -> bool {
    let metadata = &index.metadata;
    if metadata.column != search.column || metadata.dims != search.query.len() {
        return false;
    }
    // Rows without a vector are not in the index.
    let is_complete = metadata.total_rows() == Some(metadata.vectors);
    if metadata.recall < options.settings.index_recall.get()
        || (search.nulls_first && !is_complete)
        || (search.rows as u64) > metadata.vectors
    {
        return false;
    }
    let is_fresh = data.stamps().is_ok_and(|stamps| stamps == metadata.files);
    if !is_fresh {
        options.runtime.add_notice(format!(
            "The index {} is out of date, since the data changed: rows were compared one by one. CREATE OR REPLACE INDEX \
             builds it again.",
            metadata.name
        ));
    }
    is_fresh
}

#[async_trait]
impl TableProvider for SearchedTable {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn constraints(&self) -> Option<&Constraints> {
        self.table.constraints()
    }

    fn table_type(&self) -> TableType {
        self.table.table_type()
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        self.table.supports_filters_pushdown(filters)
    }

    fn statistics(&self) -> Option<Statistics> {
        self.table.statistics()
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let args = ScanArgs::default()
            .with_projection(projection.map(Vec::as_slice))
            .with_filters(Some(filters))
            .with_limit(limit);
        Ok(self.scan_with_args(state, args).await?.into_inner())
    }

    async fn scan_with_args<'a>(
        &self,
        state: &dyn Session,
        args: ScanArgs<'a>,
    ) -> Result<ScanResult> {
        let options = state.config_options().extensions.get::<AiOptions>();
        let index = options.and_then(|options| blocking(|| self.choose_index(options)));
        match index {
            Some(index) => {
                let plan = self.index_scan(index, state, args.projection()).await?;
                Ok(plan.into())
            }
            None => self.table.scan_with_args(state, args).await,
        }
    }
}
