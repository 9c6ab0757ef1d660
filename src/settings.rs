//! Settings of a session: `SET`, `RESET` and `--set`, with suggestions for
//! misspelt keys.

use datafusion::common::config::{ConfigExtension, ExtensionOptions};
use datafusion::logical_expr::{
    LogicalPlan, ResetVariable, SetVariable, Statement as PlannedStatement,
};
use datafusion::prelude::SessionContext;
use semql_udfs::AiOptions;

use crate::error::{ErrorKind, Result, ShellError};
use crate::policy::Policy;
use crate::suggest::closest;

/// Aliases of settings, as the engine has them.
const ALIASES: &[(&str, &str)] = &[
    ("timezone", "datafusion.execution.time_zone"),
    ("time.zone", "datafusion.execution.time_zone"),
];

/// Prefix of settings that belong to the engine's runtime, which the engine does
/// not list among the others.
const RUNTIME_PREFIX: &str = "datafusion.runtime.";

/// Assigns a value to the setting `key`, or its default for `None`.
///
/// # Errors
/// If the policy does not allow it, the setting does not exist, or the value is
/// invalid.
pub async fn assign(
    ctx: &SessionContext,
    policy: &Policy,
    key: &str,
    value: Option<&str>,
) -> Result<()> {
    let key = key.to_lowercase();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == key);
    let key = alias.map_or(key, |(_, name)| (*name).to_string());
    policy.check_setting(&key, value.unwrap_or_default())?;
    // The engine has no defaults for the settings of an extension.
    let default = match value {
        None => extension_default(ctx, &key),
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
    match ctx.execute_logical_plan(plan).await {
        Ok(_) => Ok(()),
        Err(error) => Err(diagnose(ctx, &key, error.into())),
    }
}

/// Default of a setting `ai.*`.
fn extension_default(ctx: &SessionContext, key: &str) -> Option<String> {
    let defaults = AiOptions::new(semql_udfs::runtime(ctx)).entries();
    let entry = defaults.into_iter().find(|entry| entry.key == key)?;
    Some(entry.value.unwrap_or_default())
}

/// Names of all settings, those of semql first.
pub fn keys(ctx: &SessionContext) -> Vec<String> {
    let own = AiOptions::from_session(ctx)
        .map(|options| options.entries())
        .unwrap_or_default();
    let own: Vec<String> = own.into_iter().map(|entry| entry.key).collect();
    let state = ctx.state();
    let others = state
        .config_options()
        .entries()
        .into_iter()
        .map(|entry| entry.key);
    // An extension lists its keys without its prefix.
    let others: Vec<String> = others.filter(|key| !own.contains(key)).collect();
    let own = own.into_iter().map(|key| match key.contains('.') {
        true => key,
        false => format!("{}.{key}", AiOptions::PREFIX),
    });
    own.chain(others).collect()
}

/// Adds kind and suggestion to the error of an assignment.
fn diagnose(ctx: &SessionContext, key: &str, error: ShellError) -> ShellError {
    let keys = keys(ctx);
    if keys.iter().any(|known| known == key) || key.starts_with(RUNTIME_PREFIX) {
        return ShellError {
            kind: ErrorKind::InvalidValue,
            ..error
        };
    }
    // A key may lack its prefix, such as `datafusion.execution.`.
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
