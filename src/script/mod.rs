//! Scripts: texts of statements and backslash commands, each with its file and line.

mod arguments;
mod cursor;
mod split;
pub mod variables;

use std::path::{Path, PathBuf};

use crate::error::{ExitCode, Result, ShellError, io_reason};
use crate::text_encoding::TextDecoder;

pub use arguments::words;
pub use cursor::Cursor;
pub use split::{ItemKind, ScriptItem, split};
pub use variables::Variables;

/// Text to run, and its name in messages.
#[derive(Clone, Debug)]
pub struct Script {
    /// `queries/01.sql`, `-c`, `standard input`; empty at the prompt.
    pub name: String,
    /// Folder of the file, the base of relative names in `\i`.
    pub folder: Option<PathBuf>,
    pub text: String,
}

impl Script {
    pub fn new(name: &str, text: impl Into<String>) -> Self {
        Self {
            name: name.to_string(),
            folder: None,
            text: text.into(),
        }
    }

    /// Reads a script file.
    ///
    /// # Errors
    /// If the file is absent, a folder, or not UTF-8; the message names it.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        if path.is_dir() {
            return Err(ShellError::usage(format!(
                "{shown} is a folder, not a file of SQL"
            )));
        }
        let bytes = std::fs::read(path).map_err(|error| {
            ShellError::usage(format!("cannot read {shown}: {}", io_reason(&error)))
        })?;
        Ok(Self {
            name: shown.to_string(),
            folder: path.parent().map(Path::to_path_buf),
            text: decode(&bytes, &shown.to_string())?,
        })
    }

    /// `file:line` for messages; `None` for a single line at the prompt.
    fn location(&self, line: usize) -> Option<String> {
        match self.name.as_str() {
            "" => self
                .text
                .trim()
                .contains('\n')
                .then(|| format!("line {line}")),
            name => Some(format!("{name}:{line}")),
        }
    }

    /// Prefixes an error of the item at `first_line` with `file:line`, once.
    pub fn locate_error(&self, mut error: ShellError, first_line: usize) -> ShellError {
        if error.located || error.code == ExitCode::Interrupted || error.is_closed_output() {
            return error;
        }
        let line_in_item = error
            .line
            .take()
            .and_then(|line| usize::try_from(line).ok());
        let line = first_line + line_in_item.unwrap_or(1).saturating_sub(1);
        if let Some(location) = self.location(line) {
            error.message = format!("{location}: {}", error.message);
            error.located = true;
        }
        error
    }
}

/// Decodes the text of a file, in UTF-8 or UTF-16, and removes its byte order mark.
///
/// # Errors
/// If the bytes are in another encoding; the message names the line.
pub fn decode(bytes: &[u8], name: &str) -> Result<String> {
    let named = |why| ShellError::usage(format!("{name} {why}"));
    let mut decoder = TextDecoder::default();
    let mut text = decoder.decode(bytes).map_err(named)?;
    text.extend(decoder.finish().map_err(named)?);
    String::from_utf8(text).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        ShellError::usage(format!(
            "{name}:{line}: the text is not UTF-8; convert it first, for example with iconv"
        ))
    })
}
