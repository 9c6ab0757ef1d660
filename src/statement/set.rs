//! `SET` and `RESET`, with help for misspelt keys.

use std::sync::Arc;

use datafusion::common::config::{ConfigExtension, ExtensionOptions};
use datafusion::logical_expr::{
    LogicalPlan, ResetVariable, SetVariable, Statement as PlannedStatement,
};
use semql_udfs::AiOptions;

use super::Outcome;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::suggest::closest;

/// Other names of settings, as the engine has them.
const ALIASES: &[(&str, &str)] = &[
    ("timezone", "datafusion.execution.time_zone"),
    ("time.zone", "datafusion.execution.time_zone"),
];

/// Prefix of settings that belong to the runtime, which the engine does not list
/// among the others.
const RUNTIME: &str = "datafusion.runtime.";

/// Gives the setting `key` a value, or its default for `None`.
///
/// # Errors
/// If the policy does not allow it, there is no such setting, or it cannot have
/// that value.
pub async fn set(session: &Session, key: &str, value: Option<&str>) -> Result<Outcome> {
    let key = key.to_lowercase();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == key);
    let key = alias.map_or(key, |(_, name)| (*name).to_string());
    session
        .policy
        .check_setting(&key, value.unwrap_or_default())?;
    // The engine does not know the defaults of an extension's settings.
    let default = match value {
        None => own_default(session, &key),
        Some(_) => None,
    };
    let statement = match value.map(str::to_string).or(default) {
        Some(value) => PlannedStatement::SetVariable(SetVariable {
            variable: key.clone(),
            value,
        }),
        None => PlannedStatement::ResetVariable(ResetVariable {
            variable: key.clone(),
        }),
    };
    let plan = LogicalPlan::Statement(statement);
    match session.ctx.execute_logical_plan(plan).await {
        Ok(_) => Ok(Outcome::done("")),
        Err(error) => Err(explain(session, &key, error.into())),
    }
}

/// The default of a setting `ai.*`.
fn own_default(session: &Session, key: &str) -> Option<String> {
    let defaults = AiOptions::new(Arc::clone(&session.ai)).entries();
    let entry = defaults.into_iter().find(|entry| entry.key == key)?;
    Some(entry.value.unwrap_or_default())
}

/// Gives the setting `key` a value, as `SET key = 'value'` does.
///
/// # Errors
/// As [`set`].
pub async fn assign(session: &Session, key: &str, value: &str) -> Result<()> {
    set(session, key, Some(value)).await.map(|_| ())
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

/// Where the key is the problem, names the key that was perhaps meant.
fn explain(session: &Session, key: &str, error: ShellError) -> ShellError {
    let keys = keys(session);
    if keys.iter().any(|known| known == key) || key.starts_with(RUNTIME) {
        return ShellError {
            kind: ErrorKind::InvalidValue,
            ..error
        };
    }
    // Few type `datafusion.execution.` in front of what they remember.
    let tail = |full: &str| full.rsplit('.').next().unwrap_or_default().to_string();
    let near = keys
        .iter()
        .find(|full| tail(full) == tail(key))
        .map(String::as_str)
        .or_else(|| closest(key, keys.iter().map(String::as_str)));
    let near = near.map_or_else(
        || "SHOW ALL lists the settings".to_string(),
        |near| format!("did you mean '{near}'?"),
    );
    ShellError {
        message: format!("there is no setting '{key}'; {near}"),
        kind: ErrorKind::UndefinedObject,
        ..error
    }
}
