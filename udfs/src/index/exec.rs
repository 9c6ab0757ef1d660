//! The operator that searches an index and returns the rows of the hits.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Statistics, internal_err};
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan,
    ExecutionPlanProperties, InputDistributionRequirements, Partitioning, PhysicalExpr,
    PlanProperties, ReplaceChildrenOptions,
};
use futures::stream::select_all;
use futures::{StreamExt, TryStreamExt};
use semql_inference::vector_index::{Hit, IndexFile, IndexSearch, Prefilter, SearchStrategy, hits};

use super::{prefilter, row_selection};

/// Searches an index when it is executed. It first reads the prefilter, if there is one,
/// then the rows of the hits from the scan.
///
/// The hits are known at execution only, and DataFusion fixes the row selection of a scan
/// when the scan is built. The operator therefore executes a copy of its input `scan` that
/// has the selection. The copy shares the metrics of `scan`.
#[derive(Clone, Debug)]
pub struct IndexScanExec {
    index: Arc<IndexFile>,
    search: IndexSearch,
    /// The scan of all rows, with a partition for each file.
    scan: Arc<dyn ExecutionPlan>,
    vectors: Option<IndexedVectors>,
    /// Returns the numbers of the rows that pass; without it, all rows do.
    prefilter: Option<Arc<dyn ExecutionPlan>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// A column of vectors that comes from the index instead of the scan.
#[derive(Clone, Debug)]
pub struct IndexedVectors {
    /// Position among the columns of the operator.
    pub at: usize,
    pub field: FieldRef,
}

impl IndexScanExec {
    pub fn new(
        index: Arc<IndexFile>,
        search: IndexSearch,
        scan: Arc<dyn ExecutionPlan>,
        vectors: Option<IndexedVectors>,
        prefilter: Option<Arc<dyn ExecutionPlan>>,
    ) -> Self {
        let mut fields = scan.schema().fields().to_vec();
        if let Some(vectors) = &vectors {
            fields.insert(vectors.at, Arc::clone(&vectors.field));
        }
        let schema = Schema::new_with_metadata(fields, scan.schema().metadata().clone());
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::new(schema)),
            Partitioning::UnknownPartitioning(1),
            scan.pipeline_behavior(),
            scan.boundedness(),
        );
        Self {
            index,
            search,
            scan,
            vectors,
            prefilter,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// Searches among the rows that pass the prefilter.
    async fn search(
        &self,
        prefilter: Option<SendableRecordBatchStream>,
        context: &TaskContext,
    ) -> Result<Vec<Hit>> {
        let memory = MemoryConsumer::new("IndexScanExec").register(context.memory_pool());
        // Lists of the visited vectors, and of those that pass.
        let lists = 1 + usize::from(prefilter.is_some());
        memory.try_grow(size_of_val(self.index.rows()).saturating_mul(lists))?;
        let passing = match prefilter {
            Some(rows) => Some(prefilter::read(rows, &self.index.metadata, &memory).await?),
            None => None,
        };
        let count = |name: &'static str| MetricBuilder::new(&self.metrics).counter(name, 0);
        if let Some(passing) = &passing {
            count("rows_passing").add(passing.count());
        }
        let (index, search) = (Arc::clone(&self.index), self.search.clone());
        let search = SpawnedTask::spawn_blocking(move || {
            let prefilter = passing.as_ref().map(|passing| passing as &dyn Prefilter);
            hits(&index, &search, prefilter)
        });
        let (hits, strategy) = search
            .await
            .map_err(|e| DataFusionError::Execution(e.to_string()))?;
        count("rows_found").add(hits.len());
        let strategy = match strategy {
            SearchStrategy::Graph => "searches_by_graph",
            SearchStrategy::Exact => "searches_one_by_one",
            SearchStrategy::AllRows => "searches_not_needed",
        };
        count(strategy).add(1);
        Ok(hits)
    }

    /// Reads the rows of the hits, in any order.
    fn read_rows(
        &self,
        hits: &[Hit],
        context: &Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (scan, hits) = row_selection::select(&self.scan, &self.index.metadata, hits)?;
        let mut files = Vec::new();
        for (partition, hits) in hits.into_iter().enumerate() {
            let (this, mut returned) = (self.clone(), 0);
            let batches = scan.execute(partition, Arc::clone(context))?;
            files.push(batches.map(move |batch| {
                let batch = batch?;
                let rows = returned..returned + batch.num_rows();
                returned = rows.end;
                match hits.get(rows) {
                    Some(hits) => this.with_vectors(batch, hits),
                    None => internal_err!("the scan has returned rows that were not selected"),
                }
            }));
        }
        let rows = RecordBatchStreamAdapter::new(self.schema(), select_all(files));
        Ok(Box::pin(rows))
    }

    /// Adds the vectors of the index to a batch.
    fn with_vectors(&self, batch: RecordBatch, hits: &[Hit]) -> Result<RecordBatch> {
        let Some(vectors) = &self.vectors else {
            return Ok(batch);
        };
        let mut columns = batch.columns().to_vec();
        columns.insert(
            vectors.at,
            self.vectors_of(hits, vectors.field.data_type())?,
        );
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }

    /// The vectors of the hits, with the type of the column.
    fn vectors_of(&self, hits: &[Hit], data_type: &DataType) -> Result<ArrayRef> {
        let view = self.index.view();
        let zeros = vec![0.0; view.dims];
        let values = hits.iter().flat_map(|hit| match hit.vector {
            Some(vector) => view.vector(vector),
            None => &zeros,
        });
        let values = Float32Array::from_iter_values(values.copied());
        let nulls = hits.iter().map(|hit| hit.vector.is_some()).collect();
        let item = Arc::new(Field::new_list_field(DataType::Float32, true));
        let (dims, values) = (view.dims as i32, Arc::new(values));
        let lists = FixedSizeListArray::try_new(item, dims, values, Some(nulls))?;
        Ok(cast(&lists, data_type)?)
    }
}

impl DisplayAs for IndexScanExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let metadata = &self.index.metadata;
        let (name, column, rows) = (&metadata.name, &metadata.column, self.search.rows);
        let vectors = match &self.vectors {
            Some(_) => "index",
            None => "table",
        };
        if let DisplayFormatType::TreeRender = format {
            return write!(
                f,
                "index={name}\ncolumn={column}\nrows={rows}\nvectors={vectors}"
            );
        }
        write!(
            f,
            "IndexScanExec: index={name}, column={column}, rows={rows}, vectors={vectors}"
        )?;
        match format {
            DisplayFormatType::Verbose => write!(
                f,
                ", recall={:.4}, file={}",
                metadata.recall,
                self.index.path.display()
            ),
            _ => Ok(()),
        }
    }
}

