//! Shell with cluster support: `semql cluster scheduler`, `semql cluster
//! executor` and `semql --cluster URL`, on Apache DataFusion Ballista.
//!
//! The client plans a query as a single process does, and sends the physical
//! plan. The scheduler therefore needs no models and does not plan again, which
//! would drop optimizer rules of semql; results equal those of one process.

mod args;
mod certificate;
mod client;
mod codec;
mod executor;
mod handshake;
mod process;
mod remote_error;
mod scheduler;
mod secret;
mod session;
mod stage;
mod text_scan;
mod transport;

use std::ffi::OsString;
use std::sync::Arc;

use clap::Parser;
use semql::{Cluster, ExitCode, Extensions, Remote, ShellError};

use args::{ClusterArgs, ClusterRole};
use client::RemoteClient;

#[global_allocator]
static ALLOCATOR: semql::Allocator = semql::Allocator;

fn main() {
    let extensions = Extensions {
        cluster: Some(&Ballista),
        ..Extensions::default()
    };
    semql::main_with_args(std::env::args_os(), extensions)
}

struct Ballista;

impl Cluster for Ballista {
    fn run(&self, arguments: &[OsString]) -> Result<ExitCode, ShellError> {
        let name = OsString::from("semql cluster");
        let args = ClusterArgs::parse_from(std::iter::once(&name).chain(arguments));
        match args.role {
            ClusterRole::Scheduler(scheduler) => process::run(scheduler::run(scheduler)),
            ClusterRole::Executor(executor) => process::run(executor::run(executor)),
        }
    }

    fn remote(&self, url: &str) -> Result<Arc<dyn Remote>, ShellError> {
        Ok(Arc::new(RemoteClient::new(url)?))
    }
}
