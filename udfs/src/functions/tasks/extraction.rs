//! The source of an extraction call: a trained model, rules, or a language model.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::DataType;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::scalar::ScalarValue;
use semql_inference::Result as InferenceResult;
use semql_language_models::{AttributeRequest, LanguageModelTask};
use semql_learning::extraction::Extractor;
use semql_learning::extraction::rules::{AttributeSet, ValueNormalizer};
use semql_learning::trained_models::{model_exists, model_names};

use super::extractor_source::ExtractorSource;
use super::normalizers::AttributeNormalizers;
use super::task::TaskSource;
use super::udf::TaskArguments;
use crate::error::to_datafusion;
use crate::options::AiOptions;

/// Name of the built-in attribute set.
const BUILT_IN_SET: &str = "products";

/// Number of leading text arguments of an extraction call: those before the list of
/// attributes.
pub fn text_argument_count(types: &[DataType]) -> usize {
    let is_text = |given: &&DataType| {
        matches!(
            given,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
        )
    };
    types.iter().take_while(is_text).count()
}

/// The source of an extraction call, and the requested attributes.
///
/// The model is the argument after the list, else `ai.extractor`. Without one, the rules
/// of the attribute set `ai.attributes` extract.
///
/// # Errors
/// No attribute, one given twice, or one that the model does not know; an unknown model;
/// a wrong number of texts.
pub fn extraction_task(call: &TaskArguments<'_>) -> Result<(TaskSource, Vec<String>)> {
    let texts = text_argument_count(call.types);
    let attributes = match call.types.get(texts) {
        Some(_) => requested_attributes(call.function, call.literals[texts])?,
        None => None,
    };
    let model = match call.literals.get(texts + 1).copied() {
        None => None,
        Some(literal) => match literal.and_then(|model| model.try_as_str()).flatten() {
            Some(model) => Some(model.to_string()),
            None => return plan_err!("the model of {} must be a literal", call.function),
        },
    };
    let settings = &call.options.settings;
    let model = model.or_else(|| settings.extractor.clone());
    match model {
        Some(model) => by_model(call, &model, attributes, texts),
        None => {
            let set = match (&settings.attributes, &attributes) {
                (Some(set), _) => set.as_str(),
                (None, Some(_)) => BUILT_IN_SET,
                (None, None) => return no_attribute(call.function),
            };
            by_rules(call, set, attributes)
        }
    }
}

fn no_attribute<T>(function: &str) -> Result<T> {
    plan_err!(
        "{function} has no attributes: pass a list such as ['brand', 'color'], or name a set with \
         SET ai.attributes = '{BUILT_IN_SET}'"
    )
}

/// The attributes of the list; `None` for `[NULL]`, which stands for all of the model.
fn requested_attributes(
    function: &str,
    literal: Option<&ScalarValue>,
) -> Result<Option<Vec<String>>> {
    let array = match literal {
        Some(list @ ScalarValue::List(array)) if !list.is_null() => array.value(0),
        Some(list) if list.is_null() => return Ok(None),
        _ => {
            return plan_err!(
                "the attributes of {function} must be a list of literals such as ['brand', 'color'], the same for all rows"
            );
        }
    };
    let names = arrow::compute::cast(&array, &DataType::Utf8)?;
    let names: Vec<Option<&str>> = names.as_string::<i32>().iter().collect();
    if names == [None] {
        return Ok(None);
    }
    let mut attributes: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        let name = name.unwrap_or_default().trim();
        if name.is_empty() {
            return plan_err!("an attribute of {function} is NULL or blank");
        }
        if attributes.iter().any(|known| same_name(known, name)) {
            return plan_err!("the attribute '{name}' is given twice to {function}");
        }
        attributes.push(name.to_string());
    }
    match attributes.is_empty() {
        true => no_attribute(function),
        false => Ok(Some(attributes)),
    }
}

