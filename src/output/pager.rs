//! The pager, for what does not fit the screen.

use std::io::Write;
use std::process::{Command, Stdio};

/// Ends by itself what fits after all, keeps colours, does not wrap, leaves
/// the text on the screen.
const USUAL: &str = "less -FRSX";

/// The shell's words for a program that is not there or cannot be run.
const NO_PROGRAM: [i32; 2] = [126, 127];

/// Shows `text` in `$PAGER` (or less) if it has more lines than the screen.
/// `false` if it fits, or if there is no pager to be had.
pub fn page(text: &[u8]) -> bool {
    let lines = text.iter().filter(|byte| **byte == b'\n').count();
    let Some(screen) = screen_lines() else {
        return false;
    };
    if lines < screen {
        return false;
    }
    let command = std::env::var("PAGER").unwrap_or_else(|_| USUAL.to_string());
    if command.trim().is_empty() {
        return false;
    }
    // Through the shell, since people write options and more into PAGER.
    let started = Command::new("sh")
        .args(["-c", &command])
        .stdin(Stdio::piped())
        .env("LESSCHARSET", "utf-8")
        .spawn();
    let Ok(mut child) = started else {
        return false;
    };
    if let Some(mut input) = child.stdin.take() {
        // People leave a pager before its end; that is no error.
        let _ = input.write_all(text);
    }
    child
        .wait()
        .is_ok_and(|status| !matches!(status.code(), Some(code) if NO_PROGRAM.contains(&code)))
}

fn screen_lines() -> Option<usize> {
    console::Term::stdout()
        .size_checked()
        .map(|(lines, _)| usize::from(lines))
}
