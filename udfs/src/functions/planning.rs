//! Planning of model functions: session options, the model and labels of a call, and
//! the metadata of results.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::config::ConfigOptions;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::ReturnFieldArgs;
use datafusion::scalar::ScalarValue;
use semql_inference::{ModelFacts, Taxonomy};
use tokio_util::sync::CancellationToken;

use crate::options::AiOptions;
use crate::provenance as keys;
use crate::settings::{Mode, Settings};

/// Options of the session with `config`; `default` if it has none.
pub fn session_options(config: &ConfigOptions, default: &AiOptions) -> AiOptions {
    config
        .extensions
        .get::<AiOptions>()
        .unwrap_or(default)
        .clone()
}

/// Options of a registered function after the settings of its session changed.
/// The function outlives the statement that changed them and keeps its earlier
/// token: that of the statement may be cancelled later.
pub fn updated_options(config: &ConfigOptions, earlier: &AiOptions) -> AiOptions {
    AiOptions {
        cancel: earlier.cancel.clone(),
        ..session_options(config, earlier)
    }
}

/// Token of a call: that of the session with `config`, else that of `default`.
pub fn call_cancel_token(config: &ConfigOptions, default: &AiOptions) -> CancellationToken {
    let options = config.extensions.get::<AiOptions>().unwrap_or(default);
    options.cancel.clone()
}

/// The text of a literal; `None` for NULL, other types and other expressions.
pub fn literal_text(literal: Option<&ScalarValue>) -> Option<&str> {
    literal?.try_as_str().flatten()
}

/// Settings of a call with its optional model argument at `position`.
///
/// # Errors
/// A model argument that is not a literal: a call has one model for all rows.
pub fn call_settings(
    settings: &Settings,
    function: &str,
    position: usize,
    args: &ReturnFieldArgs<'_>,
) -> Result<Settings> {
    if args.arg_fields.len() <= position {
        return Ok(settings.clone());
    }
    let model = args.scalar_arguments.get(position).copied().flatten();
    if literal_text(model).is_none() {
        return plan_err!(
            "the model argument of {function} must be a literal such as 'e5-small-v2'"
        );
    }
    Ok(settings_with_model(settings, model))
}

/// Settings with the model that a literal names, if there is one.
pub fn settings_with_model(settings: &Settings, model: Option<&ScalarValue>) -> Settings {
    let mut settings = settings.clone();
    if let Some(model) = literal_text(model) {
        settings.model = model.to_string();
    }
    settings
}

/// Field of a vector, with its pooling as metadata beside its [`provenance`].
pub fn vector_field(facts: &ModelFacts) -> Field {
    let item = Arc::new(Field::new_list_field(DataType::Float32, true));
    let pooling = HashMap::from([(keys::POOLING.to_string(), facts.pooling.clone())]);
    let vector = DataType::FixedSizeList(item, facts.dims as i32);
    Field::new("", vector, true).with_metadata(pooling)
}

/// Metadata of a result: what must be equal for two results to be comparable.
pub fn provenance(
    facts: &ModelFacts,
    settings: &Settings,
    taxonomy: Option<&Taxonomy>,
) -> HashMap<String, String> {
    let mode = match settings.mode {
        Mode::Exact => "exact",
        Mode::Fast => "fast",
    };
    let versioned = |taxonomy: &Taxonomy| format!("{}@{}", taxonomy.name, taxonomy.fingerprint());
    let mut provenance = HashMap::from([
        (keys::MODEL.to_string(), facts.name.clone()),
        (keys::REVISION.to_string(), facts.revision.clone()),
        (keys::PRECISION.to_string(), facts.precision.clone()),
        (keys::MODE.to_string(), mode.to_string()),
    ]);
    provenance.extend(taxonomy.map(|taxonomy| (keys::TAXONOMY.to_string(), versioned(taxonomy))));
    provenance
}
