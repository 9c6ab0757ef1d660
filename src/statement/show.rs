//! `DESCRIBE`, which takes a table, a file or a query, and `SHOW MODELS`.

use datafusion::common::TableReference;

use super::{Outcome, describe};
use crate::error::{Result, ShellError};
use crate::script::first_words;
use crate::session::Session;

/// What `SHOW MODELS` asks: the columns that fit a screen. The table function
/// has more.
pub const MODELS: &str = "SELECT name, dims, on_this_machine, device, source FROM ai_models()";

/// Runs `DESCRIBE what`.
///
/// # Errors
/// If nothing is named, or there is no such table or file.
pub async fn describe(session: &Session, what: &str) -> Result<Outcome> {
    let (words, rest) = first_words(what, 1);
    match words.first().map(String::as_str) {
        Some("SELECT" | "WITH" | "VALUES") => return describe::query(session, what).await,
        Some("TABLE") if !rest.is_empty() => return describe::run(session, &reference(rest)).await,
        _ => {}
    }
    if what.starts_with('(') {
        return describe::query(session, what).await;
    }
    if what.is_empty() {
        return Err(ShellError::query(
            "DESCRIBE what? Name a table, a 'file' or a query",
        ));
    }
    describe::run(session, &reference(what)).await
}

/// The table that `text` names: a quoted file is one name, dots and all.
pub fn reference(text: &str) -> TableReference {
    let text = text.trim().trim_end_matches(';').trim_end();
    match text
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''))
    {
        Some(file) => TableReference::bare(file.replace("''", "'")),
        None => TableReference::parse_str(text),
    }
}
