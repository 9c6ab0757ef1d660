//! The prompt.

mod complete;
mod helper;
mod highlight;
mod keywords;

use std::path::{Path, PathBuf};

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor};
use tokio::runtime::Runtime;

use crate::error::{Result, ShellError};
use crate::script::Script;
use crate::shell::{Flow, Shell, report};
use helper::ShellHelper;

const PROMPT: &str = "semql> ";

/// Lines that the history file keeps.
const HISTORY: usize = 10_000;

/// Reads and runs statements until Ctrl-D or `\q`.
///
/// # Errors
/// If the terminal cannot be used, or what `\o` wrote cannot be put in place.
pub fn run(runtime: &Runtime, shell: &mut Shell) -> Result<()> {
    let mut editor = editor(runtime, shell)?;
    let history = history_file();
    if let Some(path) = &history {
        // There is none the first time.
        let _ = editor.load_history(path);
    }
    shell.say(&format!(
        "semql {}: SQL that understands text. \\? lists commands, \\h helps with SQL, Ctrl-D leaves.",
        env!("CARGO_PKG_VERSION")
    ));
    loop {
        if let Some(helper) = editor.helper_mut() {
            helper.completer.variables = shell.variables.clone();
        }
        // What is pressed from here on is meant for the line to come, even where
        // it arrives between Enter and the first step of the query.
        shell.interrupts.forget();
        match editor.readline(PROMPT) {
            Ok(line) => {
                if line.trim().is_empty() {
                    continue;
                }
                // A history that cannot be written is no reason to stop.
                let _ = editor.add_history_entry(line.as_str());
                if let Some(path) = &history {
                    let _ = editor.append_history(path);
                }
                match runtime.block_on(shell.run_script(&Script::new("", line))) {
                    Ok(Flow::Continue) => {}
                    Ok(Flow::Quit) => break,
                    Err(error) => report(&error),
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(ShellError::query(format!("the terminal: {error}"))),
        }
    }
    shell.close()
}

fn editor(runtime: &Runtime, shell: &Shell) -> Result<Editor<ShellHelper, FileHistory>> {
    let failed = |error: ReadlineError| ShellError::query(format!("the terminal: {error}"));
    let color = if shell.style.color {
        ColorMode::Enabled
    } else {
        ColorMode::Disabled
    };
    let config = Config::builder()
        .max_history_size(HISTORY)
        .map_err(failed)?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .color_mode(color)
        .build();
    let mut editor = Editor::with_config(config).map_err(failed)?;
    let session = std::sync::Arc::clone(&shell.session);
    editor.set_helper(Some(ShellHelper::new(
        session,
        runtime.handle().clone(),
        shell.style.color,
    )));
    Ok(editor)
}

/// Runs the start-up file, if there is one. Its errors are told and no more.
pub fn start_up(runtime: &Runtime, shell: &mut Shell) {
    let asked = std::env::var_os("SEMQLRC").filter(|value| !value.is_empty());
    let Some(path) = asked.clone().map(PathBuf::from).or_else(default_start_up) else {
        return;
    };
    if asked.is_none() && !path.exists() {
        return;
    }
    let result = Script::read(&path).and_then(|script| runtime.block_on(shell.run_script(&script)));
    if let Err(error) = result {
        report(&error);
    }
}

fn default_start_up() -> Option<PathBuf> {
    Some(
        base("XDG_CONFIG_HOME", ".config")?
            .join("semql")
            .join("semqlrc"),
    )
}

/// The history file, its folder made. `None` where nothing can be kept.
fn history_file() -> Option<PathBuf> {
    let path = match std::env::var_os("SEMQL_HISTORY") {
        Some(path) if path.is_empty() => return None,
        Some(path) => PathBuf::from(path),
        None => base("XDG_STATE_HOME", ".local/state")?
            .join("semql")
            .join("history"),
    };
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder).ok()?;
    }
    Some(path)
}

/// A base folder of the XDG kind: from its variable, or below the home folder.
fn base(variable: &str, below_home: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    named
        .filter(|path| Path::is_absolute(path))
        .or_else(|| Some(std::env::home_dir()?.join(below_home)))
}
