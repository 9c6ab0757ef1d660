//! `SET` and `RESET`, with help for misspelt keys.

use std::sync::Arc;

use datafusion::common::config::{ConfigExtension, ExtensionOptions};
use semql_udfs::AiOptions;

use super::{Outcome, query};
use crate::error::{Result, ShellError};
use crate::session::Session;
use crate::suggest::closest;

/// Runs `SET key = value` or `RESET key`.
///
/// # Errors
/// If there is no such setting, or it cannot have that value.
pub async fn run(session: &Session, sql: &str) -> Result<Outcome> {
    // The engine knows no defaults of an extension's settings.
    let sql = match own_default(session, sql) {
        Some((key, value)) => format!("SET {key} = '{}'", value.replace('\'', "''")),
        None => sql.to_string(),
    };
    let sql = sql.as_str();
    match query::run(session, sql).await {
        Ok(outcome) => Ok(outcome),
        Err(error) => Err(explain(session, sql, error)),
    }
}

/// For `RESET ai.key`, the key and its default.
fn own_default(session: &Session, sql: &str) -> Option<(String, String)> {
    let verb = sql.split_whitespace().next()?;
    let key = key_of(sql)?;
    if !verb.eq_ignore_ascii_case("reset") || !key.starts_with("ai.") {
        return None;
    }
    let defaults = AiOptions::new(Arc::clone(&session.ai)).entries();
    let entry = defaults.into_iter().find(|entry| entry.key == key)?;
    Some((key, entry.value.unwrap_or_default()))
}

/// Gives the setting `key` a value, as `SET key = 'value'` does.
pub async fn assign(session: &Session, key: &str, value: &str) -> Result<()> {
    let known = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "._".contains(c));
    if !known {
        return Err(ShellError::query(format!(
            "'{key}' is not the name of a setting"
        )));
    }
    let sql = format!("SET {key} = '{}'", value.replace('\'', "''"));
    run(session, &sql).await.map(|_| ())
}

/// The names of all settings, semql's first.
pub fn keys(session: &Session) -> Vec<String> {
    let own = AiOptions::of(&session.ctx)
        .map(|options| options.entries())
        .unwrap_or_default();
    let own: Vec<String> = own.into_iter().map(|entry| entry.key).collect();
    let state = session.ctx.state();
    let others = state
        .config_options()
        .entries()
        .into_iter()
        .map(|entry| entry.key);
    // An extension names its keys without its prefix.
    let others: Vec<String> = others.filter(|key| !own.contains(key)).collect();
    let own = own.into_iter().map(|key| match key.contains('.') {
        true => key,
        false => format!("{}.{key}", AiOptions::PREFIX),
    });
    own.chain(others).collect()
}

/// Where the key is the problem, says which key was perhaps meant.
fn explain(session: &Session, sql: &str, error: ShellError) -> ShellError {
    let Some(key) = key_of(sql) else {
        return error;
    };
    let keys = keys(session);
    if keys.contains(&key) || key.starts_with("datafusion.runtime.") {
        return error;
    }
    // Few type `datafusion.execution.` in front of what they remember.
    let tail = |full: &str| full.rsplit('.').next().unwrap_or_default().to_string();
    let near = keys
        .iter()
        .find(|full| tail(full) == tail(&key))
        .map(String::as_str)
        .or_else(|| closest(&key, keys.iter().map(String::as_str)));
    let near = near.map_or_else(
        || "SHOW ALL lists the settings".to_string(),
        |near| format!("did you mean '{near}'?"),
    );
    ShellError {
        message: format!("there is no setting '{key}'; {near}"),
        ..error
    }
}

/// The key in `SET key = value` or `RESET key`.
fn key_of(sql: &str) -> Option<String> {
    let key = sql
        .split(|c: char| c.is_whitespace() || c == '=' || c == ';')
        .filter(|word| !word.is_empty())
        .nth(1)?;
    Some(key.trim_matches('"').to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::key_of;

    #[test]
    fn the_key_is_the_second_word() {
        assert_eq!(key_of("SET ai.devise='cpu'").as_deref(), Some("ai.devise"));
        assert_eq!(key_of("reset  AI.model").as_deref(), Some("ai.model"));
        assert_eq!(key_of("SET"), None);
    }
}
