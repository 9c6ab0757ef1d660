//! Execution engine of an executor: Ballista's, with three additions.
//!
//! It refuses incompatible clients, turns errors into [`RemoteError`], and stops
//! the tasks of cancelled queries: Ballista cannot cancel the tasks of executors
//! that poll for work.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::error::BallistaError;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    GetJobStatusParams, RuntimeStatsReport, ShuffleWritePartition, TaskColumnStats,
    WindowStateReport, job_status,
};
use ballista_executor::execution_engine::{
    DefaultExecutionEngine, ExecutionEngine, QueryStageExecutor,
};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::prelude::SessionConfig;
use semql_udfs::Runtime;
use tonic::transport::Channel;

use crate::handshake::Handshake;
use crate::process::print_status;
use crate::remote_error::RemoteError;

/// Interval at which the status of the query is requested.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// Execution engine of an executor.
pub struct StageEngine {
    ballista: DefaultExecutionEngine,
    /// Name of this executor in messages.
    process: Arc<str>,
    runtime: Arc<Runtime>,
    scheduler: Channel,
}

impl StageEngine {
    pub fn new(process: &str, runtime: Arc<Runtime>, scheduler: Channel) -> Self {
        Self {
            ballista: DefaultExecutionEngine::new(),
            process: process.into(),
            runtime,
            scheduler,
        }
    }
}

impl ExecutionEngine for StageEngine {
    fn create_query_stage_exec(
        &self,
        job_id: JobId,
        stage_id: usize,
        task_id: usize,
        global_output_partition_ids: Vec<usize>,
        plan: Arc<dyn ExecutionPlan>,
        work_dir: &str,
        config: &SessionConfig,
    ) -> Result<Arc<dyn QueryStageExecutor>> {
        Handshake::check(config, &self.process)?;
        let inner = self.ballista.create_query_stage_exec(
            job_id.clone(),
            stage_id,
            task_id,
            global_output_partition_ids,
            plan,
            work_dir,
            config,
        )?;
        Ok(Arc::new(StageExecutor {
            inner,
            job: job_id,
            process: Arc::clone(&self.process),
            runtime: Arc::clone(&self.runtime),
            scheduler: self.scheduler.clone(),
        }))
    }
}

/// Stage of a query on this executor.
struct StageExecutor {
    inner: Arc<dyn QueryStageExecutor>,
    job: JobId,
    process: Arc<str>,
    runtime: Arc<Runtime>,
    scheduler: Channel,
}

impl StageExecutor {
    /// Returns once the query has failed or was cancelled, or the scheduler was
    /// restarted and lost it.
    async fn cancelled(&self) {
        let mut scheduler = SchedulerGrpcClient::new(self.scheduler.clone());
        loop {
            tokio::time::sleep(STATUS_INTERVAL).await;
            let job_id = self.job.clone().into();
            let response = scheduler
                .get_job_status(GetJobStatusParams { job_id })
                .await;
            // A scheduler that does not answer may be restarting.
            let Ok(response) = response else { continue };
            match response.into_inner().status.map(|job| job.status) {
                None | Some(Some(job_status::Status::Failed(_))) => return,
                Some(_) => {}
            }
        }
    }

    /// Prints the notices of fast mode and the caches.
    fn print_notices(&self) {
        for notice in self.runtime.take_notices() {
            print_status(&notice);
        }
    }

    fn remote_error(&self, error: DataFusionError) -> DataFusionError {
        match innermost_error(&error) {
            inner if is_handled_by_ballista(inner) => error,
            inner => RemoteError::from_error(inner, &self.process).into(),
        }
    }
}

/// Error below Ballista's wrappers.
fn innermost_error(error: &DataFusionError) -> &DataFusionError {
    let root = error.find_root();
    if let DataFusionError::External(inner) = root
        && let Some(BallistaError::DataFusionError(inner)) = inner.downcast_ref()
    {
        return innermost_error(inner);
    }
    root
}

/// Whether Ballista retries the task, or recomputes a lost partition, after this
/// error.
fn is_handled_by_ballista(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::IoError(_) => true,
        DataFusionError::External(inner) => {
            inner.is::<BallistaError>() || inner.is::<RemoteError>()
        }
        _ => false,
    }
}

#[async_trait]
impl QueryStageExecutor for StageExecutor {
    async fn execute_query_stage(
        &self,
        task_id: usize,
        context: Arc<TaskContext>,
    ) -> Result<Vec<ShuffleWritePartition>> {
        let execution = self.inner.execute_query_stage(task_id, context);
        let result = tokio::select! {
            result = execution => result.map_err(|error| self.remote_error(error)),
            () = self.cancelled() => Err(DataFusionError::External(Box::new(BallistaError::Cancelled))),
        };
        self.print_notices();
        result
    }

    fn collect_plan_metrics(&self) -> Vec<MetricsSet> {
        self.inner.collect_plan_metrics()
    }

    fn collect_runtime_stats_reports(&self) -> Vec<RuntimeStatsReport> {
        self.inner.collect_runtime_stats_reports()
    }

    fn collect_window_state_reports(&self) -> Result<Vec<WindowStateReport>> {
        self.inner.collect_window_state_reports()
    }

    fn collect_column_stats(&self) -> Vec<TaskColumnStats> {
        self.inner.collect_column_stats()
    }
}

impl fmt::Debug for StageExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl fmt::Display for StageExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_ballista_handles_are_not_converted() {
        let lost = BallistaError::FetchFailed("e".to_string(), 1, 2, "gone".to_string());
        let lost = DataFusionError::External(Box::new(lost)).context("reading");
        assert!(is_handled_by_ballista(innermost_error(&lost)));
        let io = DataFusionError::IoError(std::io::Error::other("disk"));
        assert!(is_handled_by_ballista(innermost_error(&io)));
        let wrong = DataFusionError::Execution("x".to_string());
        let wrong = BallistaError::DataFusionError(Box::new(wrong));
        let wrong = DataFusionError::External(Box::new(wrong)).context("running");
        assert!(matches!(
            innermost_error(&wrong),
            DataFusionError::Execution(_)
        ));
        assert!(!is_handled_by_ballista(innermost_error(&wrong)));
    }
}
