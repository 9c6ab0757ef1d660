//! The scheduler of a client: is it there, and who works for it?

use std::sync::Arc;
use std::time::{Duration, Instant};

use ballista_core::extension::BallistaConfigGrpcEndpoint;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use semql::ShellError;
use tonic::codegen::http::StatusCode;
use tonic::transport::Channel;

use crate::process::host_and_port;
use crate::transport::{READY_PATH, Transport, root_cause, status};

/// How long a query waits for the first executor.
const EXECUTOR: Duration = Duration::from_secs(10);

/// The largest message; plans carry small tables.
pub const LARGEST: usize = 64 << 20;

/// Where a scheduler listens, and how to connect to it.
#[derive(Debug)]
pub struct Scheduler {
    host: String,
    port: u16,
    transport: Transport,
}

impl Scheduler {
    /// # Errors
    /// If `url` names none.
    pub fn new(url: &str, transport: Transport) -> Result<Self, ShellError> {
        let (host, port) = host_and_port(url)?;
        Ok(Self {
            host,
            port,
            transport,
        })
    }

    /// `host:port`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// # Errors
    /// If there is no scheduler, or one with another secret.
    pub async fn check(&self) -> Result<(), ShellError> {
        self.connect().await.map(drop)
    }

    async fn connect(&self) -> Result<Channel, ShellError> {
        Ok(self.transport.connect(&self.place()).await?)
    }

    /// Waits a moment for the first executor.
    async fn await_executor(&self, channel: &Channel) -> Result<(), ShellError> {
        let begun = Instant::now();
        loop {
            let answer = status(channel, READY_PATH).await.map_err(|error| {
                ShellError::setup(format!(
                    "the scheduler at {} does not answer any more: {}",
                    self.place(),
                    root_cause(&error)
                ))
            })?;
            if answer == StatusCode::OK {
                return Ok(());
            }
            if begun.elapsed() > EXECUTOR {
                return Err(ShellError::setup(format!(
                    "the scheduler at {0} has no executor: `semql cluster executor --scheduler {0}` starts one",
                    self.place()
                )));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A connection for queries, once there is an executor.
    ///
    /// # Errors
    /// If there is no scheduler, or no executor.
    pub async fn client(&self) -> Result<SchedulerGrpcClient<Channel>, ShellError> {
        let channel = self.connect().await?;
        self.await_executor(&channel).await?;
        Ok(SchedulerGrpcClient::new(channel)
            .max_encoding_message_size(LARGEST)
            .max_decoding_message_size(LARGEST))
    }

    /// How results are fetched from executors, if not as Ballista does it.
    pub fn executor_endpoint(&self) -> Option<Arc<BallistaConfigGrpcEndpoint>> {
        let endpoint = self.transport.executor_override()?;
        Some(Arc::new(BallistaConfigGrpcEndpoint::new(endpoint)))
    }
}
