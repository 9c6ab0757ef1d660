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
without the same secret are refused. Without one, any user of this machine can
run queries as the user of the scheduler and the executors; addresses that other
machines reach are refused.
";

/// Queries on several machines: one scheduler, and executors that do the work.
#[derive(Debug, Parser)]
#[command(name = "semql cluster", bin_name = "semql cluster", version, after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    pub role: Role,
}

#[derive(Debug, Subcommand)]
pub enum Role {
    /// Takes queries from clients and gives their parts to executors
    Scheduler(Scheduler),
    /// Runs parts of queries for a scheduler
    Executor(Executor),
}

#[derive(Debug, clap::Args)]
pub struct Scheduler {
    /// The address to listen on; one that other machines reach needs a secret
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub bind: IpAddr,

    /// The port; 0 for any free one
    #[arg(long, value_name = "N", default_value_t = 50050)]
    pub port: u16,

    /// A file with the secret of the cluster, or the environment variable
    /// SEMQL_CLUSTER_SECRET_FILE names it
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,

    /// Gives up an executor that has not been heard of for so long
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(8..))]
    pub executor_timeout: u64,
}

#[derive(Debug, clap::Args)]
pub struct Executor {
    /// Where the scheduler listens
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:50050")]
    pub scheduler: String,

    /// The address to listen on, under which the others reach this machine; one
    /// that other machines reach needs a secret
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub bind: IpAddr,

    /// A file with the secret of the cluster, or the environment variable
    /// SEMQL_CLUSTER_SECRET_FILE names it
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,

    /// The name under which the others reach this machine, if it is not that of --bind
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,

    /// The port from which results are fetched; 0 for any free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,

    /// How many parts of queries run at the same time (1 on a GPU that ai.device names, else one for each core)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub concurrency: Option<u16>,

    /// Where results lie until they are fetched (a folder that ends with the process)
    #[arg(long, value_name = "FOLDER")]
    pub work_dir: Option<PathBuf>,

    /// The most memory that queries may take: 512M, 2G, ...; they spill to disk beyond
    #[arg(long, value_name = "SIZE", value_parser = semql::size)]
    pub memory_limit: Option<usize>,

    /// Changes a setting of this machine, such as ai.device or ai.cache
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = semql::pair)]
    pub settings: Vec<(String, String)>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }
}
