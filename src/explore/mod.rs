//! `semql explore`: a page to look around in a table, served or as a file.
//!
//! `columns` finds out what is what in the table; `prepare` runs the queries of
//! `queries/` (`template` fills them in) and makes the data of a `page`;
//! `vectors` knows which rows are near each other; `server` answers the page,
//! with `answer` for its SQL. What the browser runs is in
//! `page/`.

mod answer;
mod columns;
mod page;
mod prepare;
mod server;
mod template;
mod token;
mod vectors;

use std::io::Write;
use std::sync::Arc;

use crate::args::Explore;
use crate::error::{ExitCode, Result, ShellError};
use crate::interrupt::Terminate;
use crate::output::sink::Sink;
use crate::shell::Shell;
use prepare::{Prepared, Tell};
use server::Door;

/// Runs the subcommand: until Ctrl-C, or until the file is written.
///
/// # Errors
/// If the page cannot be prepared, written or served; Ctrl-C.
pub async fn run(shell: &mut Shell, options: &Explore) -> Result<ExitCode> {
    let source = source(shell, options)?;
    // Before the work, so that a port that is taken is told at once.
    match &options.export {
        Some(path) => {
            let mut file = Sink::file(path)?;
            let prepared = prepared(shell, source, options).await?;
            let html = page::exported(&prepared.page)?;
            file.writer()?.write_all(html.as_bytes())?;
            file.finish()?;
            shell.say(&format!("Wrote {}.", path.display()));
            Ok(ExitCode::Success)
        }
        None => {
            let door = Door::open(options.port)?;
            let prepared = prepared(shell, source, options).await?;
            shell.say(
                "The page is at the following address, for this machine only; Ctrl-C ends it.",
            );
            for line in shell.session.policy.describe() {
                shell.say(&line);
            }
            shell.write_text(&door.address())?;
            let session = Arc::clone(&shell.session);
            let serving = server::serve(door, session, prepared);
            let mut terminate = Terminate::listen();
            tokio::select! {
                served = shell.unless_interrupted(serving) => served?,
                () = terminate.received() => {}
            }
            Ok(ExitCode::Success)
        }
    }
}

/// The table that was named, or the dictionary's first.
fn source(shell: &Shell, options: &Explore) -> Result<String> {
    let first = || {
        shell
            .session
            .dictionary
            .tables()
            .first()
            .map(|table| table.name.clone())
    };
    options.source.clone().or_else(first).ok_or_else(|| {
        ShellError::usage(
            "say what to explore: `semql explore products.parquet`, or a table of the dictionary",
        )
    })
}

async fn prepared(shell: &mut Shell, source: String, options: &Explore) -> Result<Prepared> {
    let quiet = shell.quiet;
    let session = Arc::clone(&shell.session);
    let tell: Tell = Box::new(move |line| {
        if !quiet {
            // A terminal that is gone is no matter.
            let _ = writeln!(std::io::stderr(), "{line} ...");
        }
    });
    // In a task of its own, so that work which does not pause cannot hold up
    // Ctrl-C.
    let work = tokio::spawn(prepare::prepare(session, source, options.clone(), tell));
    let abort = work.abort_handle();
    let done = shell
        .unless_interrupted(async {
            work.await.map_err(|_| {
                ShellError::query("the page was stopped by the internal error above")
            })?
        })
        .await;
    abort.abort();
    shell.session.hide_progress();
    done
}
