//! What is wrong with a dictionary in meaning, rather than in form.

use serde_saphyr::Location as Place;

use crate::error::{Result, ShellError};

/// Problems, gathered so that one run shows all of them.
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

    pub fn at(&mut self, place: Place, what: impl std::fmt::Display) {
        let file = &self.file;
        self.found.push(if place.line() == 0 {
            format!("{file}: {what}")
        } else {
            format!("{file}:{}:{}: {what}", place.line(), place.column())
        });
    }

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