impl ExecutionPlan for IndexScanExec {
    fn name(&self) -> &str {
        Self::static_name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        std::iter::once(&self.scan).chain(&self.prefilter).collect()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let prefilter = self.prefilter.iter().map(|_| Distribution::SinglePartition);
        let scan = std::iter::once(Distribution::UnspecifiedDistribution);
        InputDistributionRequirements::new(scan.chain(prefilter).collect())
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.children().len()]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.len() != self.children().len() {
            return internal_err!("IndexScanExec has {} inputs", self.children().len());
        }
        let mut children = children.into_iter();
        let Some(scan) = children.next() else {
            return internal_err!("IndexScanExec has a scan");
        };
        let (index, search) = (Arc::clone(&self.index), self.search.clone());
        let exec = Self::new(index, search, scan, self.vectors.clone(), children.next());
        Ok(Arc::new(exec))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        statistics.num_rows = Precision::Inexact(self.search.rows);
        Ok(Arc::new(statistics))
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let prefilter = self.prefilter.as_ref();
        let prefilter = prefilter.map(|rows| rows.execute(0, Arc::clone(&context)));
        let (this, prefilter) = (self.clone(), prefilter.transpose()?);
        let rows = async move {
            let hits = this.search(prefilter, &context).await?;
            this.read_rows(&hits, &context)
        };
        let rows = futures::stream::once(rows).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}
