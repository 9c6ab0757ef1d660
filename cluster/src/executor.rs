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

use crate::args::Executor;
use crate::codec::Codec;
use crate::process::{host_and_port, say};
use crate::session;
use crate::stage::StageEngine;
use crate::transport::{ConnectError, Transport};

/// How long an executor waits for its scheduler to be started.
const PATIENCE: Duration = Duration::from_secs(30);

/// The largest message; plans carry small tables.
const LARGEST: u32 = 64 << 20;

/// Serves until the process is stopped.
///
/// # Errors
/// A setting that does not exist, a port that is taken, no scheduler, no secret
/// for an address that other machines reach.
pub async fn run(args: Executor) -> Result<(), ShellError> {
    let transport = Transport::from_secret_file(args.secret_file.as_deref())?;
    transport.check_bind(args.bind)?;
    let scheduler = host_and_port(&args.scheduler)?;
    let place = format!("{}:{}", scheduler.0, scheduler.1);
    let ai = settings(&args.settings)?;
    let address = free(SocketAddr::new(args.bind, args.port))?;
    let folder = Folder::new(args.work_dir.clone(), address)?;
    await_scheduler(&transport, &place).await?;
    let config = config(&args, &ai, address, &scheduler, &folder.path, &transport)?;
    if transport.is_encrypted() {
        say("connections are encrypted, and need the secret of this cluster");
    }
    say(&format!(
        "an executor at {address} works for the scheduler at {place}, {} at a time, with ai.device = '{}'",
        config.vcores, ai.settings.device
    ));
    tokio::select! {
        ended = start_executor_process(Arc::new(config)) => {
            ended.map_err(|error| ShellError::query(format!("the executor stopped: {error}")))
        }
        ended = interrupted_twice() => Ok(ended?),
    }
}

/// The first Ctrl-C lets the parts under way come to their end.
async fn interrupted_twice() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await?;
    say("the executor ends after what it is at; Ctrl-C once more ends it now");
    tokio::signal::ctrl_c().await
}

/// The settings of this machine.
fn settings(given: &[(String, String)]) -> Result<AiOptions, ShellError> {
    let mut ai = AiOptions::new(Arc::new(Runtime::new()));
    for (key, value) in given {
        let own = key.strip_prefix("ai.").ok_or_else(|| {
            ShellError::usage(format!(
                "--set {key}={value}: an executor has the settings ai.*; all others are the client's"
            ))
        })?;
        ai.set(own, value).map_err(|error| {
            let error = ShellError::from(error);
            ShellError::usage(format!("--set {key}={value}: {}", error.message))
        })?;
    }
    Ok(ai)
}

/// The address with its port, a free one where any will do. Ballista wants to
/// know it before it listens.
fn free(address: SocketAddr) -> Result<SocketAddr, ShellError> {
    std::net::TcpListener::bind(address)
        .and_then(|listener| listener.local_addr())
        .map_err(|error| {
            ShellError::setup(format!(
                "the executor cannot listen on {address}: {error}; --port and --bind name another place"
            ))
        })
}

/// Waits until there is a scheduler at `place`.
async fn await_scheduler(transport: &Transport, place: &str) -> Result<(), ShellError> {
    let begun = Instant::now();
    let mut said = false;
    loop {
        let cause = match transport.connect(place).await {
            Ok(_) => return Ok(()),
            Err(ConnectError::Absent { cause, .. }) if begun.elapsed() < PATIENCE => cause,
            Err(error) => return Err(error.into()),
        };
        if !said {
            said = true;
            say(&format!("waiting for the scheduler at {place} ({cause})"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
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

/// Server of results in place of Ballista's own, which cannot encrypt; none is
/// needed without a secret.
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
        .max_decoding_message_size(LARGEST as usize)
        .max_encoding_message_size(LARGEST as usize);
    let served = transport
        .server(create_grpc_server(&config))?
        .add_service(flight)
        .serve_with_shutdown(address, shutdown.recv());
    served.await.map_err(BallistaError::TonicError)
}

fn config(
    args: &Executor,
    ai: &AiOptions,
    address: SocketAddr,
    (scheduler_host, scheduler_port): &(String, u16),
    folder: &Path,
    transport: &Transport,
) -> Result<ExecutorProcessConfig, ShellError> {
    // The cores of a GPU's machine only bring it its texts.
    let concurrency = match (args.concurrency, ai.settings.device) {
        (Some(concurrency), _) => usize::from(concurrency),
        (None, Device::Cuda(_) | Device::TensorRt(_)) => 1,
        _ => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let place = format!("executor {address}");
    let scheduler = transport.scheduler_endpoint(&format!("{scheduler_host}:{scheduler_port}"))?;
    let scheduler = scheduler.connect_lazy();
    let engine = StageEngine::new(&place, Arc::clone(&ai.runtime), scheduler);
    let spilled = folder.to_path_buf();
    Ok(ExecutorProcessConfig {
        bind_host: match address {
            SocketAddr::V4(at) => at.ip().to_string(),
            SocketAddr::V6(at) => format!("[{}]", at.ip()),
        },
        // Of an address that is any, the scheduler takes the one it sees.
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
        grpc_max_decoding_message_size: LARGEST,
        grpc_max_encoding_message_size: LARGEST,
        override_execution_engine: Some(Arc::new(engine)),
        override_function_registry: Some(Arc::new(session::functions(ai)?)),
        override_config_producer: Some(task_config(ai.clone(), transport)),
        override_runtime_producer: Some(Arc::new(move |_: &SessionConfig| {
            session::environment()
                .with_temp_file_path(spilled.clone())
                .build_arc()
        })),
        override_physical_codec: Some(Arc::new(Codec::new(ai.clone()))),
        override_arrow_flight_service: flight_server(transport),
        override_create_grpc_client_endpoint: transport.scheduler_override(),
        ..ExecutorProcessConfig::default()
    })
}

/// Where results lie; a folder of our own goes with the process.
struct Folder {
    path: PathBuf,
    own: bool,
}

impl Folder {
    fn new(given: Option<PathBuf>, address: SocketAddr) -> Result<Self, ShellError> {
        let own = given.is_none();
        let path = given.unwrap_or_else(|| {
            let name = format!("semql-executor-{}-{}", std::process::id(), address.port());
            std::env::temp_dir().join(name)
        });
        std::fs::create_dir_all(&path).map_err(|error| {
            ShellError::setup(format!(
                "cannot make the folder {}: {error}; --work-dir names another one",
                path.display()
            ))
        })?;
        Ok(Self { path, own })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.own {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
