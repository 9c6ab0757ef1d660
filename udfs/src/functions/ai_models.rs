//! `ai_models()`: the table behind `SHOW MODELS`.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::Result;
use semql_inference::models::catalogue::CATALOGUE;
use semql_inference::models::{ModelSource, locate_within};
use semql_language_models::LanguageModel;

use super::memory_table::{check_no_arguments, memory_table};
use super::planning;
use crate::options::AiOptions;

#[derive(Debug)]
pub struct AiModels {
    options: AiOptions,
}

impl AiModels {
    pub fn new(options: AiOptions) -> Arc<Self> {
        Arc::new(Self { options })
    }
}

/// One row of the table.
struct ModelRow {
    name: String,
    /// Dimensions; `None` for a language model, as for the tokens.
    dims: Option<usize>,
    pooling: String,
    max_tokens: Option<usize>,
    prefix: String,
    licence: String,
    source: String,
    folder: Option<String>,
    device: Option<String>,
    description: String,
}

impl TableFunctionImpl for AiModels {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        check_no_arguments("ai_models", args.exprs())?;
        let options = planning::session_options(args.session().config_options(), &self.options);
        memory_table(batch(&rows(&options))?)
    }
}

/// The catalogue, then loaded models that it does not have, then language models.
fn rows(options: &AiOptions) -> Vec<ModelRow> {
    let loaded = options.runtime.loaded();
    let device = |name: &str| {
        loaded
            .iter()
            .find(|model| model.identity.name == name)
            .and_then(|m| m.device())
    };
    let mut rows: Vec<ModelRow> = CATALOGUE
        .iter()
        .map(|entry| {
            let AiOptions {
                settings, runtime, ..
            } = options;
            let folder = settings.model_dir.as_deref();
            let location = locate_within(entry.name, folder, &runtime.limits());
            let folder = match location.map(|location| location.source) {
                Ok(ModelSource::Folder(folder)) => Some(folder.display().to_string()),
                _ => None,
            };
            ModelRow {
                name: entry.name.to_string(),
                dims: Some(entry.dims),
                pooling: entry.pooling.to_string(),
                max_tokens: Some(entry.max_tokens),
                prefix: entry.prefix.to_string(),
                licence: entry.licence.to_string(),
                source: format!(
                    "hf://{}@{}",
                    entry.repo,
                    entry.revision.get(..7).unwrap_or(entry.revision)
                ),
                folder,
                device: device(entry.name),
                description: entry.description.to_string(),
            }
        })
        .collect();
    for model in &loaded {
        let Some(spec) = model
            .spec
            .as_ref()
            .filter(|_| rows.iter().all(|row| row.name != model.identity.name))
        else {
            continue;
        };
        rows.push(ModelRow {
            name: model.identity.name.clone(),
            dims: Some(model.dims),
            pooling: spec.pooling.to_string(),
            max_tokens: Some(spec.max_tokens),
            prefix: spec.prefix.clone(),
            licence: String::new(),
            source: model.identity.revision.clone(),
            folder: Some(String::new()),
            device: model.device(),
            description: "loaded in this session".to_string(),
        });
    }
    let language_models = options.runtime.language_models().list();
    rows.extend(language_models.iter().map(|model| language_model(model)));
    rows
}

fn language_model(model: &LanguageModel) -> ModelRow {
    let options = model.options();
    ModelRow {
        name: options.name.clone(),
        dims: None,
        pooling: String::new(),
        max_tokens: None,
        prefix: String::new(),
        licence: String::new(),
        source: options.location.to_string(),
        folder: None,
        device: None,
        description: format!("language model {} at this address", options.model),
    }
}

fn batch(rows: &[ModelRow]) -> Result<RecordBatch> {
    let text = |get: fn(&ModelRow) -> &str| -> ArrayRef {
        Arc::new(
            rows.iter()
                .map(|row| Some(get(row)))
                .collect::<StringArray>(),
        )
    };
    let number = |get: fn(&ModelRow) -> Option<usize>| -> ArrayRef {
        Arc::new(
            rows.iter()
                .map(|row| get(row).map(|number| number as i64))
                .collect::<Int64Array>(),
        )
    };
    let on_this_machine: BooleanArray = rows.iter().map(|row| Some(row.folder.is_some())).collect();
    let folder: StringArray = rows.iter().map(|row| row.folder.as_deref()).collect();
    let device: StringArray = rows.iter().map(|row| row.device.as_deref()).collect();
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("name", text(|row| &row.name), false),
        ("dims", number(|row| row.dims), true),
        (
            "on_this_machine",
            Arc::new(on_this_machine) as ArrayRef,
            false,
        ),
        ("device", Arc::new(device), true),
        ("source", text(|row| &row.source), false),
        ("pooling", text(|row| &row.pooling), false),
        ("max_tokens", number(|row| row.max_tokens), true),
        ("prefix", text(|row| &row.prefix), false),
        ("licence", text(|row| &row.licence), false),
        ("folder", Arc::new(folder), true),
        ("description", text(|row| &row.description), false),
    ])?)
}
