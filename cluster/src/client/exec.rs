//! A plan that runs in the cluster, as an operator of this process.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PhysicalExpr, PlanProperties,
};
use futures::{StreamExt, TryStreamExt};
use semql_udfs::Runtime;

use super::job::{self, Submission};
use super::scheduler::Scheduler;

/// The operator; see the module. Its rows come in one partition.
pub struct ClusterExec {
    plan: Arc<Vec<u8>>,
    scheduler: Arc<Scheduler>,
    runtime: Arc<Runtime>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    /// What the executors did, once they have.
    done: Arc<OnceLock<String>>,
}

impl ClusterExec {
    /// `written` is `plan` as it is sent.
    pub fn new(
        plan: &Arc<dyn ExecutionPlan>,
        written: Vec<u8>,
        scheduler: Arc<Scheduler>,
        runtime: Arc<Runtime>,
    ) -> Self {
        let before = plan.properties();
        // Partitions come one after the other, which mixes nothing where there
        // is one.
        let orders = match plan.output_partitioning().partition_count() {
            1 => before.eq_properties.oeq_class().iter().cloned().collect(),
            _ => Vec::new(),
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(plan.schema(), orders),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self {
            plan: Arc::new(written),
            scheduler,
            runtime,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
            done: Arc::default(),
        }
    }
}

impl fmt::Debug for ClusterExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClusterExec: {}", self.scheduler.place())
    }
}

impl DisplayAs for ClusterExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "ClusterExec: scheduler={}", self.scheduler.place())?;
        match self.done.get() {
            Some(done) => write!(f, "\n{done}"),
            None => Ok(()),
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

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let submission = Submission {
            plan: Arc::clone(&self.plan),
            scheduler: Arc::clone(&self.scheduler),
            runtime: Arc::clone(&self.runtime),
            context,
            done: Arc::clone(&self.done),
        };
        let metrics = BaselineMetrics::new(&self.metrics, 0);
        let schema = self.schema();
        let rows = futures::stream::once(job::run(submission))
            .try_flatten()
            .map(move |batch| -> Result<RecordBatch> {
                Ok(relabelled(batch?, &schema)?.record_output(&metrics))
            });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The rows under the columns as they were planned: what functions note beside
/// their columns, such as a vector's origin, does not travel.
fn relabelled(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let (given, planned) = (batch.schema(), schema.fields());
    let kinds = |fields: &arrow::datatypes::Fields| -> Vec<_> {
        fields.iter().map(|f| f.data_type().clone()).collect()
    };
    let same = given
        .fields()
        .iter()
        .zip(planned)
        .all(|(given, planned)| given.data_type().equals_datatype(planned.data_type()));
    if !same || given.fields().len() != planned.len() {
        return internal_err!(
            "the cluster gave columns of {:?}, and {:?} were planned",
            kinds(given.fields()),
            kinds(planned)
        );
    }
    let options = RecordBatchOptions::new()
        .with_row_count(Some(batch.num_rows()))
        // A list's items may be named otherwise.
        .with_match_field_names(false);
    let columns = batch.columns().to_vec();
    let schema = Arc::clone(schema);
    Ok(RecordBatch::try_new_with_options(
        schema, columns, &options,
    )?)
}
