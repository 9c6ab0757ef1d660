//! `semql serve`: the session over Postgres' wire protocol.
//!
//! `door` lets connections in (`passwords` and `tls` decide who); one
//! `connection` each, with a session of its own beside the shell's. `startup`
//! greets, `queries` answers the two ways of asking: `statement` says what a
//! text is, `settings` and `transactions` answer what only Postgres knows,
//! `parameters`, `rows` and `copy` translate, `catalog` describes the tables
//! the way clients look for them, and `errors` gives the codes that they know.

mod catalog;
mod connection;
mod copy;
mod cursor;
mod dialect;
mod door;
mod errors;
mod parameters;
mod passwords;
mod queries;
mod rows;
mod settings;
mod startup;
mod statement;
mod stop;
mod tls;

use std::sync::Arc;

use crate::args::Serve;
use crate::error::{ExitCode, Result};
use crate::shell::Shell;
use door::Door;

/// Serves until Ctrl-C.
///
/// # Errors
/// Options that do not fit together; a port, a password file, a certificate or
/// a key that cannot be used.
pub async fn run(shell: &mut Shell, options: &Serve) -> Result<ExitCode> {
    let door = Door::open(Arc::clone(&shell.session), options).await?;
    for line in door.remarks() {
        shell.say(&line);
    }
    shell.write_text(&door.address())?;
    match shell.unless_interrupted(door.serve()).await {
        // Nobody waits for an answer of a server.
        Err(error) if error.code == ExitCode::Interrupted => Ok(ExitCode::Success),
        other => other.map(|()| ExitCode::Success),
    }
}
