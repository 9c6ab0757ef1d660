//! `semql serve`: the session over Postgres' wire protocol.
//!
//! `listener` accepts connections (`passwords` and `tls` decide who may
//! connect) and ends them; each is a `connection` with a separate session
//! beside the shell's. `startup` authenticates, `queries` answers the two
//! protocols of queries, `execute` runs a statement, and `cancel` ends it early.
//! `dialect` reads statements about the catalogue, which `catalog` provides.
//! `settings` are those of Postgres; `parameters`, `rows`, `cursor` and `copy`
//! translate values; `errors` gives SQLSTATEs; `log` and `metrics` report.

mod cancel;
mod catalog;
mod connection;
mod copy;
mod cursor;
mod dialect;
mod errors;
mod execute;
mod listener;
mod log;
mod metrics;
mod parameters;
mod passwords;
mod queries;
mod rows;
mod settings;
mod startup;
mod tls;

use std::sync::Arc;

use crate::args::Serve;
use crate::error::{ExitCode, Result};
use crate::interrupt::Terminate;
use crate::shell::Shell;
use listener::{Listener, Stop};
use metrics::MetricsListener;

/// Serves until SIGTERM or Ctrl-C.
///
/// # Errors
/// Options that do not fit together; a port, a password file, a certificate or
/// a key that cannot be used.
pub async fn run(shell: &mut Shell, options: &Serve) -> Result<ExitCode> {
    let listener = Listener::bind(Arc::clone(&shell.session), options).await?;
    let metrics = match &options.metrics_listen {
        Some(address) => Some(MetricsListener::bind(address)?),
        None => None,
    };
    for line in listener.remarks() {
        shell.say(&line);
    }
    log::install();
    let mut terminate = Terminate::listen();
    let mut addresses = listener.address();
    if let Some(metrics) = &metrics {
        addresses.push('\n');
        addresses.push_str(&metrics.url());
    }
    shell.write_text(&addresses)?;
    let counts = listener.metrics();
    let served = async {
        let stop = async {
            tokio::select! {
                () = terminate.received() => Stop::Drain,
                _ = shell.interrupts.next() => Stop::Now,
            }
        };
        listener.serve(stop).await
    };
    match metrics {
        Some(metrics) => tokio::select! {
            served = served => served?,
            failed = metrics.serve(counts) => failed?,
        },
        None => served.await?,
    }
    Ok(ExitCode::Success)
}
