//! Callbacks of the line editor: colours, completion and hints.

use std::borrow::Cow;
use std::sync::Arc;

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::HistoryHinter;
use rustyline::{Context, Helper, Hinter, Result, Validator};
use tokio::runtime::Handle;

use super::complete::SqlCompleter;
use super::highlight;
use crate::script;
use crate::session::Session;

/// Helper of the line editor. Each line is complete on Enter; the prompt decides what
/// runs.
#[derive(Helper, Hinter, Validator)]
pub struct ShellHelper {
    pub completer: SqlCompleter,
    #[rustyline(Hinter)]
    hinter: HistoryHinter,
    color: bool,
    /// Open lines before the one that is edited.
    open: String,
    /// Whether a string or a comment is open at the start of the line.
    in_token: bool,
}

impl ShellHelper {
    pub fn new(session: Arc<Session>, runtime: Handle, color: bool) -> Self {
        Self {
            completer: SqlCompleter::new(session, runtime),
            hinter: HistoryHinter::new(),
            color,
            open: String::new(),
            in_token: false,
        }
    }

    /// Sets the lines before the one that is edited.
    pub fn set_open(&mut self, open: &str) {
        self.open = open.to_string();
        self.in_token = script::split(open).1.is_some();
    }
}

impl Completer for ShellHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> Result<(usize, Vec<Pair>)> {
        // The tables of earlier lines have the columns of this one.
        let text = format!("{}{line}", self.open);
        let (start, candidates) = self.completer.complete(&text, self.open.len() + pos);
        // A string of an earlier line is not replaced.
        Ok(match start.checked_sub(self.open.len()) {
            Some(start) => (start, candidates),
            None => (pos, Vec::new()),
        })
    }
}

impl Highlighter for ShellHelper {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.color && !self.in_token {
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
