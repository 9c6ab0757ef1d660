//! One query in the cluster, from its submission to its last row.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
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
use datafusion::physical_plan::metrics::MetricsSet;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use semql::ShellError;
use semql_udfs::Runtime;
use tonic::transport::Channel;

use super::scheduler::{LARGEST, Scheduler};
use crate::told::Told;

/// How often the scheduler is asked how far it is: at first, and at most.
const SOON: Duration = Duration::from_millis(10);
const SELDOM: Duration = Duration::from_millis(250);

/// How long a scheduler may be out of reach while a query runs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Tries to fetch a part of the result, and milliseconds between them.
const TRIES: u8 = 2;
const BETWEEN_TRIES: u64 = 500;

type Client = SchedulerGrpcClient<Channel>;
type Rows = BoxStream<'static, Result<arrow::array::RecordBatch>>;

/// A query to be run.
pub struct Submission {
    pub plan: Arc<Vec<u8>>,
    pub scheduler: Arc<Scheduler>,
    pub runtime: Arc<Runtime>,
    pub context: Arc<TaskContext>,
    /// Told what the executors did.
    pub done: Arc<OnceLock<String>>,
}

/// A query that the scheduler has. Whoever drops it wants no more of it.
struct Running {
    job: String,
    client: Client,
    finished: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (mut client, job_id) = (self.client.clone(), self.job.clone());
        let finished = self.finished;
        runtime.spawn(async move {
            // Where this fails, the results go after an hour.
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

/// Runs a query, and gives its rows once it has finished.
///
/// # Errors
/// No scheduler, no executor; what the scheduler or an executor says.
pub async fn run(submission: Submission) -> Result<Rows> {
    let scheduler = &submission.scheduler;
    let client = scheduler.client().await.map_err(ours)?;
    let mut running = submit(client, &submission).await?;
    let locations = finished(&mut running, scheduler).await?;
    running.finished = true;
    report(&mut running, &submission).await;
    let endpoint = scheduler.executor_endpoint();
    let parts = stream::iter(locations).map(Ok::<_, DataFusionError>);
    let rows = parts
        .and_then(move |location| fetch(location, endpoint.clone()))
        .try_flatten()
        // The results lie on the executors until all are here.
        .map(move |batch| {
            let _running = &running;
            batch
        });
    Ok(rows.boxed())
}

async fn submit(mut client: Client, submission: &Submission) -> Result<Running> {
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
    let answer = client.execute_query(request).await;
    let answer = answer.map_err(|status| failure(status.message()))?;
    match answer.into_inner().result {
        Some(Submitted::Success(job)) => Ok(Running {
            job: job.job_id,
            client,
            finished: false,
        }),
        Some(Submitted::Failure(why)) => Err(failure(&format!("{:?}", why.failure))),
        None => Err(failure("the scheduler gave no answer")),
    }
}

/// Waits for the end of the query, and says where its results are.
async fn finished(running: &mut Running, scheduler: &Scheduler) -> Result<Vec<PartitionLocation>> {
    let mut pause = SOON;
    let mut heard = Instant::now();
    loop {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(SELDOM);
        let job_id = running.job.clone();
        let asked = running.client.get_job_status(GetJobStatusParams { job_id });
        let status = match asked.await {
            Ok(answer) => answer.into_inner().status,
            Err(_) if heard.elapsed() < PATIENCE => continue,
            Err(status) => {
                return Err(ours(ShellError::query(format!(
                    "the scheduler at {} does not answer any more ({}); run the query again once it is back",
                    scheduler.place(),
                    status.message()
                ))));
            }
        };
        heard = Instant::now();
        match status.map(|job| job.status) {
            None => {
                return Err(ours(ShellError::query(format!(
                    "the scheduler at {} was restarted and knows nothing of the query any more; run it again",
                    scheduler.place()
                ))));
            }
            Some(Some(Status::Successful(job))) => return Ok(job.partition_location),
            Some(Some(Status::Failed(job))) => return Err(failure(&job.error)),
            Some(None | Some(Status::Queued(_) | Status::Running(_))) => {}
        }
    }
}

/// The rows of one part of the result.
async fn fetch(
    location: PartitionLocation,
    endpoint: Option<Arc<BallistaConfigGrpcEndpoint>>,
) -> Result<SendableRecordBatchStream> {
    let layout = location.layout();
    let (Some(executor), Some(part)) = (location.executor_meta, location.partition_id) else {
        return Err(failure("the scheduler does not say where the result is"));
    };
    let (host, port) = (executor.host.as_str(), executor.port as u16);
    let lost = |error: ballista_core::error::BallistaError| {
        ours(ShellError::query(format!(
            "a part of the result is on the executor at {host}:{port}, which does not give it ({error}); \
             run the query again"
        )))
    };
    let client = BallistaClient::try_new(
        host,
        port,
        LARGEST,
        false,
        endpoint,
        TRIES,
        BETWEEN_TRIES,
        0,
        0,
    );
    let mut client = client.await.map_err(lost)?;
    let fetched = client
        .fetch_partition(&executor.id, &part.into(), location.file_id, layout, true)
        .await;
    fetched.map_err(lost)
}

/// Takes over what the executors counted, and keeps it for EXPLAIN ANALYZE.
/// A query does not fail for that.
async fn report(running: &mut Running, submission: &Submission) {
    let job_id = running.job.clone();
    let asked = running
        .client
        .get_job_metrics(GetJobMetricsParams { job_id });
    let Ok(answer) = asked.await else { return };
    let did = answer.into_inner();
    let counted = |name: &str| counted(&did, name);
    submission
        .runtime
        .count_elsewhere(counted("truncated"), counted("failed"));
    let _ = submission.done.set(shown(&did));
}

/// The sum of a count over all `Infer` operators.
fn counted(did: &GetJobMetricsResult, name: &str) -> u64 {
    let operators = did.stages.iter().flat_map(|stage| &stage.operators);
    operators
        .filter(|operator| operator.operator_desc.starts_with("InferExec"))
        .flat_map(|operator| &operator.metrics)
        .filter_map(|metric| match &metric.metric {
            Some(Metric::Count(count)) if count.name == name => Some(count.value),
            _ => None,
        })
        .sum()
}

/// The operators of each stage, with what they measured.
fn shown(did: &GetJobMetricsResult) -> String {
    let mut lines = Vec::new();
    for stage in &did.stages {
        lines.push(format!(
            "    Stage {}, {} partitions",
            stage.stage_id, stage.partitions
        ));
        for operator in &stage.operators {
            let measured = OperatorMetricsSet {
                metrics: operator.metrics.clone(),
            };
            let measured: Option<MetricsSet> = measured.try_into().ok();
            let measured = measured.map_or(String::new(), |measured| {
                let measured = measured.aggregate_by_name().sorted_for_display();
                format!(", metrics=[{}]", measured.timestamps_removed())
            });
            let indent = "  ".repeat(operator.depth as usize + 3);
            lines.push(format!("{indent}{}{measured}", operator.operator_desc));
        }
    }
    lines.join("\n")
}

/// What the scheduler or an executor said, in their words where they are ours.
fn failure(text: &str) -> DataFusionError {
    match Told::read(text) {
        Some(told) => told.into_error(),
        None => ours(ShellError::query(format!(
            "the cluster could not run the query: {text}"
        ))),
    }
}

fn ours(error: ShellError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
