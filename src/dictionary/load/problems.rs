//! Semantic problems of a dictionary.

use serde_saphyr::Location;

use crate::error::{Result, ShellError};

/// Problems of a file, collected so that one error has all of them.
pub struct Problems {
    pub file: String,
    pub found: Vec<String>,
}

impl Problems {
    pub fn new(file: &str) -> Self {
        Self {
            file: file.to_string(),
            found: Vec::new(),
        }
    }

    /// Adds a problem.
    pub fn at(&mut self, at: Location, what: impl std::fmt::Display) {
        let file = &self.file;
        self.found.push(if at.line() == 0 {
            format!("{file}: {what}")
        } else {
            format!("{file}:{}:{}: {what}", at.line(), at.column())
        });
    }

    /// Succeeds without problems.
    ///
    /// # Errors
    /// All problems together.
    pub fn into_result(self) -> Result<()> {
        match self.found.len() {
            0 => Ok(()),
            1 => Err(ShellError::setup(self.found.concat())),
            count => Err(ShellError::setup(format!(
                "{} has {count} problems:\n  {}",
                self.file,
                self.found.join("\n  ")
            ))),
        }
    }
}
