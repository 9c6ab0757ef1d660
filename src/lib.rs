//! The shell as a library: what the binary `semql` runs, for the other doors
//! that bring the same shell.

mod args;
mod batch;
mod cluster;
mod commands;
mod dict;
mod dictionary;
mod download;
mod duration;
mod engine;
mod error;
mod explore;
mod install;
mod interrupt;
mod last;
mod memory;
mod output;
mod panic;
mod policy;
mod port;
mod random;
mod repl;
mod script;
mod seen;
mod serve;
mod session;
mod shell;
mod sources;
mod statement;
mod suggest;
mod task;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use args::{Args, Dict, Sub, Work};
pub use args::{pair, size};
pub use cluster::{Cluster, Remote};
use download::Download;
pub use engine::{Answer, Engine};
pub use error::{ErrorKind, ExitCode, Result, ShellError};
use interrupt::Interrupts;
use output::sink::Sink;
use output::{Format, Style};
pub use policy::Policy;
use session::Session;
pub use session::SessionOptions;
use shell::{Shell, report};
pub use sources::remote::Stores as ObjectStores;
use tokio::runtime::Runtime;

/// Stack of the engine's threads. Planning recurses once for each level of an
/// expression.
const STACK: usize = 8 << 20;

/// How long the threads may take to end.
const PATIENCE: Duration = Duration::from_millis(500);

/// Runs the shell with the process's own command line, and ends the process
/// with its exit code.
pub fn main() -> ! {
    std::process::exit(main_with_args(std::env::args_os(), None));
}

/// Runs the shell with a command line, whose first word is the program's name,
/// and gives the exit code. Called while no other thread runs. Without a
/// cluster in this process, a command line that asks for one is handed over to
/// the binary that has it.
pub fn main_with_args(
    line: impl IntoIterator<Item = OsString>,
    cluster: Option<&dyn Cluster>,
) -> i32 {
    panic::install();
    leave_telemetry_out();
    let line: Vec<OsString> = line.into_iter().collect();
    let (args, work) = match args::parse_from(line.clone()) {
        Ok(parsed) => parsed,
        // Help and the version come this way too.
        Err(error) => {
            let _ = error.print();
            return error.exit_code();
        }
    };
    let done = match (cluster, &args.subcommand) {
        (None, _) if cluster::is_wanted(&args) => cluster::hand_over(&line),
        (Some(cluster), Some(Sub::Cluster { arguments })) => cluster.run(arguments),
        _ => run(&args, &work, cluster),
    };
    let code = match done {
        Ok(code) => code,
        Err(error) => {
            report(&error);
            error.code
        }
    };
    code as i32
}

/// ONNX Runtime's builds for Linux would otherwise open a telemetry channel
/// before anybody can tell them not to. Nothing leaves the machine.
fn leave_telemetry_out() {
    // SAFETY: no other thread runs yet that could read the environment.
    unsafe { std::env::set_var("ORT_DISABLE_TELEMETRY", "1") };
}

/// The engine's threads.
fn threads() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK)
        .build()
        .map_err(|error| ShellError::setup(format!("cannot start the engine's threads: {error}")))
}

fn run(args: &Args, work: &[Work], cluster: Option<&dyn Cluster>) -> Result<ExitCode> {
    let runtime = threads()?;
    let result = run_in(&runtime, args, work, cluster);
    runtime.shutdown_timeout(PATIENCE);
    result
}

fn run_in(
    runtime: &Runtime,
    args: &Args,
    work: &[Work],
    cluster: Option<&dyn Cluster>,
) -> Result<ExitCode> {
    if let Some(Sub::Install(what)) = &args.subcommand {
        return install::run(args, what);
    }
    // Before the session, so that a misspelt file is told at once.
    let scripts = match &args.subcommand {
        Some(_) => None,
        None => batch::scripts(work)?,
    };
    if let (Some(Sub::Explore(_)), Some(path)) = (&args.subcommand, &args.output) {
        return Err(ShellError::usage(format!(
            "explore writes its page with --export {}; -o is for rows",
            path.display()
        )));
    }
    let interactive = args.subcommand.is_none() && scripts.is_none();
    let serves = matches!(args.subcommand, Some(Sub::Serve(_)));
    let options = SessionOptions {
        data_dict: args.data_dict.clone(),
        // `dict init > data_dict.yaml` finds the file empty that it is to fill.
        default_dictionary: !matches!(args.subcommand, Some(Sub::Dict(Dict::Init { .. }))),
        settings: args.settings.clone(),
        memory_limit: match args.memory_limit {
            None if serves => memory::default_limit(),
            limit => limit,
        },
        policy: policy(args)?,
        progress: !args.quiet && std::io::stderr().is_terminal(),
        remote: match (cluster, &args.cluster) {
            (Some(cluster), Some(url)) => Some(cluster.remote(url)?),
            _ => None,
        },
    };
    let session = runtime.block_on(Session::open(&options))?;
    let sink = match &args.output {
        Some(path) => Sink::file(path)?,
        None => Sink::stdout(),
    };
    let interrupts = {
        let _inside = runtime.enter();
        Interrupts::listen(session.ai.clone(), interactive)
    };
    let download = Download::new(args.quiet, interrupts.presses());
    session.ai.set_download_progress(Arc::new(download));
    let mut shell = Shell::new(session, style(args), sink, interrupts);
    shell.interactive = interactive;
    shell.quiet = args.quiet;
    for (name, value) in &args.variables {
        shell
            .variables
            .set(name, value.as_str())
            .map_err(|error| ShellError::usage(format!("-v {name}={value}: {error}")))?;
    }
    match &args.subcommand {
        Some(Sub::Dict(what)) => return runtime.block_on(dict::run(&mut shell, what)),
        Some(Sub::Explore(options)) => {
            return runtime.block_on(explore::run(&mut shell, options));
        }
        Some(Sub::Serve(options)) => return runtime.block_on(serve::run(&mut shell, options)),
        // Their own command lines were read before.
        Some(Sub::Install(_) | Sub::Cluster { .. }) | None => {}
    }
    if !args.no_rc {
        // A start-up file only sets things; nobody wants to be told each time.
        shell.quiet = true;
        repl::start_up(runtime, &mut shell);
    }
    shell.quiet = args.quiet;
    match scripts {
        Some(scripts) => runtime.block_on(batch::run(&mut shell, &scripts))?,
        None => repl::run(runtime, &mut shell)?,
    }
    Ok(ExitCode::Success)
}

/// The policy of the session that the command line asks for: closed where
/// statements come from elsewhere.
fn policy(args: &Args) -> Result<Policy> {
    match &args.subcommand {
        Some(Sub::Serve(serve)) => serve.allow.policy("semql serve", serve.statement_timeout),
        Some(Sub::Explore(explore)) if explore.export.is_none() => {
            let mut policy = explore
                .allow
                .policy("semql explore", explore.statement_timeout)?;
            if let Some(source) = &explore.source {
                policy.allow_location(source)?;
            }
            Ok(policy)
        }
        _ => Ok(Policy::unrestricted()),
    }
}

fn style(args: &Args) -> Style {
    let terminal = std::io::stdout().is_terminal() && args.output.is_none();
    Style {
        format: args.format.unwrap_or(Format::Table),
        color: terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        ..Style::default()
    }
}
