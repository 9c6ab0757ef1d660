//! How an executor runs its part of a query: with Ballista's own engine, and
//! around it what Ballista lacks.
//!
//! A client that differs is refused; an error says where it was, in the words
//! of the shell; and work that nobody waits for any more ends, since Ballista
//! has no other way to stop an executor that asks for its work.

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
use crate::process::say;
use crate::told::Told;

/// How often is asked whether a query is still wanted.
const ASKED: Duration = Duration::from_secs(1);

/// The engine of an executor.
pub struct StageEngine {
    ballista: DefaultExecutionEngine,
    /// This executor, for messages.
    place: Arc<str>,
    runtime: Arc<Runtime>,
    scheduler: Channel,
}

impl StageEngine {
    pub fn new(place: &str, runtime: Arc<Runtime>, scheduler: Channel) -> Self {
        Self {
            ballista: DefaultExecutionEngine::new(),
            place: place.into(),
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
        Handshake::check(config, &self.place)?;
        let inner = self.ballista.create_query_stage_exec(
            job_id.clone(),
            stage_id,
            task_id,
            global_output_partition_ids,
            plan,
            work_dir,
            config,
        )?;
        Ok(Arc::new(Stage {
            inner,
            job: job_id,
            place: Arc::clone(&self.place),
            runtime: Arc::clone(&self.runtime),
            scheduler: self.scheduler.clone(),
        }))
    }
}

/// A part of a query.
struct Stage {
    inner: Arc<dyn QueryStageExecutor>,
    job: JobId,
    place: Arc<str>,
    runtime: Arc<Runtime>,
    scheduler: Channel,
}

impl Stage {
    /// Comes back once the query has failed or was cancelled, or the scheduler
    /// was restarted and knows nothing of it.
    async fn unwanted(&self) {
        let mut scheduler = SchedulerGrpcClient::new(self.scheduler.clone());
        loop {
            tokio::time::sleep(ASKED).await;
            let job_id = self.job.clone().into();
            let asked = scheduler.get_job_status(GetJobStatusParams { job_id });
            // A scheduler that does not answer may be there again in a moment.
            let Ok(answer) = asked.await else { continue };
            match answer.into_inner().status.map(|job| job.status) {
                None | Some(Some(job_status::Status::Failed(_))) => return,
                Some(_) => {}
            }
        }
    }

    /// What fast mode and the caches have to say, for whoever watches this
    /// executor.
    fn say_notes(&self) {
        for note in self.runtime.take_notes() {
            say(&note);
        }
    }

    fn told(&self, error: DataFusionError) -> DataFusionError {
        match innermost(&error) {
            inner if is_ballistas(inner) => error,
            inner => Told::of(inner, &self.place).into(),
        }
    }
}

/// What lies under Ballista's wrappings.
fn innermost(error: &DataFusionError) -> &DataFusionError {
    let root = error.find_root();
    if let DataFusionError::External(inner) = root
        && let Some(BallistaError::DataFusionError(inner)) = inner.downcast_ref()
    {
        return innermost(inner);
    }
    root
}

/// Whether Ballista itself has to see an error as it is, to try again or to
/// have a lost part done anew.
fn is_ballistas(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::IoError(_) => true,
        DataFusionError::External(inner) => inner.is::<BallistaError>() || inner.is::<Told>(),
        _ => false,
    }
}

#[async_trait]
impl QueryStageExecutor for Stage {
    async fn execute_query_stage(
        &self,
        task_id: usize,
        context: Arc<TaskContext>,
    ) -> Result<Vec<ShuffleWritePartition>> {
        let work = self.inner.execute_query_stage(task_id, context);
        let done = tokio::select! {
            done = work => done.map_err(|error| self.told(error)),
            () = self.unwanted() => Err(DataFusionError::External(Box::new(BallistaError::Cancelled))),
        };
        self.say_notes();
        done
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

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ballista_acts_on_is_left_as_it_is() {
        let lost = BallistaError::FetchFailed("e".to_string(), 1, 2, "gone".to_string());
        let lost = DataFusionError::External(Box::new(lost)).context("reading");
        assert!(is_ballistas(innermost(&lost)));
        let io = DataFusionError::IoError(std::io::Error::other("disk"));
        assert!(is_ballistas(innermost(&io)));
        let wrong = DataFusionError::Execution("x".to_string());
        let wrong = BallistaError::DataFusionError(Box::new(wrong));
        let wrong = DataFusionError::External(Box::new(wrong)).context("running");
        assert!(matches!(innermost(&wrong), DataFusionError::Execution(_)));
        assert!(!is_ballistas(innermost(&wrong)));
    }
}
