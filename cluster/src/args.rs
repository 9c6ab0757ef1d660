//! The command line of `semql cluster`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples, on one machine:
  semql cluster scheduler
  semql cluster executor --scheduler localhost:50050
  semql --cluster localhost:50050 -f queries/03_aggregate.sql

One executor for each GPU:
  semql cluster executor --set ai.device=cuda:0
  semql cluster executor --set ai.device=cuda:1

On several machines, with a secret in a file that only its owner may read:
  (umask 077; openssl rand -hex 32 > cluster.secret)   # and copy it to every machine
  semql cluster scheduler --bind 10.0.0.1 --secret-file cluster.secret
  semql cluster executor --scheduler 10.0.0.1:50050 --bind 10.0.0.2 --secret-file cluster.secret
  SEMQL_CLUSTER_SECRET_FILE=cluster.secret semql --cluster 10.0.0.1:50050 -f big.sql

Every machine needs the same version of semql, and the data and models under the
same paths. With a secret, every connection is encrypted (TLS), and processes
without the same secret are refused. Without a secret, only loopback addresses
are allowed, and any user of this machine can run queries as the user of the
scheduler and the executors.
";

/// Runs queries on several machines: one scheduler, and executors that do the work
#[derive(Debug, Parser)]
#[command(name = "semql cluster", bin_name = "semql cluster", version, after_help = EXAMPLES)]
pub struct ClusterArgs {
    #[command(subcommand)]
    pub role: ClusterRole,
}

#[derive(Debug, Subcommand)]
pub enum ClusterRole {
    /// Accepts queries from clients and assigns their tasks to executors
    Scheduler(SchedulerArgs),
    /// Runs tasks of queries for a scheduler
    Executor(ExecutorArgs),
}

#[derive(Debug, clap::Args)]
pub struct SchedulerArgs {
    /// Address to listen on; an address other than loopback needs a secret
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub bind: IpAddr,

    /// Port to listen on; 0 for any free one
    #[arg(long, value_name = "N", default_value_t = 50050)]
    pub port: u16,

    /// File with the secret of the cluster; the default is the environment
    /// variable SEMQL_CLUSTER_SECRET_FILE
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,

    /// Removes an executor that sends no heartbeat for this time
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(8..))]
    pub executor_timeout: u64,
}

#[derive(Debug, clap::Args)]
pub struct ExecutorArgs {
    /// Address of the scheduler
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:50050")]
    pub scheduler: String,

    /// Address to listen on, at which other processes reach this one; an address
    /// other than loopback needs a secret
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub bind: IpAddr,

    /// File with the secret of the cluster; the default is the environment
    /// variable SEMQL_CLUSTER_SECRET_FILE
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,

    /// Host name at which other processes reach this one; the default is --bind
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,

    /// Port that serves results; 0 for any free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,

    /// Number of concurrent tasks; the default is 1 on a GPU that ai.device names, else one for each core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub concurrency: Option<u16>,

    /// Folder of results until they are fetched; the default is a temporary folder
    #[arg(long, value_name = "FOLDER")]
    pub work_dir: Option<PathBuf>,

    /// Maximum memory of queries, such as 512M or 2G; beyond it they spill to disk
    #[arg(long, value_name = "SIZE", value_parser = semql::size)]
    pub memory_limit: Option<usize>,

    /// Sets a setting of this machine, such as ai.device or ai.cache
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = semql::pair)]
    pub settings: Vec<(String, String)>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_valid() {
        ClusterArgs::command().debug_assert();
    }
}
