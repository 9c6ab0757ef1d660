//! `semql cluster executor`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_flight::flight_service_server::FlightServiceServer;
use ballista_core::ConfigProducer;
use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::error::BallistaError;
use ballista_core::extension::SessionConfigExt;
use ballista_core::utils::{GrpcServerConfig, create_grpc_server};
use ballista_executor::ArrowFlightServerProvider;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_executor::flight_service::BallistaFlightService;
use ballista_executor::shutdown::Shutdown;
use datafusion::common::config::ExtensionOptions;
use datafusion::prelude::SessionConfig;
use semql::ShellError;
use semql_udfs::backend::Device;
use semql_udfs::{AiOptions, Runtime};

use crate::args::ExecutorArgs;
use crate::codec::Codec;
use crate::process::{parse_host_port, print_status};
use crate::session;
use crate::stage::StageEngine;
use crate::transport::{ConnectError, MAX_MESSAGE_SIZE, Transport};

/// Time that an executor waits for its scheduler to start.
const SCHEDULER_TIMEOUT: Duration = Duration::from_secs(30);

/// Interval between attempts to connect to the scheduler.
const CONNECT_INTERVAL: Duration = Duration::from_millis(200);

/// Serves until the process is stopped.
///
/// # Errors
/// An unknown setting, an address that is in use or needs a secret, no scheduler.
pub async fn run(args: ExecutorArgs) -> Result<(), ShellError> {
    let transport = Transport::from_secret_file(args.secret_file.as_deref())?;
    transport.check_bind(args.bind)?;
    let scheduler = parse_host_port(&args.scheduler)?;
    let scheduler_address = format!("{}:{}", scheduler.0, scheduler.1);
    let ai = settings(&args.settings)?;
    let address = resolve_port(SocketAddr::new(args.bind, args.port))?;
    let work_dir = WorkDir::new(args.work_dir.clone(), address)?;
    await_scheduler(&transport, &scheduler_address).await?;
    let config = config(&args, &ai, address, &scheduler, &work_dir.path, &transport)?;
    if transport.is_encrypted() {
        print_status("connections are encrypted, and need the secret of this cluster");
    }
    print_status(&format!(
        "an executor at {address} is connected to the scheduler at {scheduler_address}, with up to {} tasks at a time and ai.device = '{}'",
        config.vcores, ai.settings.device
    ));
    tokio::select! {
        result = start_executor_process(Arc::new(config)) => {
            result.map_err(|error| ShellError::query(format!("the executor stopped: {error}")))
        }
        result = second_interrupt() => Ok(result?),
    }
}

/// Waits for the second Ctrl-C; on the first, Ballista finishes the running tasks.
async fn second_interrupt() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await?;
    print_status("the executor stops after its running tasks; press Ctrl-C again to stop it now");
    tokio::signal::ctrl_c().await
}

/// Settings of this machine.
fn settings(given: &[(String, String)]) -> Result<AiOptions, ShellError> {
    let mut ai = AiOptions::new(Arc::new(Runtime::new()));
    for (key, value) in given {
        let name = key.strip_prefix("ai.").ok_or_else(|| {
            ShellError::usage(format!(
                "--set {key}={value}: an executor has settings ai.* only; the client sends all others"
            ))
        })?;
        ai.set(name, value).map_err(|error| {
            let error = ShellError::from(error);
            ShellError::usage(format!("--set {key}={value}: {}", error.message))
        })?;
    }
    Ok(ai)
}

/// Replaces port 0 by a free port, which Ballista needs before it listens.
fn resolve_port(address: SocketAddr) -> Result<SocketAddr, ShellError> {
    std::net::TcpListener::bind(address)
        .and_then(|listener| listener.local_addr())
        .map_err(|error| {
            ShellError::setup(format!(
                "the executor cannot listen on {address}: {error}; choose another address with --bind or --port"
            ))
        })
}

/// Waits until the scheduler at `address` accepts connections.
async fn await_scheduler(transport: &Transport, address: &str) -> Result<(), ShellError> {
    let start = Instant::now();
    let mut reported = false;
    loop {
        let cause = match transport.connect(address).await {
            Ok(_) => return Ok(()),
            Err(ConnectError::Absent { cause, .. }) if start.elapsed() < SCHEDULER_TIMEOUT => cause,
            Err(error) => return Err(error.into()),
        };
        if !reported {
            reported = true;
            print_status(&format!("waiting for the scheduler at {address} ({cause})"));
        }
        tokio::time::sleep(CONNECT_INTERVAL).await;
    }
}

