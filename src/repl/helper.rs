//! Callbacks of the line editor: validation, colours, completion and hints.

use std::borrow::Cow;
use std::sync::Arc;

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::HistoryHinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper, Hinter, Result};
use tokio::runtime::Handle;

use super::complete::SqlCompleter;
use super::highlight;
use crate::script::{self, ItemKind};
use crate::session::Session;

#[derive(Helper, Hinter)]
pub struct ShellHelper {
    pub completer: SqlCompleter,
    #[rustyline(Hinter)]
    hinter: HistoryHinter,
    color: bool,
}

impl ShellHelper {
    pub fn new(session: Arc<Session>, runtime: Handle, color: bool) -> Self {
        Self {
            completer: SqlCompleter::new(session, runtime),
            hinter: HistoryHinter::new(),
            color,
        }
    }
}

impl Completer for ShellHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> Result<(usize, Vec<Pair>)> {
        Ok(self.completer.complete(line, pos))
    }
}

impl Highlighter for ShellHelper {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.color {
            Cow::Owned(highlight::highlight(line))
        } else {
            Cow::Borrowed(line)
        }
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        if self.color {
            Cow::Owned(format!("\x1b[1m{prompt}\x1b[0m"))
        } else {
            Cow::Borrowed(prompt)
        }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.color {
            Cow::Owned(format!("\x1b[2m{hint}\x1b[0m"))
        } else {
            Cow::Borrowed(hint)
        }
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.color && kind != CmdKind::MoveCursor
    }
}

impl Validator for ShellHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> Result<ValidationResult> {
        Ok(if is_complete(context.input()) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

/// Whether Enter runs the input: it ends with a semicolon or a command, or is
/// empty.
fn is_complete(input: &str) -> bool {
    // A command reports a quote that is open on its own line.
    let (items, unterminated) = script::split(input);
    if unterminated.is_some() {
        return false;
    }
    match items.last() {
        None => true,
        Some(last) => last.complete || last.kind == ItemKind::Command,
    }
}

#[cfg(test)]
mod tests {
    use super::is_complete;

    #[test]
    fn enter_runs_complete_input_only() {
        for (input, expected) in [
            ("", true),
            ("SELECT 1", false),
            ("SELECT 1;", true),
            ("SELECT 1; SELECT", false),
            ("SELECT ';", false),
            ("SELECT 1 -- ;", false),
            ("\\x", true),
            ("SELECT 1 \\g", true),
            ("\\echo it's", true),
            ("-- only a comment", true),
        ] {
            assert_eq!(is_complete(input), expected, "{input}");
        }
    }
}
