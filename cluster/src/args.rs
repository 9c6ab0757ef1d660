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
  semql cluster executor --scheduler host:50050 --bind 10.0.0.2 --set ai.device=cuda:0
  semql cluster executor --scheduler host:50050 --bind 10.0.0.2 --set ai.device=cuda:1

Every machine needs the same version of semql, and the data and models under the
same paths. Whoever reaches a scheduler or an executor can run queries and read
files as the user it runs as: Ballista's protocol knows neither passwords nor
encryption. Both listen on this machine alone unless --bind says otherwise; name
an address of a network in which everybody is trusted.
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
    /// The address to listen on; any but this machine's own is open to its whole network
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub bind: IpAddr,

    /// The port; 0 for any free one
    #[arg(long, value_name = "N", default_value_t = 50050)]
    pub port: u16,

    /// Gives up an executor that has not been heard of for so long
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(8..))]
    pub executor_timeout: u64,
}

#[derive(Debug, clap::Args)]
pub struct Executor {
    /// Where the scheduler listens
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:50050")]
    pub scheduler: String,

    /// The address to listen on, under which the others reach this machine
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub bind: IpAddr,

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
