//! Entry point of the command line: opens the session and runs the subcommand.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::args::{self, Args, CliCommand, DictCommand, ScriptArg};
use crate::cluster::{self, Cluster};
use crate::delta::DeltaLake;
use crate::download::DownloadDisplay;
use crate::error::{ExitCode, Result, ShellError};
use crate::exit::{exit, exit_with};
use crate::interrupt::Interrupts;
use crate::output::sink::Sink;
use crate::output::{OutputFormat, Style};
use crate::policy::Policy;
use crate::session::{Session, SessionOptions};
use crate::shell::{Shell, report};
use crate::{async_runtime, batch, demo, dict, install, memory, panic, repl};

/// Time for the threads to end at exit.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(500);

/// Runs the shell with the command line of the process and exits with its code.
pub fn main() -> ! {
    main_with_args(std::env::args_os(), Extensions::default())
}

/// What larger binaries add to the shell.
#[derive(Clone, Default)]
pub struct Extensions<'a> {
    pub cluster: Option<&'a dyn Cluster>,
    pub delta: Option<Arc<dyn DeltaLake>>,
}

/// Runs the shell with a command line, including the program's name, and exits with
/// its code. Call it before the process starts threads. If the command line needs a
/// cluster and `extensions` has none, executes the cluster binary instead.
pub fn main_with_args(line: impl IntoIterator<Item = OsString>, extensions: Extensions<'_>) -> ! {
    panic::install();
    disable_telemetry();
    let line: Vec<OsString> = line.into_iter().collect();
    let (args, scripts) = match args::parse_from(line.clone()) {
        Ok(parsed) => parsed,
        // Also --help and --version.
        Err(error) => {
            let _ = error.print();
            exit_with(error.exit_code());
        }
    };
    let result = match (extensions.cluster, &args.subcommand) {
        (None, _) if needs_cluster(&args) => cluster::exec_cluster_binary(&line),
        (Some(cluster), Some(CliCommand::Cluster { arguments })) => cluster.run(arguments),
        _ => run(&args, &scripts, &extensions),
    };
    exit(result.unwrap_or_else(|error| {
        report(&error);
        error.code
    }))
}

/// Disables the telemetry of ONNX Runtime, whose Linux builds start it on load.
fn disable_telemetry() {
    // SAFETY: no other thread runs yet that could read the environment.
    unsafe { std::env::set_var("ORT_DISABLE_TELEMETRY", "1") };
}

/// Whether the command line needs the cluster binary.
fn needs_cluster(args: &Args) -> bool {
    args.cluster.is_some() || matches!(args.subcommand, Some(CliCommand::Cluster { .. }))
}

fn run(args: &Args, scripts: &[ScriptArg], extensions: &Extensions<'_>) -> Result<ExitCode> {
    let runtime = async_runtime::start()?;
    let result = run_in(&runtime, args, scripts, extensions);
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    result
}

fn run_in(
    runtime: &Runtime,
    args: &Args,
    scripts: &[ScriptArg],
    extensions: &Extensions<'_>,
) -> Result<ExitCode> {
    if let Some(CliCommand::Install(command)) = &args.subcommand {
        return install::run(args, command);
    }
    // Before the session opens, so that a missing file is reported at once.
    let scripts = match &args.subcommand {
        Some(CliCommand::Demo(options)) => Some(demo::prepare(args, options)?),
        Some(_) => None,
        None => batch::scripts(scripts)?,
    };
    #[cfg(feature = "explore")]
    if let (Some(CliCommand::Explore(_)), Some(path)) = (&args.subcommand, &args.output) {
        return Err(ShellError::usage(format!(
            "-o is for rows; `semql explore` writes its page with --export {}",
            path.display()
        )));
    }
    let interactive = args.subcommand.is_none() && scripts.is_none();
    #[cfg(feature = "serve")]
    let is_server = matches!(args.subcommand, Some(CliCommand::Serve(_)));
    #[cfg(not(feature = "serve"))]
    let is_server = false;
    let options = SessionOptions {
        data_dict: args.data_dict.clone(),
        // `dict init > data_dict.yaml` creates the file empty before it runs.
        default_dictionary: !matches!(
            args.subcommand,
            Some(CliCommand::Dict(DictCommand::Init { .. }))
        ),
        settings: args.settings.clone(),
        memory_limit: match args.memory_limit {
            None if is_server => memory::default_limit(),
            limit => limit,
        },
        policy: policy(args)?,
        remote: match (extensions.cluster, &args.cluster) {
            (Some(cluster), Some(url)) => Some(cluster.remote(url)?),
            _ => None,
        },
        delta: extensions.delta.clone(),
    };
    let session = runtime.block_on(Session::open(&options))?;
    let sink = match &args.output {
        Some(path) => Sink::file(path)?,
        None => Sink::stdout(),
    };
    let interrupts = {
        let _guard = runtime.enter();
        Interrupts::listen(session.ai.clone(), interactive)
    };
    let download = DownloadDisplay::new(args.quiet, interrupts.presses());
    session.ai.set_download_progress(Arc::new(download));
    let mut shell = Shell::new(session, style(args), sink, interrupts, !args.quiet);
    shell.interactive = interactive;
    shell.quiet = args.quiet;
    for (name, value) in &args.variables {
        shell
            .variables
            .set(name, value.as_str())
            .map_err(|error| ShellError::usage(format!("-v {name}={value}: {error}")))?;
    }
    match &args.subcommand {
        Some(CliCommand::Dict(command)) => {
            return runtime.block_on(dict::run(&mut shell, command));
        }
        #[cfg(feature = "explore")]
        Some(CliCommand::Explore(options)) => {
            return runtime.block_on(crate::explore::run(&mut shell, options));
        }
        #[cfg(feature = "serve")]
        Some(CliCommand::Serve(options)) => {
            return runtime.block_on(crate::serve::run(&mut shell, options));
        }
        Some(CliCommand::Demo(options)) => {
            let scripts = scripts.unwrap_or_default();
            return runtime.block_on(demo::run(&mut shell, options, &scripts));
        }
        // Handled before.
        Some(CliCommand::Install(_) | CliCommand::Cluster { .. }) | None => {}
    }
    if !args.no_rc {
        // The start-up file sets options and prints no notices.
        shell.quiet = true;
        repl::run_startup_file(runtime, &mut shell);
    }
    shell.quiet = args.quiet;
    match scripts {
        Some(scripts) => runtime.block_on(batch::run(&mut shell, &scripts))?,
        None => repl::run(runtime, &mut shell)?,
    }
    Ok(ExitCode::Success)
}

/// Policy of the session: restricted for servers, whose statements come from
/// clients.
fn policy(args: &Args) -> Result<Policy> {
    match &args.subcommand {
        #[cfg(feature = "serve")]
        Some(CliCommand::Serve(serve)) => {
            serve.allow.policy("semql serve", serve.statement_timeout)
        }
        #[cfg(feature = "explore")]
        Some(CliCommand::Explore(explore)) if explore.export.is_none() => {
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
        format: args.format.unwrap_or(OutputFormat::Table),
        color: terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        ..Style::default()
    }
}
