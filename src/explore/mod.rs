//! `semql explore`: a page for exploring a table, served or as a file.
//!
//! `prepare` makes the data of a `page` from a table. `columns` and `attributes` choose
//! its columns, and `rows`, `words` and `groupings` run the queries of `queries/`, which
//! `template` fills. `html` and `server` deliver the page; `page/` is its code.

mod attributes;
mod columns;
mod display_text;
mod examples;
mod groupings;
mod html;
mod page;
mod prepare;
mod query;
mod rows;
mod search;
mod server;
mod sql_result;
mod summary;
mod template;
mod token;
mod vectors;
mod words;

use std::io::Write;
use std::sync::Arc;

use crate::args::ExploreArgs;
use crate::error::{ExitCode, Result, ShellError};
use crate::interrupt::TerminationSignal;
use crate::output::sink::Sink;
use crate::shell::Shell;
use prepare::PreparedPage;
use rows::StepReporter;
use server::PageListener;

/// Runs the subcommand until Ctrl-C or until the file is written.
///
/// # Errors
/// If the page cannot be prepared, written or served; the interruption.
pub async fn run(shell: &mut Shell, options: &ExploreArgs) -> Result<ExitCode> {
    let source = source(shell, options)?;
    // The file or the port comes first, so that its error precedes the work.
    match &options.export {
        Some(path) => {
            let mut file = Sink::file(path)?;
            let prepared = prepare_page(shell, source, options).await?;
            let html = html::exported(&prepared.page)?;
            file.writer()?.write_all(html.as_bytes())?;
            file.finish()?;
            shell.print_notice(&format!("Wrote {}.", path.display()));
            Ok(ExitCode::Success)
        }
        None => {
            let listener = PageListener::bind(options.port)?;
            let prepared = prepare_page(shell, source, options).await?;
            shell.print_notice(
                "The page has the following address, on this machine only. Press Ctrl-C to end it.",
            );
            for line in shell.session.policy.describe() {
                shell.print_notice(&line);
            }
            shell.write_text(&listener.address())?;
            let session = Arc::clone(&shell.session);
            let serving = server::serve(listener, session, prepared);
            let mut terminate = TerminationSignal::listen();
            tokio::select! {
                served = shell.unless_interrupted(serving) => served?,
                () = terminate.received() => {}
            }
            Ok(ExitCode::Success)
        }
    }
}

/// Name of the source: the argument, or the first table of the dictionary.
fn source(shell: &Shell, options: &ExploreArgs) -> Result<String> {
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
            "missing file or table to explore, as in `semql explore products.parquet`",
        )
    })
}

async fn prepare_page(
    shell: &mut Shell,
    source: String,
    options: &ExploreArgs,
) -> Result<PreparedPage> {
    let quiet = shell.quiet;
    let runner = shell.runner();
    let report: StepReporter = Box::new(move |line| {
        if !quiet {
            // A closed terminal is ignored.
            let _ = writeln!(std::io::stderr(), "{line} ...");
        }
    });
    // In a separate task, so that work without await points does not block Ctrl-C.
    let work = tokio::spawn(prepare::prepare(runner, source, options.clone(), report));
    let abort = work.abort_handle();
    let done = shell
        .unless_interrupted(async {
            work.await.map_err(|_| {
                ShellError::query("the page was stopped by the internal error above")
            })?
        })
        .await;
    abort.abort();
    shell.hide_progress();
    done
}
