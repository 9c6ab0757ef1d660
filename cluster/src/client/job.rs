//! Execution of one query in the cluster.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ballista_core::client::BallistaClient;
use ballista_core::extension::BallistaConfigGrpcEndpoint;
use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::execute_query_result::Result as Submitted;
use ballista_core::serde::protobuf::job_status::Status;
use ballista_core::serde::protobuf::operator_metric::Metric;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    CancelJobParams, CleanJobDataParams, ExecuteQueryParams, GetJobMetricsParams,
    GetJobMetricsResult, GetJobStatusParams, KeyValuePair, OperatorMetricsSet, PartitionLocation,
};
use ballista_core::version::insert_version_header;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use semql::ShellError;
use semql_udfs::Runtime;
use semql_udfs::plan::InferExec;
use tonic::transport::Channel;

use super::scheduler::SchedulerClient;
use crate::remote_error::RemoteError;
use crate::transport::MAX_MESSAGE_SIZE;

/// Interval between status requests, which doubles up to the maximum.
const MIN_STATUS_INTERVAL: Duration = Duration::from_millis(10);
const MAX_STATUS_INTERVAL: Duration = Duration::from_millis(250);

/// Time that a scheduler may be unreachable while a query runs.
const SCHEDULER_TIMEOUT: Duration = Duration::from_secs(20);

/// Retries of a failed fetch of a result partition, and the time between them.
const MAX_FETCH_RETRIES: u8 = 2;
const FETCH_RETRY_INTERVAL: Duration = Duration::from_millis(500);

type GrpcClient = SchedulerGrpcClient<Channel>;
type RowStream = BoxStream<'static, Result<arrow::array::RecordBatch>>;

/// Query to run.
pub struct Submission {
    /// Encoded physical plan.
    pub plan: Arc<Vec<u8>>,
    pub scheduler: Arc<SchedulerClient>,
    pub runtime: Arc<Runtime>,
    pub context: Arc<TaskContext>,
    /// Receives the stages and their metrics.
    pub stages: StageReport,
}

/// Stages of the last execution with their metrics, one line each.
#[derive(Clone, Default)]
pub struct StageReport(Arc<Mutex<Option<String>>>);

impl StageReport {
    pub fn get(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, stages: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(stages);
    }
}

/// Job of the scheduler. Dropping it cancels the job, or releases its results.
struct RunningJob {
    id: String,
    client: GrpcClient,
    finished: bool,
}

impl Drop for RunningJob {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (mut client, job_id) = (self.client.clone(), self.id.clone());
        let finished = self.finished;
        runtime.spawn(async move {
            // If this fails, the scheduler removes the results after its timeout.
            if finished {
                let all = CleanJobDataParams {
                    job_id,
                    remove_stage_ids: Vec::new(),
                };
                let _ = client.clean_job_data(all).await;
            } else {
                let _ = client.cancel_job(CancelJobParams { job_id }).await;
            }
        });
    }
}

/// Runs a query, and returns its rows once it has finished.
///
/// # Errors
/// No scheduler, no executor, or an error of one of them.
pub async fn run(submission: Submission) -> Result<RowStream> {
    let scheduler = &submission.scheduler;
    let client = scheduler.grpc_client().await.map_err(external)?;
    let mut job = submit(client, &submission).await?;
    let locations = await_locations(&mut job, scheduler).await?;
    job.finished = true;
    collect_metrics(&mut job, &submission).await;
    let endpoint = scheduler.executor_endpoint();
    let partitions = stream::iter(locations).map(Ok::<_, DataFusionError>);
    let rows = partitions
        .and_then(move |location| fetch(location, endpoint.clone()))
        .try_flatten()
        // Keeps the results on the executors until all are fetched.
        .map(move |batch| {
            let _job = &job;
            batch
        });
    Ok(rows.boxed())
}

async fn submit(mut client: GrpcClient, submission: &Submission) -> Result<RunningJob> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let session = submission.context.session_id();
    let config = submission.context.session_config();
    let settings = config.options().entries().into_iter();
    let settings = settings.map(|entry| KeyValuePair {
        key: entry.key,
        value: entry.value,
    });
    let mut request = tonic::Request::new(ExecuteQueryParams {
        session_id: session.clone(),
        settings: settings.collect(),
        operation_id: format!("{session}-{}", COUNT.fetch_add(1, Relaxed)),
        query: Some(Query::PhysicalPlan(submission.plan.to_vec())),
    });
    insert_version_header(request.metadata_mut());
    let response = client.execute_query(request).await;
    let response = response.map_err(|status| job_error(status.message()))?;
    match response.into_inner().result {
        Some(Submitted::Success(job)) => Ok(RunningJob {
            id: job.job_id,
            client,
            finished: false,
        }),
        Some(Submitted::Failure(error)) => Err(job_error(&format!("{:?}", error.failure))),
        None => Err(job_error("the response of the scheduler is empty")),
    }
}

