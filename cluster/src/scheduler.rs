//! `semql cluster scheduler`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::routing::get;
use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::error::BallistaError;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpcServer;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::{SchedulerConfig, TaskDistributionPolicy};
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use ballista_scheduler::scheduler_server::SchedulerServer;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use semql::ShellError;
use semql_udfs::{AiOptions, Runtime};
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Status};

use crate::args::SchedulerArgs;
use crate::codec::Codec;
use crate::handshake::Handshake;
use crate::process::print_status;
use crate::session;
use crate::transport::{HEALTH_PATH, MAX_MESSAGE_SIZE, READY_PATH, Transport};

/// Time after which results are removed that the client has not released.
const RESULT_TIMEOUT: Duration = Duration::from_secs(3600);

/// Scheduler of Ballista.
type BallistaScheduler = SchedulerServer<LogicalPlanNode, PhysicalPlanNode>;

/// Serves until the process is stopped.
///
/// # Errors
/// The address is in use, or needs a secret.
pub async fn run(args: SchedulerArgs) -> Result<(), ShellError> {
    let transport = Transport::from_secret_file(args.secret_file.as_deref())?;
    transport.check_bind(args.bind)?;
    let bind = SocketAddr::new(args.bind, args.port);
    let listener = TcpListener::bind(bind).await;
    let listener = listener.map_err(|error| {
        ShellError::setup(format!(
            "the scheduler cannot listen on {bind}: {error}; choose another address with --bind or --port"
        ))
    })?;
    let address = listener.local_addr()?;
    let failed = |error| ShellError::query(format!("the scheduler stopped: {error}"));
    let config = config(&args, address, &transport);
    let cluster = BallistaCluster::new_from_config(&config).await;
    let cluster = cluster.map_err(failed)?;
    let scheduler =
        create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(config)).await;
    let scheduler = scheduler.map_err(failed)?;
    if transport.is_encrypted() {
        print_status("connections are encrypted, and need the secret of this cluster");
    }
    print_status(&format!("the scheduler listens on {address}"));
    tokio::select! {
        served = serve(listener, scheduler, &transport) => served.map_err(failed),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

/// Accepts connections: without a secret with Ballista's server, which cannot
/// encrypt, else with a TLS server of the same services.
async fn serve(
    listener: TcpListener,
    scheduler: BallistaScheduler,
    transport: &Transport,
) -> Result<(), BallistaError> {
    if !transport.is_encrypted() {
        return start_grpc_service_with_listener(listener, scheduler).await;
    }
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let served = transport
        .server(Server::builder())?
        .add_routes(routes(scheduler))
        .serve_with_incoming(incoming);
    served.await.map_err(BallistaError::TonicError)
}

/// gRPC service of the scheduler, and the paths that clients request before a query.
fn routes(scheduler: BallistaScheduler) -> Routes {
    let scheduler = Arc::new(scheduler);
    let grpc = SchedulerGrpcServer::from_arc(Arc::clone(&scheduler))
        .max_decoding_message_size(MAX_MESSAGE_SIZE as usize)
        .max_encoding_message_size(MAX_MESSAGE_SIZE as usize);
    let ready = move || {
        let status = match scheduler.is_ready() {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        std::future::ready(status)
    };
    let router = Routes::new(InterceptedService::new(grpc, add_peer_address))
        .into_axum_router()
        .route(HEALTH_PATH, get(|| std::future::ready(StatusCode::OK)))
        .route(READY_PATH, get(ready));
    Routes::from(router)
}

/// Adds the address of the peer to a request: Ballista's fallback for the host of
/// an executor.
fn add_peer_address(mut request: Request<()>) -> Result<Request<()>, Status> {
    let address = request
        .remote_addr()
        .ok_or_else(|| Status::internal("the address of the peer is unknown"))?;
    request.extensions_mut().insert(ConnectInfo(address));
    Ok(request)
}

fn config(args: &SchedulerArgs, address: SocketAddr, transport: &Transport) -> SchedulerConfig {
    let ai = AiOptions::new(Arc::new(Runtime::new()));
    let process = format!("scheduler {address}");
    let (config_ai, state_ai) = (ai.clone(), ai.clone());
    SchedulerConfig {
        bind_host: address.ip().to_string(),
        bind_port: address.port(),
        external_host: address.ip().to_string(),
        // Executors poll for work: they need no second port, and reconnect to a
        // restarted scheduler.
        scheduling_policy: TaskSchedulingPolicy::PullStaged,
        task_distribution: TaskDistributionPolicy::RoundRobin,
        executor_timeout_seconds: args.executor_timeout,
        expire_dead_executor_interval_seconds: (args.executor_timeout / 4).max(1),
        no_executors_grace_period_seconds: args.executor_timeout,
        finished_job_data_clean_up_interval_seconds: RESULT_TIMEOUT.as_secs(),
        grpc_server_max_decoding_message_size: MAX_MESSAGE_SIZE,
        grpc_server_max_encoding_message_size: MAX_MESSAGE_SIZE,
        override_config_producer: Some(Arc::new(move || session::config(config_ai.clone()))),
        override_session_builder: Some(Arc::new(move |config| {
            Handshake::check(&config, &process)?;
            session::state(config, &state_ai)
        })),
        override_physical_codec: Some(Arc::new(Codec::new(ai))),
        override_create_grpc_client_endpoint: transport.executor_override(),
        ..SchedulerConfig::default()
    }
}
