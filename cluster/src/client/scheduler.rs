//! The scheduler of a client: is it there, and who works for it?

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use semql::ShellError;
use tonic::transport::{Channel, Endpoint};

use crate::process::{connect, host_and_port};

/// How long a scheduler may take for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a query waits for the first executor.
const EXECUTOR: Duration = Duration::from_secs(10);

/// The largest message; plans carry small tables.
pub const LARGEST: usize = 64 << 20;

/// Where a scheduler listens.
#[derive(Debug)]
pub struct Scheduler {
    host: String,
    port: u16,
}

impl Scheduler {
    /// # Errors
    /// If `url` names none.
    pub fn new(url: &str) -> Result<Self, ShellError> {
        let (host, port) = host_and_port(url)?;
        Ok(Self { host, port })
    }

    /// `host:port`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// # Errors
    /// If there is no scheduler.
    pub async fn check(&self) -> Result<(), ShellError> {
        let health = self.get("/healthz").await?;
        if health.starts_with("HTTP/1.1 200") {
            return Ok(());
        }
        Err(ShellError::setup(format!(
            "what listens on {} is no scheduler of semql or Ballista",
            self.place()
        )))
    }

    /// Waits a moment for the first executor.
    ///
    /// # Errors
    /// If there is none, or no scheduler.
    pub async fn await_executor(&self) -> Result<(), ShellError> {
        let begun = Instant::now();
        loop {
            let ready = self.get("/readyz").await?;
            if ready.starts_with("HTTP/1.1 200") {
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

    /// What the scheduler answers over HTTP, head and body.
    async fn get(&self, path: &'static str) -> Result<String, ShellError> {
        let (host, port) = (self.host.clone(), self.port);
        let asked = tokio::task::spawn_blocking(move || -> std::io::Result<String> {
            let mut stream = connect(&host, port)?;
            write!(
                stream,
                "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
            )?;
            let mut answer = Vec::new();
            stream.take(64 << 10).read_to_end(&mut answer)?;
            Ok(String::from_utf8_lossy(&answer).into_owned())
        });
        match asked.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.absent(&error)),
            Err(error) => Err(self.absent(&error)),
        }
    }

    /// A connection for queries.
    ///
    /// # Errors
    /// If there is no scheduler.
    pub async fn client(&self) -> Result<SchedulerGrpcClient<Channel>, ShellError> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.place()))
            .map_err(|error| self.absent(&error))?
            .connect_timeout(PATIENCE)
            .timeout(PATIENCE)
            .tcp_nodelay(true);
        let channel = endpoint.connect().await.map_err(|error| {
            // What it says of itself is only "transport error".
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            self.absent(&cause.unwrap_or_else(|| error.to_string()))
        })?;
        Ok(SchedulerGrpcClient::new(channel)
            .max_encoding_message_size(LARGEST)
            .max_decoding_message_size(LARGEST))
    }

    fn absent(&self, error: &dyn std::fmt::Display) -> ShellError {
        ShellError::setup(format!(
            "there is no scheduler at {}: {error}; `semql cluster scheduler` starts one",
            self.place()
        ))
    }
}
