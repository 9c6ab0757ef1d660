//! `CREATE EXTERNAL MODEL`: language models behind endpoints.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use semql_udfs::language_models::{EndpointOptions, LanguageModel};
use semql_udfs::learning::trained_models::model_exists;

use super::context::StatementContext;
use super::language_model_syntax::CreateLanguageModel;
use super::outcome::Outcome;
use crate::error::{ErrorKind, Result, ShellError};

/// Runs `CREATE EXTERNAL MODEL`. Sends nothing: the first query does.
///
/// # Errors
/// What the policy refuses; an existing model of the name, without `OR REPLACE`; invalid
/// options.
pub fn create(context: &StatementContext, create: &CreateLanguageModel) -> Result<Outcome> {
    let session = &context.session;
    session.policy.check_write("CREATE EXTERNAL MODEL")?;
    let options = EndpointOptions::parse(&create.name, &create.location, &create.options)?;
    session.policy.check_url(&options.location)?;
    if options.api_key_env.is_some() && session.policy.is_restricted() {
        return Err(ShellError::of_kind(
            ErrorKind::Forbidden,
            "api_key_env is not allowed here: a client could send any variable of the server to an allowed host; the \
             administrator creates models with keys in the start-up file of the server",
        ));
    }
    let models = session.ai.language_models();
    if create.if_not_exists && models.get(&create.name).is_some() {
        return Ok(Outcome::done(format!("the model {} exists", create.name)));
    }
    if model_exists(&create.name).unwrap_or(false) {
        return Err(ShellError::of_kind(
            ErrorKind::Statement,
            format!(
                "there is already a trained model called '{}'; DROP MODEL removes it",
                create.name
            ),
        ));
    }
    if options.sends_key_in_clear() {
        context.observer.notice(&format!(
            "The key of {} is sent without encryption: {} is not HTTPS.",
            create.name, options.location
        ));
    }
    models.put(options, create.replace)?;
    Ok(Outcome::done(format!("created external model {}", create.name)))
}

/// The options of a language model, as rows. Keys are not among them.
///
/// # Errors
/// Those of Arrow.
pub fn describe(model: &Arc<LanguageModel>) -> Result<Outcome> {
    let options = model.options();
    let rows = [
        ("name", options.name.clone()),
        ("type", "openai".to_string()),
        ("location", options.location.to_string()),
        ("model", options.model.clone()),
        ("api_key_env", options.api_key_env.clone().unwrap_or_default()),
        ("concurrency", options.concurrency.to_string()),
        ("timeout", format!("{:?}", options.timeout)),
        ("max_tokens", options.max_tokens.map_or(String::new(), |n| n.to_string())),
        ("temperature", options.temperature.to_string()),
        ("max_retries", options.max_retries.to_string()),
        ("max_input_chars", options.max_input_chars.to_string()),
    ];
    let names: StringArray = rows.iter().map(|(name, _)| Some(*name)).collect();
    let values: StringArray = rows.iter().map(|(_, value)| Some(value.as_str())).collect();
    Ok(Outcome::of_batch(RecordBatch::try_from_iter([
        ("option", Arc::new(names) as _),
        ("value", Arc::new(values) as _),
    ])?))
}