fn same_name(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

fn by_rules(
    call: &TaskArguments<'_>,
    set: &str,
    attributes: Option<Vec<String>>,
) -> Result<(TaskSource, Vec<String>)> {
    let extractor = call.options.runtime.rule_extractor(set);
    let extractor = extractor.map_err(to_datafusion)?;
    let named = format!("the attribute set '{set}'");
    from_extractor(
        extractor,
        &named,
        attributes,
        0,
        AttributeNormalizers::default(),
    )
}

fn by_model(
    call: &TaskArguments<'_>,
    model: &str,
    attributes: Option<Vec<String>>,
    texts: usize,
) -> Result<(TaskSource, Vec<String>)> {
    let runtime = &call.options.runtime;
    if let Some(language_model) = runtime.language_models().get(model) {
        let requests = attribute_requests(call, attributes)?;
        let names: Vec<String> = requests
            .iter()
            .map(|request| request.name.clone())
            .collect();
        let source = TaskSource::LanguageModel {
            model: language_model,
            normalizers: Arc::new(normalizers(call.options, &names)?),
            task: LanguageModelTask::Extract {
                attributes: requests,
            },
        };
        return Ok((source, names));
    }
    if !model_exists(model).unwrap_or(false) {
        if runtime.attribute_set(model).is_ok() {
            return by_rules(call, model, attributes);
        }
        return unknown_model(call, model);
    }
    let trained = runtime.trained_models().extractor(model);
    let trained = trained.map_err(to_datafusion)?;
    let columns = &trained.metadata.columns;
    let required = columns.iter().filter(|column| !column.is_context).count();
    let omitted = match columns.len().checked_sub(texts) {
        Some(omitted) if texts >= required => omitted,
        _ => {
            return plan_err!(
                "the model '{model}' takes the texts {}; the call has {texts}",
                trained.columns().join(", ")
            );
        }
    };
    let known: Vec<String> = trained.attributes().to_vec();
    let named = format!("the model '{model}'");
    let names = attributes.clone().unwrap_or(known);
    let normalizers = normalizers(call.options, &names)?;
    from_extractor(trained, &named, attributes, omitted, normalizers)
}

fn from_extractor(
    extractor: Arc<dyn Extractor>,
    named: &str,
    attributes: Option<Vec<String>>,
    omitted: usize,
    normalizers: AttributeNormalizers,
) -> Result<(TaskSource, Vec<String>)> {
    let known = extractor.attributes();
    let names = attributes.unwrap_or_else(|| known.to_vec());
    let mut requested = vec![None; known.len()];
    for (position, name) in names.iter().enumerate() {
        let exact = known.iter().position(|other| other == name);
        let found = exact.or_else(|| known.iter().position(|other| same_name(other, name)));
        match found {
            Some(at) => requested[at] = Some(position),
            None => {
                return plan_err!(
                    "{named} has no attribute '{name}'; its attributes are {}",
                    known.join(", ")
                );
            }
        }
    }
    let source = ExtractorSource {
        extractor,
        requested,
        omitted,
        normalizers,
    };
    Ok((TaskSource::Extractor(Arc::new(source)), names))
}

/// The attributes of the call, with the descriptions of the attribute set.
fn attribute_requests(
    call: &TaskArguments<'_>,
    attributes: Option<Vec<String>>,
) -> Result<Vec<AttributeRequest>> {
    let attributes = match (attributes, &call.options.settings.attributes) {
        (Some(attributes), _) => attributes,
        (None, Some(_)) => {
            let set = described_set(call.options)?;
            set.attributes.iter().map(|one| one.name.clone()).collect()
        }
        (None, None) => return no_attribute(call.function),
    };
    described_attributes(call.options, attributes)
}

/// Requests of attributes, with the descriptions of the attribute set.
///
/// # Errors
/// An unknown attribute set.
pub fn described_attributes(
    options: &AiOptions,
    attributes: Vec<String>,
) -> Result<Vec<AttributeRequest>> {
    let set = described_set(options)?;
    let described = |name: String| {
        let known = set
            .attributes
            .iter()
            .find(|one| same_name(&one.name, &name));
        AttributeRequest {
            description: known.and_then(|one| one.description.clone()),
            name,
        }
    };
    Ok(attributes.into_iter().map(described).collect())
}

/// Normalizers of the attributes with those names in the attribute set.
fn normalizers(options: &AiOptions, names: &[String]) -> Result<AttributeNormalizers> {
    let set = described_set(options)?;
    let normalizer = |name: &String| {
        let known = set.attributes.iter().find(|one| same_name(&one.name, name));
        known.map(ValueNormalizer::new).transpose()
    };
    let normalizers: InferenceResult<Vec<_>> = names.iter().map(normalizer).collect();
    Ok(AttributeNormalizers::new(
        normalizers.map_err(to_datafusion)?,
    ))
}

fn described_set(options: &AiOptions) -> Result<Arc<AttributeSet>> {
    let name = options.settings.attributes.as_deref();
    let set = options.runtime.attribute_set(name.unwrap_or(BUILT_IN_SET));
    set.map_err(to_datafusion)
}

fn unknown_model<T>(call: &TaskArguments<'_>, model: &str) -> Result<T> {
    let runtime = &call.options.runtime;
    let mut names = model_names();
    names.extend(
        runtime
            .language_models()
            .list()
            .iter()
            .map(|one| one.options().name.clone()),
    );
    names.extend(runtime.attribute_sets().iter().map(|set| set.name.clone()));
    plan_err!(
        "{} finds no model '{model}'; trained models, language models and attribute sets are {}",
        call.function,
        names.join(", ")
    )
}