/// Waits for the end of the query, and returns the locations of its results.
async fn await_locations(
    job: &mut RunningJob,
    scheduler: &SchedulerClient,
) -> Result<Vec<PartitionLocation>> {
    let mut interval = MIN_STATUS_INTERVAL;
    let mut last_response = Instant::now();
    loop {
        tokio::time::sleep(interval).await;
        interval = (interval * 2).min(MAX_STATUS_INTERVAL);
        let job_id = job.id.clone();
        let response = job
            .client
            .get_job_status(GetJobStatusParams { job_id })
            .await;
        let status = match response {
            Ok(response) => response.into_inner().status,
            Err(_) if last_response.elapsed() < SCHEDULER_TIMEOUT => continue,
            Err(status) => {
                return Err(external(ShellError::query(format!(
                    "the scheduler at {} no longer answers ({}); restart it, then run the query again",
                    scheduler.address(),
                    status.message()
                ))));
            }
        };
        last_response = Instant::now();
        match status.map(|job| job.status) {
            None => {
                return Err(external(ShellError::query(format!(
                    "the scheduler at {} was restarted and lost the query; run the query again",
                    scheduler.address()
                ))));
            }
            Some(Some(Status::Successful(job))) => return Ok(job.partition_location),
            Some(Some(Status::Failed(job))) => return Err(job_error(&job.error)),
            Some(None | Some(Status::Queued(_) | Status::Running(_))) => {}
        }
    }
}

/// Fetches the rows of one partition of the result.
async fn fetch(
    location: PartitionLocation,
    endpoint: Option<Arc<BallistaConfigGrpcEndpoint>>,
) -> Result<SendableRecordBatchStream> {
    let layout = location.layout();
    let (Some(executor), Some(partition)) = (location.executor_meta, location.partition_id) else {
        return Err(job_error(
            "the scheduler returned a partition without a location",
        ));
    };
    let (host, port) = (executor.host.as_str(), executor.port as u16);
    let lost = |error: ballista_core::error::BallistaError| {
        external(ShellError::query(format!(
            "cannot fetch a part of the result from the executor at {host}:{port} ({error}); \
             run the query again"
        )))
    };
    let client = BallistaClient::try_new(
        host,
        port,
        MAX_MESSAGE_SIZE as usize,
        false,
        endpoint,
        MAX_FETCH_RETRIES,
        FETCH_RETRY_INTERVAL.as_millis() as u64,
        0,
        0,
    );
    let mut client = client.await.map_err(lost)?;
    let fetched = client
        .fetch_partition(
            &executor.id,
            &partition.into(),
            location.file_id,
            layout,
            true,
        )
        .await;
    fetched.map_err(lost)
}

/// Adds the executors' counts to the runtime, and stores their metrics for EXPLAIN
/// ANALYZE. Ignores errors, since the query has succeeded.
async fn collect_metrics(job: &mut RunningJob, submission: &Submission) {
    let job_id = job.id.clone();
    let response = job
        .client
        .get_job_metrics(GetJobMetricsParams { job_id })
        .await;
    let Ok(response) = response else { return };
    let metrics = response.into_inner();
    let sum = |name: &str| sum_counter(&metrics, name);
    submission
        .runtime
        .add_remote_failures(sum("truncated"), sum("failed"));
    submission.stages.set(format_stages(&metrics));
}

/// Sum of a counter over all operators of type [`InferExec`].
fn sum_counter(metrics: &GetJobMetricsResult, name: &str) -> u64 {
    let operators = metrics.stages.iter().flat_map(|stage| &stage.operators);
    operators
        .filter(|operator| operator.operator_desc.starts_with(InferExec::static_name()))
        .flat_map(|operator| &operator.metrics)
        .filter_map(|metric| match &metric.metric {
            Some(Metric::Count(count)) if count.name == name => Some(count.value),
            _ => None,
        })
        .sum()
}

/// Formats the operators of each stage with their metrics.
fn format_stages(metrics: &GetJobMetricsResult) -> String {
    let mut lines = Vec::new();
    for stage in &metrics.stages {
        lines.push(format!(
            "    Stage {}, {} partitions",
            stage.stage_id, stage.partitions
        ));
        for operator in &stage.operators {
            let encoded = OperatorMetricsSet {
                metrics: operator.metrics.clone(),
            };
            let decoded: Option<MetricsSet> = encoded.try_into().ok();
            let suffix = decoded.map_or(String::new(), |metrics| {
                let metrics = metrics.aggregate_by_name().sorted_for_display();
                format!(", metrics=[{}]", metrics.timestamps_removed())
            });
            let indent = "  ".repeat(operator.depth as usize + 3);
            lines.push(format!("{indent}{}{suffix}", operator.operator_desc));
        }
    }
    lines.join("\n")
}

/// Decodes the error of the scheduler or an executor.
fn job_error(text: &str) -> DataFusionError {
    match RemoteError::decode(text) {
        Some(error) => error.into_error(),
        None => external(ShellError::query(format!(
            "the cluster could not run the query: {text}"
        ))),
    }
}

fn external(error: ShellError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
