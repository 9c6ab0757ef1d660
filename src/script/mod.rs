//! Scripts: text that becomes statements and backslash commands, each with the
//! place it came from.

mod arguments;
mod split;
pub mod variables;

use std::path::{Path, PathBuf};

use crate::error::{Result, ShellError};

pub use arguments::words;
pub use split::{Cursor, Item, Kind, split};
pub use variables::Variables;

/// A text to run, and what to call it in messages.
#[derive(Clone, Debug)]
pub struct Script {
    /// `queries/01.sql`, `-c`, `standard input`; empty at the prompt.
    pub name: String,
    /// The folder of the file, which `\i` starts from.
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
            ShellError::usage(format!("cannot read {shown}: {}", plain_io(&error)))
        })?;
        Ok(Self {
            name: shown.to_string(),
            folder: path.parent().map(Path::to_path_buf),
            text: decode(bytes, &shown.to_string())?,
        })
    }

    /// `file:line`, for messages. At the prompt one line needs no name.
    pub fn place(&self, line: usize) -> Option<String> {
        match self.name.as_str() {
            "" => self
                .text
                .trim()
                .contains('\n')
                .then(|| format!("line {line}")),
            name => Some(format!("{name}:{line}")),
        }
    }
}

/// The text of a file; a byte order mark is no part of it.
///
/// # Errors
/// If the bytes are not UTF-8; the message names the line.
pub fn decode(bytes: Vec<u8>, name: &str) -> Result<String> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        ShellError::usage(format!(
            "{name}:{line}: the text is not UTF-8; convert it first, for example with iconv"
        ))
    })?;
    Ok(text
        .strip_prefix('\u{feff}')
        .map(str::to_string)
        .unwrap_or(text))
}

/// An I/O error without the number the system puts behind it.
pub fn plain_io(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_string(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_string(),
        _ => error.to_string(),
    }
}
