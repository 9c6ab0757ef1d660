//! The pager, for results with more lines than the terminal.

use std::io::{IsTerminal, Write};
use std::process::{Command, Stdio};

/// Exits if the text fits, keeps colours, does not wrap, leaves the text on the
/// terminal.
const DEFAULT_PAGER: &str = "less -FRSX";

/// Exit codes of `sh` for a program that does not exist or cannot be run.
const NOT_RUN_CODES: [i32; 2] = [126, 127];

/// Environment variables that name the pager; the first one that is set counts.
const PAGER_ENV: &[&str] = &["PSQL_PAGER", "PAGER"];

/// When results go through the pager.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PagerMode {
    Off,
    /// If they have more lines than the terminal.
    #[default]
    On,
    Always,
}

/// Every mode by its name.
pub const PAGER_MODES: &[(&str, PagerMode)] = &[
    ("off", PagerMode::Off),
    ("on", PagerMode::On),
    ("always", PagerMode::Always),
];

impl PagerMode {
    pub fn name(self) -> &'static str {
        let mut modes = PAGER_MODES.iter();
        let named = modes.find(|(_, mode)| *mode == self);
        named.map_or("on", |(name, _)| *name)
    }
}

/// Shows `text` in the pager of the environment (or less). Returns `false` if the mode
/// or the number of lines asks for none, if no keys can reach it, or if it does not run.
pub fn page(text: &[u8], mode: PagerMode) -> bool {
    let needed = match mode {
        PagerMode::Off => false,
        PagerMode::Always => !text.is_empty(),
        PagerMode::On => exceeds_terminal(text),
    };
    if !needed || !std::io::stdin().is_terminal() {
        return false;
    }
    let mut named = PAGER_ENV.iter().filter_map(|name| std::env::var(name).ok());
    let command = named.next().unwrap_or_else(|| DEFAULT_PAGER.to_string());
    if command.trim().is_empty() {
        return false;
    }
    // Through the shell, since PAGER may hold options and pipes.
    let started = Command::new("sh")
        .args(["-c", &command])
        .stdin(Stdio::piped())
        .env("LESSCHARSET", "utf-8")
        .spawn();
    let Ok(mut child) = started else {
        return false;
    };
    if let Some(mut input) = child.stdin.take() {
        // Quitting a pager before the end of the text is not an error.
        let _ = input.write_all(text);
    }
    child
        .wait()
        .is_ok_and(|status| !matches!(status.code(), Some(code) if NOT_RUN_CODES.contains(&code)))
}

fn exceeds_terminal(text: &[u8]) -> bool {
    let lines = text.iter().filter(|byte| **byte == b'\n').count();
    let size = console::Term::stdout().size_checked();
    size.is_some_and(|(height, _)| lines >= usize::from(height))
}
