//! Operator that runs its plan in the cluster.

use std::fmt;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Fields, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{assert_eq_or_internal_err, internal_err};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    Partitioning, PhysicalExpr, PlanProperties, ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt};
use semql_udfs::Runtime;

use super::job::{self, StageReport, Submission};
use super::scheduler::SchedulerClient;

/// Leaf that submits an encoded plan, and returns its rows in one partition.
pub struct ClusterExec {
    plan: Arc<Vec<u8>>,
    scheduler: Arc<SchedulerClient>,
    runtime: Arc<Runtime>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    stages: StageReport,
}

impl ClusterExec {
    /// Operator for `plan`, of which `encoded` is the serialized form.
    pub fn new(
        plan: &Arc<dyn ExecutionPlan>,
        encoded: Vec<u8>,
        scheduler: Arc<SchedulerClient>,
        runtime: Arc<Runtime>,
    ) -> Self {
        // Partitions are concatenated, so only a single one keeps its order.
        let orders = match plan.output_partitioning().partition_count() {
            1 => plan
                .equivalence_properties()
                .oeq_class()
                .iter()
                .cloned()
                .collect(),
            _ => Vec::new(),
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(plan.schema(), orders),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self {
            plan: Arc::new(encoded),
            scheduler,
            runtime,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
            stages: StageReport::default(),
        }
    }
}

impl fmt::Debug for ClusterExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClusterExec: {}", self.scheduler.address())
    }
}

impl DisplayAs for ClusterExec {
    /// One line; EXPLAIN ANALYZE, which runs after the execution, adds the stages.
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let address = self.scheduler.address();
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "ClusterExec: scheduler={address}")?;
                match self.stages.get() {
                    Some(stages) => write!(f, "\n{stages}"),
                    None => Ok(()),
                }
            }
            DisplayFormatType::TreeRender => writeln!(f, "scheduler={address}"),
        }
    }
}

impl ExecutionPlan for ClusterExec {
    fn name(&self) -> &str {
        "ClusterExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        assert_eq_or_internal_err!(partition, 0, "ClusterExec has a single partition");
        let submission = Submission {
            plan: Arc::clone(&self.plan),
            scheduler: Arc::clone(&self.scheduler),
            runtime: Arc::clone(&self.runtime),
            context,
            stages: self.stages.clone(),
        };
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let schema = self.schema();
        let rows = futures::stream::once(job::run(submission))
            .try_flatten()
            .map(move |batch| -> Result<RecordBatch> {
                Ok(with_planned_schema(batch?, &schema)?.record_output(&metrics))
            });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// Replaces the schema of a batch by the planned one: the cluster drops metadata
/// of fields, such as the model of a vector.
fn with_planned_schema(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let (actual, planned) = (batch.schema(), schema.fields());
    let types =
        |fields: &Fields| -> Vec<_> { fields.iter().map(|f| f.data_type().clone()).collect() };
    let equal = actual
        .fields()
        .iter()
        .zip(planned)
        .all(|(actual, planned)| actual.data_type().equals_datatype(planned.data_type()));
    if !equal || actual.fields().len() != planned.len() {
        return internal_err!(
            "the cluster returned columns of types {:?} in place of {:?}",
            types(actual.fields()),
            types(planned)
        );
    }
    let options = RecordBatchOptions::new()
        .with_row_count(Some(batch.num_rows()))
        // The name of a list's item field may differ.
        .with_match_field_names(false);
    let columns = batch.columns().to_vec();
    let schema = Arc::clone(schema);
    Ok(RecordBatch::try_new_with_options(
        schema, columns, &options,
    )?)
}
