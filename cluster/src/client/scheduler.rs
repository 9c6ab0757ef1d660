//! Connection to the scheduler, with a check that it has an executor.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ballista_core::extension::BallistaConfigGrpcEndpoint;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use semql::ShellError;
use tonic::codegen::http::StatusCode;
use tonic::transport::Channel;

use crate::process::parse_host_port;
use crate::transport::{MAX_MESSAGE_SIZE, READY_PATH, Transport, root_cause, status};

/// Time that a query waits for the first executor.
const EXECUTOR_TIMEOUT: Duration = Duration::from_secs(10);

/// Interval at which the scheduler is asked for an executor.
const EXECUTOR_INTERVAL: Duration = Duration::from_millis(100);

/// Address of a scheduler, and the transport to connect to it.
#[derive(Debug)]
pub struct SchedulerClient {
    host: String,
    port: u16,
    transport: Transport,
}

impl SchedulerClient {
    /// # Errors
    /// `url` is not an address.
    pub fn new(url: &str, transport: Transport) -> Result<Self, ShellError> {
        let (host, port) = parse_host_port(url)?;
        Ok(Self {
            host,
            port,
            transport,
        })
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Checks that the scheduler is reachable.
    ///
    /// # Errors
    /// No scheduler, or one with another secret.
    pub async fn check(&self) -> Result<(), ShellError> {
        self.connect().await.map(drop)
    }

    async fn connect(&self) -> Result<Channel, ShellError> {
        Ok(self.transport.connect(&self.address()).await?)
    }

    /// Waits for the first executor.
    async fn await_executor(&self, channel: &Channel) -> Result<(), ShellError> {
        let start = Instant::now();
        loop {
            let status = status(channel, READY_PATH).await.map_err(|error| {
                ShellError::setup(format!(
                    "the scheduler at {} no longer answers: {}",
                    self.address(),
                    root_cause(&error)
                ))
            })?;
            if status == StatusCode::OK {
                return Ok(());
            }
            if start.elapsed() > EXECUTOR_TIMEOUT {
                return Err(ShellError::setup(format!(
                    "the scheduler at {0} has no executor; start one with `semql cluster executor --scheduler {0}`",
                    self.address()
                )));
            }
            tokio::time::sleep(EXECUTOR_INTERVAL).await;
        }
    }

    /// Connects for a query, once there is an executor.
    ///
    /// # Errors
    /// No scheduler, or no executor.
    pub async fn grpc_client(&self) -> Result<SchedulerGrpcClient<Channel>, ShellError> {
        let channel = self.connect().await?;
        self.await_executor(&channel).await?;
        Ok(SchedulerGrpcClient::new(channel)
            .max_encoding_message_size(MAX_MESSAGE_SIZE as usize)
            .max_decoding_message_size(MAX_MESSAGE_SIZE as usize))
    }

    /// Endpoint that replaces Ballista's to fetch results from executors.
    pub fn executor_endpoint(&self) -> Option<Arc<BallistaConfigGrpcEndpoint>> {
        let endpoint = self.transport.executor_override()?;
        Some(Arc::new(BallistaConfigGrpcEndpoint::new(endpoint)))
    }
}
