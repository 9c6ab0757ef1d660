//! The pager, for results with more lines than the terminal.

use std::io::Write;
use std::process::{Command, Stdio};

/// Exits if the text fits, keeps colours, does not wrap, leaves the text on the
/// terminal.
const DEFAULT_PAGER: &str = "less -FRSX";

/// Exit codes of `sh` for a program that does not exist or cannot be run.
const NOT_RUN_CODES: [i32; 2] = [126, 127];

/// Shows `text` in `$PAGER` (or less) if it has more lines than the terminal.
/// Returns `false` if it fits or no pager runs.
pub fn page(text: &[u8]) -> bool {
    let lines = text.iter().filter(|byte| **byte == b'\n').count();
    let Some(height) = terminal_lines() else {
        return false;
    };
    if lines < height {
        return false;
    }
    let command = std::env::var("PAGER").unwrap_or_else(|_| DEFAULT_PAGER.to_string());
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

fn terminal_lines() -> Option<usize> {
    console::Term::stdout()
        .size_checked()
        .map(|(lines, _)| usize::from(lines))
}
