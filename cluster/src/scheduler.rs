//! `semql cluster scheduler`.

use std::net::SocketAddr;
use std::sync::Arc;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::{SchedulerConfig, TaskDistributionPolicy};
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use semql::ShellError;
use semql_udfs::{AiOptions, Runtime};

use crate::args::Scheduler;
use crate::codec::Codec;
use crate::handshake::Handshake;
use crate::process::{say, warn_of_network};
use crate::session;

/// How long results are kept for a client that neither fetched them nor went
/// away, in seconds.
const KEPT: u64 = 3600;

/// The largest plan that may come in; small tables travel within it.
const LARGEST: u32 = 64 << 20;

/// Serves until the process is stopped.
///
/// # Errors
/// If it cannot listen there.
pub async fn run(args: Scheduler) -> Result<(), ShellError> {
    let wanted = SocketAddr::new(args.bind, args.port);
    let listener = tokio::net::TcpListener::bind(wanted).await;
    let listener = listener.map_err(|error| {
        ShellError::setup(format!(
            "the scheduler cannot listen on {wanted}: {error}; --port and --bind name another place"
        ))
    })?;
    let address = listener.local_addr()?;
    let failed = |error| ShellError::query(format!("the scheduler stopped: {error}"));
    let config = config(&args, address);
    let cluster = BallistaCluster::new_from_config(&config).await;
    let cluster = cluster.map_err(failed)?;
    let scheduler =
        create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(config)).await;
    warn_of_network(&address);
    say(&format!("the scheduler listens on {address}"));
    let served = start_grpc_service_with_listener(listener, scheduler.map_err(failed)?);
    tokio::select! {
        served = served => served.map_err(failed),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

fn config(args: &Scheduler, address: SocketAddr) -> SchedulerConfig {
    let ai = AiOptions::new(Arc::new(Runtime::new()));
    let place = format!("scheduler {address}");
    let (of_config, of_state) = (ai.clone(), ai.clone());
    SchedulerConfig {
        bind_host: address.ip().to_string(),
        bind_port: address.port(),
        external_host: address.ip().to_string(),
        // Executors ask for work: they need no second port, and find a
        // scheduler again that has been restarted.
        scheduling_policy: TaskSchedulingPolicy::PullStaged,
        task_distribution: TaskDistributionPolicy::RoundRobin,
        executor_timeout_seconds: args.executor_timeout,
        expire_dead_executor_interval_seconds: (args.executor_timeout / 4).max(1),
        no_executors_grace_period_seconds: args.executor_timeout,
        finished_job_data_clean_up_interval_seconds: KEPT,
        grpc_server_max_decoding_message_size: LARGEST,
        grpc_server_max_encoding_message_size: LARGEST,
        override_config_producer: Some(Arc::new(move || session::config(of_config.clone()))),
        override_session_builder: Some(Arc::new(move |config| {
            Handshake::check(&config, &place)?;
            session::state(config, &of_state)
        })),
        override_physical_codec: Some(Arc::new(Codec::new(ai))),
        ..SchedulerConfig::default()
    }
}
