//! Interactive prompt.

mod complete;
mod folders;
mod helper;
mod highlight;
mod history;
mod input;
mod keywords;
mod prompts;
mod startup;

use std::path::PathBuf;

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor};
use tokio::runtime::Runtime;

use crate::error::{Result, ShellError};
use crate::interpreter::{Flow, run_script};
use crate::script::Script;
use crate::shell::{Shell, report};
use helper::ShellHelper;
use history::HistoryOptions;
use input::{InputBuffer, InputStep};

pub use startup::run_startup_file;

const HELP: &str =
    "SQL ends with ; and runs. \\h helps with SQL, \\? lists the commands, \\q quits.";
const QUIT_HINT: &str = "A statement is open. \\q quits, Ctrl-C clears the statement.";

/// Reads and runs statements until Ctrl-D or `\q`.
///
/// # Errors
/// If the terminal cannot be used, or the file of `\o` cannot be written.
pub fn run(runtime: &Runtime, shell: &mut Shell) -> Result<()> {
    let mut lines = LineReader::open(runtime, shell)?;
    let mut buffer = InputBuffer::default();
    shell.print_notice(&format!(
        "semql {}: SQL that understands text. \\? lists the commands, \\h helps with SQL, Ctrl-D quits.",
        env!("CARGO_PKG_VERSION")
    ));
    loop {
        // From here, Ctrl-C applies to the next line, even between Enter and the
        // first step of the query.
        shell.interrupts.reset();
        let line = match lines.read(shell, buffer.text()) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => {
                buffer.clear();
                continue;
            }
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(terminal_error(&error)),
        };
        let ran = match buffer.add(&line) {
            InputStep::Continue => continue,
            InputStep::Quit => break,
            InputStep::Help => {
                shell.print_notice(HELP);
                continue;
            }
            InputStep::QuitHint => {
                shell.print_notice(QUIT_HINT);
                continue;
            }
            InputStep::Run(text) => {
                lines.remember(shell, &text);
                runtime.block_on(run_script(shell, &Script::new("", text)))
            }
            InputStep::RunCommand(command) => {
                lines.remember(shell, &command);
                // The command sees the open statement as the last one.
                let last = shell
                    .statement
                    .replace(buffer.text().trim_end().to_string());
                let ran = runtime.block_on(run_script(shell, &Script::new("", command)));
                shell.statement = last;
                ran
            }
        };
        match ran {
            Ok(Flow::Continue) => {}
            Ok(Flow::Quit) => break,
            Err(error) => report(&error),
        }
    }
    shell.close()
}

/// Line editor with its history.
struct LineReader {
    editor: Editor<ShellHelper, FileHistory>,
    /// File of the history.
    file: Option<PathBuf>,
}

impl LineReader {
    fn open(runtime: &Runtime, shell: &mut Shell) -> Result<Self> {
        let mut editor = editor(runtime, shell)?;
        if let Err(error) = apply_history_options(&mut editor, shell) {
            report(&error);
        }
        let file = history::history_file(&shell.variables);
        if let Some(path) = &file {
            // The file does not exist at first.
            let _ = editor.load_history(path);
        }
        shell.history = editor.history().iter().cloned().collect();
        Ok(Self { editor, file })
    }

    /// Reads a line; `open` is the text before it that has not run.
    fn read(&mut self, shell: &Shell, open: &str) -> rustyline::Result<String> {
        if let Some(helper) = self.editor.helper_mut() {
            helper.completer.variables = shell.variables.clone();
            helper.set_open(open);
        }
        self.editor.readline(&prompts::prompt(open))
    }

    /// Adds an input, which may have several lines, to the history as one entry.
    fn remember(&mut self, shell: &mut Shell, input: &str) {
        if history::may_hold_key(input) {
            return;
        }
        if let Err(error) = apply_history_options(&mut self.editor, shell) {
            report(&error);
        }
        // Failures to write the history are ignored.
        if !self.editor.add_history_entry(input).unwrap_or(false) {
            return;
        }
        shell.history.push(input.to_string());
        if let Some(path) = &self.file {
            let _ = self.editor.append_history(path);
        }
    }
}

fn apply_history_options(
    editor: &mut Editor<ShellHelper, FileHistory>,
    shell: &Shell,
) -> Result<()> {
    let environment = std::env::var("HISTCONTROL").ok();
    let options = HistoryOptions::of(&shell.variables, environment.as_deref())?;
    options
        .apply(editor)
        .map_err(|error| terminal_error(&error))
}

fn editor(runtime: &Runtime, shell: &Shell) -> Result<Editor<ShellHelper, FileHistory>> {
    let color = if shell.style.color {
        ColorMode::Enabled
    } else {
        ColorMode::Disabled
    };
    let config = Config::builder()
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
