//! Interactive prompt.

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
use crate::interpreter::{Flow, run_script};
use crate::script::Script;
use crate::shell::{Shell, report};
use helper::ShellHelper;

const PROMPT: &str = "semql> ";

/// Lines of the history file.
const MAX_HISTORY_LINES: usize = 10_000;

/// Reads and runs statements until Ctrl-D or `\q`.
///
/// # Errors
/// If the terminal cannot be used, or the file of `\o` cannot be written.
pub fn run(runtime: &Runtime, shell: &mut Shell) -> Result<()> {
    let mut editor = editor(runtime, shell)?;
    let history = history_file();
    if let Some(path) = &history {
        // The file does not exist at first.
        let _ = editor.load_history(path);
    }
    shell.print_notice(&format!(
        "semql {}: SQL that understands text. \\? lists the commands, \\h helps with SQL, Ctrl-D quits.",
        env!("CARGO_PKG_VERSION")
    ));
    loop {
        if let Some(helper) = editor.helper_mut() {
            helper.completer.variables = shell.variables.clone();
        }
        // From here, Ctrl-C applies to the next line, even between Enter and the
        // first step of the query.
        shell.interrupts.reset();
        match editor.readline(PROMPT) {
            Ok(line) => {
                if line.trim().is_empty() {
                    continue;
                }
                // Failures to write the history are ignored.
                if !may_hold_key(&line) {
                    let _ = editor.add_history_entry(line.as_str());
                    if let Some(path) = &history {
                        let _ = editor.append_history(path);
                    }
                }
                match runtime.block_on(run_script(shell, &Script::new("", line))) {
                    Ok(Flow::Continue) => {}
                    Ok(Flow::Quit) => break,
                    Err(error) => report(&error),
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(terminal_error(&error)),
        }
    }
    shell.close()
}

fn editor(runtime: &Runtime, shell: &Shell) -> Result<Editor<ShellHelper, FileHistory>> {
    let color = if shell.style.color {
        ColorMode::Enabled
    } else {
        ColorMode::Disabled
    };
    let config = Config::builder()
        .max_history_size(MAX_HISTORY_LINES)
        .map_err(|error| terminal_error(&error))?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .color_mode(color)
        .build();
    let mut editor = Editor::with_config(config).map_err(|error| terminal_error(&error))?;
    let session = std::sync::Arc::clone(&shell.session);
    editor.set_helper(Some(ShellHelper::new(
        session,
        runtime.handle().clone(),
        shell.style.color,
    )));
    Ok(editor)
}

fn terminal_error(error: &ReadlineError) -> ShellError {
    ShellError::query(format!("cannot use the terminal: {error}"))
}

/// Runs the start-up file, if present. Its errors are printed and do not end the
/// shell.
pub fn run_startup_file(runtime: &Runtime, shell: &mut Shell) {
    let named = std::env::var_os("SEMQLRC").filter(|value| !value.is_empty());
    let Some(path) = named
        .clone()
        .map(PathBuf::from)
        .or_else(default_startup_file)
    else {
        return;
    };
    if named.is_none() && !path.exists() {
        return;
    }
    let result =
        Script::read(&path).and_then(|script| runtime.block_on(run_script(shell, &script)));
    if let Err(error) = result {
        report(&error);
    }
}

fn default_startup_file() -> Option<PathBuf> {
    Some(
        xdg_folder("XDG_CONFIG_HOME", ".config")?
            .join("semql")
            .join("semqlrc"),
    )
}

/// History file; creates its folder. `None` if the history is off or the folder
/// cannot be created.
fn history_file() -> Option<PathBuf> {
    let path = match std::env::var_os("SEMQL_HISTORY") {
        Some(path) if path.is_empty() => return None,
        Some(path) => PathBuf::from(path),
        None => xdg_folder("XDG_STATE_HOME", ".local/state")?
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

/// Whether a line may hold a key or a password: it has the word `api_key`, or a URL with
/// credentials. Statements refuse both.
fn may_hold_key(line: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut words = line.split(|c: char| !is_word(c));
    let ends_host = |c: char| c == '/' || c == '\'' || c.is_whitespace();
    let mut urls = line.split("://").skip(1);
    words.any(|word| word.eq_ignore_ascii_case("api_key"))
        || urls.any(|url| {
            let host = url.split(ends_host).next();
            host.is_some_and(|host| host.contains('@'))
        })
}

/// XDG base folder: from its variable, or below the home folder.
fn xdg_folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    named
        .filter(|path| Path::is_absolute(path))
        .or_else(|| Some(std::env::home_dir()?.join(below_home)))
}

#[cfg(test)]
mod tests {
    use super::may_hold_key;

    #[test]
    fn lines_with_keys_are_recognized() {
        for line in [
            "CREATE EXTERNAL MODEL m TYPE openai LOCATION 'x' OPTIONS (model 'y', API_KEY 'sk-1')",
            "... OPTIONS (api_key='sk-1')",
            "SELECT * FROM 'https://user:word@example.com/x.csv'",
            "SELECT 1; LOCATION 'http://sk-1@example.com'",
        ] {
            assert!(may_hold_key(line), "{line}");
        }
        for line in [
            "OPTIONS (model 'y', api_key_env 'OPENAI_API_KEY')",
            "SELECT my_api_key FROM t",
            "SELECT * FROM 'hf://datasets/owner/name@main/x.csv' WHERE mail = 'a@b.c'",
            "SELECT 'a@b', '://'",
        ] {
            assert!(!may_hold_key(line), "{line}");
        }
    }
}
