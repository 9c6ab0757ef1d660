//! The operator that searches by an index and gives the rows that it names.

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
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties,
    Partitioning, PhysicalExpr, PlanProperties,
};
use futures::stream::select_all;
use futures::{StreamExt, TryStreamExt};

use super::file::IndexFile;
use super::narrow::narrow;
use super::passing;
use super::search::{Hit, Search, Way, hits};

/// Searches when it runs: first it hears from its input, if it has one, which
/// rows pass the filter, and then it reads those that the index names.
#[derive(Clone, Debug)]
pub struct IndexScanExec {
    index: Arc<IndexFile>,
    search: Search,
    /// The scan of all rows, which is narrowed down to those that are found.
    scan: Arc<dyn ExecutionPlan>,
    vectors: Option<VectorColumn>,
    /// The numbers of the rows that pass; all do if there is none.
    passing: Option<Arc<dyn ExecutionPlan>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// A column of vectors that the scan does not read, since the index has them.
#[derive(Clone, Debug)]
pub struct VectorColumn {
    /// Its place among the columns.
    pub at: usize,
    pub field: FieldRef,
}

impl IndexScanExec {
    pub fn new(
        index: Arc<IndexFile>,
        search: Search,
        scan: Arc<dyn ExecutionPlan>,
        vectors: Option<VectorColumn>,
        passing: Option<Arc<dyn ExecutionPlan>>,
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
            passing,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// The rows that are found among those that pass.
    async fn found(
        &self,
        passing: Option<SendableRecordBatchStream>,
        context: &TaskContext,
    ) -> Result<Vec<Hit>> {
        let memory = MemoryConsumer::new("IndexScanExec").register(context.memory_pool());
        // Which vectors have been visited, and which pass.
        let lists = 1 + usize::from(passing.is_some());
        memory.try_grow(size_of_val(self.index.rows()).saturating_mul(lists))?;
        let passing = match passing {
            Some(rows) => Some(passing::read(rows, &self.index.about, &memory).await?),
            None => None,
        };
        let count = |name: &'static str| MetricBuilder::new(&self.metrics).counter(name, 0);
        if let Some(passing) = &passing {
            count("rows_passing").add(passing.count_set_bits());
        }
        let (index, search) = (Arc::clone(&self.index), self.search.clone());
        let search = SpawnedTask::spawn_blocking(move || hits(&index, &search, passing.as_ref()));
        let (hits, way) = search
            .await
            .map_err(|e| DataFusionError::Execution(e.to_string()))?;
        count("rows_found").add(hits.len());
        let way = match way {
            Way::Graph => "searches_by_graph",
            Way::OneByOne => "searches_one_by_one",
            Way::All => "searches_not_needed",
        };
        count(way).add(1);
        Ok(hits)
    }

    /// Those rows, whichever come first.
    fn rows(&self, hits: &[Hit], context: &Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (scan, hits) = narrow(&self.scan, &self.index.about, hits)?;
        let mut files = Vec::new();
        for (at, hits) in hits.into_iter().enumerate() {
            let (this, mut given) = (self.clone(), 0);
            files.push(scan.execute(at, Arc::clone(context))?.map(move |batch| {
                let batch = batch?;
                let own = given..given + batch.num_rows();
                given = own.end;
                match hits.get(own) {
                    Some(own) => this.with_vectors(batch, own),
                    None => internal_err!("a narrowed scan gives rows that were not asked for"),
                }
            }));
        }
        let rows = RecordBatchStreamAdapter::new(self.schema(), select_all(files));
        Ok(Box::pin(rows))
    }

    /// The rows of a batch, and the vectors of the index among their columns.
    fn with_vectors(&self, batch: RecordBatch, hits: &[Hit]) -> Result<RecordBatch> {
        let Some(own) = &self.vectors else {
            return Ok(batch);
        };
        let mut columns = batch.columns().to_vec();
        columns.insert(own.at, self.vectors_of(hits, own.field.data_type())?);
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }

    /// The vectors of some rows, of the type that the column has.
    fn vectors_of(&self, hits: &[Hit], data_type: &DataType) -> Result<ArrayRef> {
        let view = self.index.view();
        let nothing = vec![0.0; view.dims];
        let values = hits.iter().flat_map(|hit| match hit.vector {
            Some(vector) => view.vector(vector),
            None => &nothing,
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
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let about = &self.index.about;
        let vectors = match &self.vectors {
            Some(_) => "index",
            None => "table",
        };
        write!(
            f,
            "IndexScanExec: index={}, column={}, rows={}, vectors={vectors}",
            about.name, about.column, self.search.rows
        )
    }
}

impl ExecutionPlan for IndexScanExec {
    fn name(&self) -> &str {
        "IndexScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.passing.iter().collect()
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        let children = self.passing.iter();
        children.map(|_| Distribution::SinglePartition).collect()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.len() != self.children().len() {
            return internal_err!("IndexScanExec has as many inputs as before");
        }
        Ok(Arc::new(Self {
            passing: children.pop(),
            metrics: ExecutionPlanMetricsSet::new(),
            ..Self::clone(&self)
        }))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn partition_statistics(&self, _: Option<usize>) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        statistics.num_rows = Precision::Inexact(self.search.rows);
        Ok(Arc::new(statistics))
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let passing = self.passing.as_ref();
        let passing = passing.map(|rows| rows.execute(0, Arc::clone(&context)));
        let (this, passing) = (self.clone(), passing.transpose()?);
        let rows = async move {
            let hits = this.found(passing, &context).await?;
            this.rows(&hits, &context)
        };
        let rows = futures::stream::once(rows).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}