/// Configuration of tasks, whose shuffles read from other executors.
fn task_config(ai: AiOptions, transport: &Transport) -> ConfigProducer {
    let endpoint = transport.executor_override();
    Arc::new(move || {
        let config = session::config(ai.clone());
        match &endpoint {
            Some(endpoint) => {
                config.with_ballista_override_create_grpc_client_endpoint(Arc::clone(endpoint))
            }
            None => config,
        }
    })
}

/// Encrypted server of results, in place of Ballista's; `None` without a secret.
fn flight_server(transport: &Transport) -> Option<Arc<ArrowFlightServerProvider>> {
    if !transport.is_encrypted() {
        return None;
    }
    let transport = transport.clone();
    Some(Arc::new(
        move |folder: String, address: SocketAddr, shutdown: Shutdown, config: GrpcServerConfig| {
            let transport = transport.clone();
            tokio::spawn(serve_results(transport, folder, address, shutdown, config))
        },
    ))
}

/// Serves the results in `folder` until the executor ends.
async fn serve_results(
    transport: Transport,
    folder: String,
    address: SocketAddr,
    mut shutdown: Shutdown,
    config: GrpcServerConfig,
) -> Result<(), BallistaError> {
    let flight = FlightServiceServer::new(BallistaFlightService::new(folder))
        .max_decoding_message_size(MAX_MESSAGE_SIZE as usize)
        .max_encoding_message_size(MAX_MESSAGE_SIZE as usize);
    let served = transport
        .server(create_grpc_server(&config))?
        .add_service(flight)
        .serve_with_shutdown(address, shutdown.recv());
    served.await.map_err(BallistaError::TonicError)
}

fn config(
    args: &ExecutorArgs,
    ai: &AiOptions,
    address: SocketAddr,
    (scheduler_host, scheduler_port): &(String, u16),
    folder: &Path,
    transport: &Transport,
) -> Result<ExecutorProcessConfig, ShellError> {
    // On a GPU, one task keeps the device busy; cores only tokenize its texts.
    let concurrency = match (args.concurrency, ai.settings.device) {
        (Some(concurrency), _) => usize::from(concurrency),
        (None, Device::Accelerator { .. }) => 1,
        _ => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let process = format!("executor {address}");
    let scheduler = transport.scheduler_endpoint(&format!("{scheduler_host}:{scheduler_port}"))?;
    let scheduler = scheduler.connect_lazy();
    let engine = StageEngine::new(&process, Arc::clone(&ai.runtime), scheduler);
    let spill_folder = folder.to_path_buf();
    Ok(ExecutorProcessConfig {
        bind_host: match address {
            SocketAddr::V4(at) => at.ip().to_string(),
            SocketAddr::V6(at) => format!("[{}]", at.ip()),
        },
        // For an unspecified address, the scheduler uses that of the connection.
        external_host: args
            .host
            .clone()
            .or_else(|| (!address.ip().is_unspecified()).then(|| address.ip().to_string())),
        port: address.port(),
        scheduler_host: scheduler_host.clone(),
        scheduler_port: *scheduler_port,
        vcores: concurrency,
        task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
        work_dir: Some(folder.to_string_lossy().into_owned()),
        memory_pool_size: args.memory_limit.map(|bytes| bytes as u64),
        grpc_max_decoding_message_size: MAX_MESSAGE_SIZE,
        grpc_max_encoding_message_size: MAX_MESSAGE_SIZE,
        override_execution_engine: Some(Arc::new(engine)),
        override_function_registry: Some(Arc::new(session::functions(ai)?)),
        override_config_producer: Some(task_config(ai.clone(), transport)),
        override_runtime_producer: Some(Arc::new(move |_: &SessionConfig| {
            session::environment()
                .with_temp_file_path(spill_folder.clone())
                .build_arc()
        })),
        override_physical_codec: Some(Arc::new(Codec::new(ai.clone()))),
        override_arrow_flight_service: flight_server(transport),
        override_create_grpc_client_endpoint: transport.scheduler_override(),
        ..ExecutorProcessConfig::default()
    })
}

/// Folder of results, removed with the process if it is temporary.
struct WorkDir {
    path: PathBuf,
    temporary: bool,
}

impl WorkDir {
    fn new(given: Option<PathBuf>, address: SocketAddr) -> Result<Self, ShellError> {
        let temporary = given.is_none();
        let path = given.unwrap_or_else(|| {
            let name = format!("semql-executor-{}-{}", std::process::id(), address.port());
            std::env::temp_dir().join(name)
        });
        std::fs::create_dir_all(&path).map_err(|error| {
            ShellError::setup(format!(
                "cannot create the folder {}: {error}; choose another one with --work-dir",
                path.display()
            ))
        })?;
        Ok(Self { path, temporary })
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        if self.temporary {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
