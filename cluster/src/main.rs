//! The shell with the cluster in it: `semql cluster scheduler`, `semql cluster
//! executor` and `semql --cluster URL`, on Apache DataFusion Ballista.
//!
//! The client plans a query as it would for itself, and sends the physical plan:
//! so the scheduler neither plans again (its adaptive planner would drop rules
//! of ours) nor needs models, and answers are those of one process.

mod args;
mod certificate;
mod client;
mod codec;
mod executor;
mod handshake;
mod process;
mod scheduler;
mod secret;
mod session;
mod stage;
mod told;
mod transport;

use std::ffi::OsString;
use std::sync::Arc;

use clap::Parser;
use semql::{Cluster, ExitCode, Remote, ShellError};

use args::{Args, Role};
use client::Client;

fn main() {
    std::process::exit(semql::main_with_args(std::env::args_os(), Some(&Ballista)))
}

struct Ballista;

impl Cluster for Ballista {
    fn run(&self, arguments: &[OsString]) -> Result<ExitCode, ShellError> {
        let name = OsString::from("semql cluster");
        let args = Args::parse_from(std::iter::once(&name).chain(arguments));
        match args.role {
            Role::Scheduler(scheduler) => process::run(scheduler::run(scheduler)),
            Role::Executor(executor) => process::run(executor::run(executor)),
        }
    }

    fn remote(&self, url: &str) -> Result<Arc<dyn Remote>, ShellError> {
        Ok(Arc::new(Client::new(url)?))
    }
}
