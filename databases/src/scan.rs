//! Operator that reads the rows of a query in a database.

use std::fmt;
use std::sync::Arc;

use adbc_core::{Connection, Statement};
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::StreamExt;

use crate::database::{Database, RunningStatement};
use crate::types::to_engine;

/// Batches that wait for the query.
const QUEUED_BATCHES: usize = 2;

/// Rows of a query, in one partition.
#[derive(Debug)]
pub struct DatabaseScanExec {
    database: Database,
    sql: String,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl DatabaseScanExec {
    /// Scan of the rows of `sql`, whose columns are those of `schema` by position.
    pub fn new(database: Database, sql: String, schema: SchemaRef) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            database,
            sql,
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for DatabaseScanExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let (address, sql) = (self.database.address(), &self.sql);
        match format {
            DisplayFormatType::TreeRender => write!(f, "database={address}\nsql={sql}"),
            _ => write!(f, "DatabaseScanExec: database={address}, sql={sql}"),
        }
    }
}

impl ExecutionPlan for DatabaseScanExec {
    fn name(&self) -> &str {
        Self::static_name()
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
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let mut builder =
            RecordBatchReceiverStream::builder(Arc::clone(&self.schema), QUEUED_BATCHES);
        let output = builder.tx();
        let (database, sql) = (self.database.clone(), self.sql.clone());
        let schema = Arc::clone(&self.schema);
        let running = RunningStatement::default();
        let cancel = running.clone();
        builder.spawn_blocking(move || {
            let failed = |error| DataFusionError::from(database.error("read from", error));
            let mut connection = database.connect()?;
            let mut statement = connection.new_statement().map_err(failed)?;
            statement.set_sql_query(&sql).map_err(failed)?;
            running.set(Some(statement.get_cancel_handle()));
            for batch in statement.execute().map_err(failed)? {
                let batch = to_engine(&batch?, &schema)?;
                if output.blocking_send(Ok(batch)).is_err() {
                    // The query has ended.
                    return Ok(());
                }
            }
            running.set(None);
            Ok(())
        });
        let metrics = BaselineMetrics::new(&self.metrics, 0);
        let guard = CancelGuard(cancel);
        let rows = builder.build().map(move |batch| {
            let _ = &guard;
            if let Ok(batch) = &batch {
                metrics.record_output(batch.num_rows());
            }
            batch
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            rows,
        )))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// Cancels the statement of a stream that is dropped.
struct CancelGuard(RunningStatement);

impl Drop for CancelGuard {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
