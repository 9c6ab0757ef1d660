//! The operator of an operation over whole tables: reads its inputs to their ends, and
//! then runs the operation.

use std::fmt::{self, Debug};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use datafusion::common::internal_err;
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
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan,
    InputDistributionRequirements, Partitioning, PhysicalExpr, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

use crate::error::to_datafusion;
use crate::options::cancel_token;

/// An operation on whole tables.
pub trait TableOperation: Debug + Send + Sync {
    fn name(&self) -> &'static str;

    /// The arguments in `EXPLAIN`. Operations with equal names and arguments are equal.
    fn display_arguments(&self) -> String;

    /// Computes the rows, in batches of the planned schema. Runs on a thread for blocking
    /// work.
    ///
    /// # Errors
    /// Those of the operation; [`Error::Interrupted`](crate::Error::Interrupted) once it
    /// is cancelled.
    fn run(&self, inputs: Vec<RecordBatch>, context: &OperationContext)
    -> Result<Vec<RecordBatch>>;
}

/// Schema, memory and cancellation of a running operation.
pub struct OperationContext {
    pub schema: SchemaRef,
    /// Memory of the inputs and of the operation, reserved while it runs.
    memory: MemoryReservation,
    cancel: CancellationToken,
}

impl OperationContext {
    /// Whether the operation is cancelled, by the session's token or because the stream of
    /// its rows was dropped.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// The token that cancels the operation.
    pub fn cancel_token(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Reserves memory for the operation until it ends.
    ///
    /// # Errors
    /// If the memory pool has less.
    pub fn reserve(&self, bytes: usize) -> Result<()> {
        self.memory.try_grow(bytes)
    }

    /// Checks that the operation is not cancelled.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted).
    pub fn check(&self) -> Result<()> {
        match self.is_cancelled() {
            true => Err(to_datafusion(crate::error::Error::Interrupted)),
            false => Ok(()),
        }
    }
}

/// The operator; see the module.
#[derive(Debug)]
pub struct TableOperationExec {
    operation: Arc<dyn TableOperation>,
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl TableOperationExec {
    pub fn new(
        operation: Arc<dyn TableOperation>,
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

impl DisplayAs for TableOperationExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let (name, arguments) = (self.operation.name(), self.operation.display_arguments());
        match format {
            DisplayFormatType::TreeRender => write!(f, "operation={name}\narguments={arguments}"),
            _ => write!(f, "TableOperationExec: {name}({arguments})"),
        }
    }
}

impl ExecutionPlan for TableOperationExec {
    fn name(&self) -> &str {
        Self::static_name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let single = vec![Distribution::SinglePartition; self.inputs.len()];
        InputDistributionRequirements::new(single)
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

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.len() != self.inputs.len() {
            return internal_err!("{} has {} inputs", self.name(), self.inputs.len());
        }
        let (operation, schema) = (Arc::clone(&self.operation), Arc::clone(&self.schema));
        Ok(Arc::new(Self::new(operation, children, schema)))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
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
        let batches = run_operation(
            Arc::clone(&self.operation),
            streams,
            Arc::clone(&self.schema),
            memory,
            metrics,
            cancel.child_token(),
        );
        let batches = futures::stream::once(batches)
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

/// Reads the inputs, then runs the operation.
async fn run_operation(
    operation: Arc<dyn TableOperation>,
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
            // The batch, and its copy in the concatenated table.
            memory.try_grow(get_record_batch_memory_size(&batch).saturating_mul(2))?;
            batches.push(batch);
        }
        tables.push(concat_batches(&stream.schema(), &batches)?);
    }
    // Cancels the operation when the stream of its rows is dropped.
    let guard = cancel.clone().drop_guard();
    let context = OperationContext {
        schema,
        memory,
        cancel,
    };
    let task = SpawnedTask::spawn_blocking(move || {
        let _timer = metrics.elapsed_compute().timer();
        let batches = operation.run(tables, &context)?;
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
