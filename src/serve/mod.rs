//! `semql serve`: the session over Postgres' wire protocol.
//!
//! `listener` accepts connections on an `address` and shuts the server down;
//! `message_loop` serves one connection. `handlers` passes its messages to
//! `startup`, which authenticates with `passwords` and `tls`, and to `protocol`.
//! `execute` runs a statement, which `cancel` can end; `dialect` rewrites queries
//! on the `catalog`. `state` is that of the server, `connection` that of one
//! client. `parameters`, `rows`, `cursor` and `copy` carry rows, whose values have
//! the forms of `values`. `settings` has those of Postgres, `errors` the SQLSTATEs.

mod address;
mod cancel;
mod catalog;
mod connection;
mod copy;
mod cursor;
mod dialect;
mod errors;
mod execute;
mod handlers;
mod listener;
mod log;
mod message_loop;
mod metrics;
mod parameters;
mod passwords;
mod protocol;
mod rows;
mod settings;
mod startup;
mod state;
mod tls;
mod values;

use std::sync::Arc;

use crate::args::ServeArgs;
use crate::error::{ExitCode, Result};
use crate::interrupt::TerminationSignal;
use crate::shell::Shell;
use listener::{Listener, ShutdownMode};
use metrics::listener::MetricsListener;

/// Serves until SIGTERM or Ctrl-C.
///
/// # Errors
/// Options that do not fit together; an unusable port, password file,
/// certificate or key.
pub async fn run(shell: &mut Shell, options: &ServeArgs) -> Result<ExitCode> {
    let listener = Listener::bind(Arc::clone(&shell.session), options).await?;
    let metrics = match &options.metrics_listen {
        Some(address) => Some(MetricsListener::bind(address)?),
        None => None,
    };
    for line in listener.startup_messages() {
        shell.print_notice(&line);
    }
    log::install();
    let mut terminate = TerminationSignal::listen();
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
                () = terminate.received() => ShutdownMode::Drain,
                _ = shell.interrupts.next() => ShutdownMode::Now,
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
