//! The operator of an operation over whole tables: reads its inputs to their
//! end, and then works.

use std::fmt::{self, Debug};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, Partitioning, PhysicalExpr,
    PlanProperties,
};
use futures::{StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

use crate::options::cancel_token;

/// Work on whole tables.
pub trait Operation: Debug + Send + Sync {
    fn name(&self) -> &'static str;

    /// The arguments, for `EXPLAIN`; operations of a name with the same
    /// arguments do the same.
    fn shown(&self) -> String;

    /// The answer's rows, in batches of the schema that it was planned with.
    /// Runs on a thread of its own.
    fn run(&self, inputs: Vec<RecordBatch>, work: &Work) -> Result<Vec<RecordBatch>>;
}

/// The circumstances of an operation at work.
pub struct Work {
    pub schema: SchemaRef,
    /// Grown by what an operation holds beside its inputs.
    pub memory: MemoryReservation,
    cancel: CancellationToken,
}

impl Work {
    /// Whether the work is cancelled: by the session's token, or because the
    /// stream of its rows was dropped.
    pub fn is_stopped(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// The token that cancels the work.
    pub fn cancel_token(&self) -> &CancellationToken {
        &self.cancel
    }

    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted) once the work is cancelled.
    pub fn check(&self) -> Result<()> {
        match self.is_stopped() {
            true => Err(DataFusionError::from(crate::error::Error::Interrupted)),
            false => Ok(()),
        }
    }
}

/// The operator; see the module.
#[derive(Debug)]
pub struct TablesExec {
    operation: Arc<dyn Operation>,
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl TablesExec {
    pub fn new(
        operation: Arc<dyn Operation>,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        schema: SchemaRef,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self {
            operation,
            inputs,
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for TablesExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "TablesExec: {}({})",
            self.operation.name(),
            self.operation.shown()
        )
    }
}

impl ExecutionPlan for TablesExec {
    fn name(&self) -> &str {
        "TablesExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition; self.inputs.len()]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.inputs.len()]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (operation, schema) = (Arc::clone(&self.operation), Arc::clone(&self.schema));
        Ok(Arc::new(Self::new(operation, children, schema)))
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let memory = MemoryConsumer::new(self.operation.name()).register(context.memory_pool());
        let streams = self
            .inputs
            .iter()
            .map(|input| input.execute(0, Arc::clone(&context)))
            .collect::<Result<Vec<_>>>()?;
        let metrics = BaselineMetrics::new(&self.metrics, 0);
        let cancel = cancel_token(context.session_config().options());
        let answer = answer(
            Arc::clone(&self.operation),
            streams,
            Arc::clone(&self.schema),
            memory,
            metrics,
            cancel.child_token(),
        );
        let batches = futures::stream::once(answer)
            .map_ok(|batches| futures::stream::iter(batches.into_iter().map(Ok)))
            .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            batches,
        )))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

async fn answer(
    operation: Arc<dyn Operation>,
    streams: Vec<SendableRecordBatchStream>,
    schema: SchemaRef,
    memory: MemoryReservation,
    metrics: BaselineMetrics,
    cancel: CancellationToken,
) -> Result<Vec<RecordBatch>> {
    let mut tables = Vec::new();
    for mut stream in streams {
        let mut batches = Vec::new();
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            // The batches, and the table that they are joined to.
            memory.try_grow(2 * get_record_batch_memory_size(&batch))?;
            batches.push(batch);
        }
        tables.push(concat_batches(&stream.schema(), &batches)?);
    }
    // Cancels the work when the stream of its rows is dropped.
    let guard = cancel.clone().drop_guard();
    let work = Work {
        schema,
        memory,
        cancel,
    };
    let task = SpawnedTask::spawn_blocking(move || {
        let _timer = metrics.elapsed_compute().timer();
        let batches = operation.run(tables, &work)?;
        metrics.record_output(batches.iter().map(RecordBatch::num_rows).sum());
        Ok(batches)
    });
    let batches = task
        .join_unwind()
        .await
        .map_err(|e| DataFusionError::External(Box::new(e)))?;
    drop(guard);
    batches
}
