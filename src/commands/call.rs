//! Call of a backslash command: its arguments, and its effect on the script.

use std::path::Path;

use datafusion::common::TableReference;

use crate::error::{Result, ShellError};
use crate::script::Script;
use crate::statement::syntax;

/// Arguments of a command.
pub struct Call<'a> {
    /// Text after the name, as written.
    pub rest: &'a str,
    /// The same in words, without quotes and with variables expanded; empty for
    /// commands that read their line as written.
    pub words: Vec<String>,
    /// Script that contains the command.
    pub script: &'a Script,
}

impl Call<'_> {
    /// The first word.
    pub fn first(&self) -> Option<&str> {
        self.words.first().map(String::as_str)
    }

    /// New value of a switch: `on`, `off`, or the opposite of `current` without
    /// a word.
    ///
    /// # Errors
    /// If the word is neither.
    pub fn switch(&self, current: bool) -> Result<bool> {
        switch_value(self.first(), current)
    }
}

/// Value of a switch that `word` names; the opposite of `current` without a word.
///
/// # Errors
/// If the word is neither on nor off.
pub fn switch_value(word: Option<&str>, current: bool) -> Result<bool> {
    match word {
        None => Ok(!current),
        Some("on") => Ok(true),
        Some("off") => Ok(false),
        Some(other) => Err(ShellError::query(format!(
            "'{other}' is neither on nor off"
        ))),
    }
}

/// What the interpreter does after a command.
#[derive(Debug)]
pub enum Action {
    Continue,
    Quit,
    RunScript(Script),
}

/// Table or file that an argument names; `written` is the argument with quotes.
///
/// # Errors
/// Syntax.
pub fn table_reference(word: &str, written: &str) -> Result<TableReference> {
    match is_file(word) {
        true => Ok(TableReference::bare(word)),
        false => syntax::table_in(written),
    }
}

/// The same as SQL.
pub fn table_sql(word: &str, written: &str) -> String {
    match is_file(word) {
        true => format!("'{}'", word.replace('\'', "''")),
        false => written.to_string(),
    }
}

/// Whether an argument names a file. The quotes of its name are optional.
fn is_file(word: &str) -> bool {
    word.contains(['/', '.']) && Path::new(word).exists()
}
