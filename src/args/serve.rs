//! Options of `semql serve`.

use std::path::PathBuf;
use std::time::Duration;

use super::access::AccessArgs;
use crate::duration;

#[derive(Clone, Debug, clap::Args)]
pub struct ServeArgs {
    /// Address to listen on; port 0 is any free port
    ///
    /// An address that other machines can reach requires --password-file.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5432")]
    pub listen: String,

    /// File of users, one `user:password` a line, readable by its owner only
    ///
    /// Without it every user of this machine may connect.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Certificate (PEM); connections without TLS are then refused
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Maximum number of connections
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_connections: u32,

    /// Maximum number of texts queued for a model; further statements are refused
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub max_queued: u64,

    /// Maximum duration of a statement, such as 30s; clients may set less
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub statement_timeout: Option<Duration>,

    /// Closes a connection that is idle for this time, such as 10m
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub idle_timeout: Option<Duration>,

    /// Time for running statements to end after SIGTERM
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "5s")]
    pub shutdown_timeout: Duration,

    /// Serves /health and /metrics (Prometheus) over HTTP at this address
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<String>,

    /// Logs the text of statements, which may contain data
    #[arg(long)]
    pub log_statements: bool,

    #[command(flatten)]
    pub allow: AccessArgs,
}
