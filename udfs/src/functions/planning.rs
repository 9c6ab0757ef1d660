//! What the functions share while a query is planned: argument types, literal
//! arguments, settings.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::config::ConfigOptions;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::ExprSimplifyResult;
use datafusion::logical_expr::{Expr, ReturnFieldArgs, Signature, Volatility};
use datafusion::scalar::ScalarValue;
use tokio_util::sync::CancellationToken;

use crate::options::{AiOptions, Mode, Settings};
use crate::runtime::ModelFacts;
use crate::taxonomy::Taxonomy;

/// What an argument is for, which decides the types it takes.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// Any of the three string types.
    Text,
    /// A list of strings, the same for every row.
    Labels,
    /// A string literal.
    Model,
}

/// One argument: its name in SQL and its kind.
pub type Argument = (&'static str, Kind);

/// A signature whose arguments can be named. The types are checked by
/// [`coerce`], which words the errors.
pub fn signature(arguments: &[Argument]) -> Signature {
    // Stable, not immutable: the answer hangs on the session's settings.
    let signature = Signature::user_defined(Volatility::Stable);
    let names: Vec<&str> = arguments.iter().map(|(name, _)| *name).collect();
    signature
        .clone()
        .with_parameter_names(names)
        .unwrap_or(signature)
}

/// The types that `given` arguments are cast to: strings stay as they are.
pub fn coerce(
    function: &str,
    arguments: &[Argument],
    required: usize,
    given: &[DataType],
) -> Result<Vec<DataType>> {
    if given.len() < required || given.len() > arguments.len() {
        let shown: Vec<String> = arguments
            .iter()
            .enumerate()
            .map(|(i, (name, _))| {
                if i < required {
                    name.to_string()
                } else {
                    format!("[{name}]")
                }
            })
            .collect();
        return plan_err!(
            "{function} takes {}, and {} arguments are given: write {function}({})",
            if required == arguments.len() {
                format!("{required} arguments")
            } else {
                format!("{required} to {} arguments", arguments.len())
            },
            given.len(),
            shown.join(", ")
        );
    }
    given
        .iter()
        .zip(arguments)
        .enumerate()
        .map(|(position, (given, (name, kind)))| {
            let fits = match kind {
                Kind::Text | Kind::Model => text_type(given),
                Kind::Labels => list_type(given),
            };
            match fits {
                Some(fits) => Ok(fits),
                None => plan_err!(
                    "argument {} of {function}, {name}, must be {}, and this is {given}{}",
                    position + 1,
                    match kind {
                        Kind::Text => "text",
                        Kind::Labels => "an array of text such as ['a', 'b']",
                        Kind::Model => "the name of a model",
                    },
                    if *kind == Kind::Text {
                        ": CAST(... AS VARCHAR) makes text of it"
                    } else {
                        ""
                    }
                ),
            }
        })
        .collect()
}

fn text_type(given: &DataType) -> Option<DataType> {
    match given {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(given.clone()),
        DataType::Null => Some(DataType::Utf8),
        DataType::Dictionary(_, values) => text_type(values),
        DataType::RunEndEncoded(_, values) => text_type(values.data_type()),
        _ => None,
    }
}

fn list_type(given: &DataType) -> Option<DataType> {
    let text = || DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
    match given {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => text_type(item.data_type()).map(|_| text()),
        DataType::Null => Some(text()),
        _ => None,
    }
}

/// The session's options as they stand when a function is made or run.
pub fn options(config: &ConfigOptions, before: &AiOptions) -> AiOptions {
    config
        .extensions
        .get::<AiOptions>()
        .unwrap_or(before)
        .clone()
}

/// Options of a registered function after the settings of its session changed.
/// The function outlives the statement that changed them and keeps its own
/// token: that of the statement may be cancelled later.
pub fn updated(config: &ConfigOptions, before: &AiOptions) -> AiOptions {
    AiOptions {
        cancel: before.cancel.clone(),
        ..options(config, before)
    }
}

/// The token of a call: that of the session which runs it, or of `before`, the
/// function's options, where that session has none.
pub fn cancel_token(config: &ConfigOptions, before: &AiOptions) -> CancellationToken {
    let options = config.extensions.get::<AiOptions>().unwrap_or(before);
    options.cancel.clone()
}

/// The settings of a call whose `model` argument, if any, is at `position`.
///
/// # Errors
/// A model argument that is not a literal: one query has one model a call.
pub fn with_model(
    settings: &Settings,
    function: &str,
    position: usize,
    args: &ReturnFieldArgs<'_>,
) -> Result<Settings> {
    let mut settings = settings.clone();
    if args.arg_fields.len() > position {
        match args
            .scalar_arguments
            .get(position)
            .copied()
            .flatten()
            .map(ScalarValue::try_as_str)
        {
            Some(Some(Some(model))) => settings.model = model.to_string(),
            _ => {
                return plan_err!(
                    "the model argument of {function} must be a literal such as 'e5-small-v2'"
                );
            }
        }
    }
    Ok(settings)
}

/// The settings with the model that a literal names.
pub fn named(settings: &Settings, model: &ScalarValue) -> Settings {
    let mut settings = settings.clone();
    if let Some(Some(model)) = model.try_as_str() {
        settings.model = model.to_string();
    }
    settings
}

/// Refuses a label list that cannot be chosen from, if it is known by now.
///
/// # Errors
/// One label, a blank one, one given twice.
pub fn check_labels(position: usize, args: &ReturnFieldArgs<'_>) -> Result<()> {
    match args.scalar_arguments.get(position).copied().flatten() {
        Some(labels) => taxonomy_of(labels).map(|_| ()),
        None => Ok(()),
    }
}

/// The same for the expressions of a call, once `['a', 'b']` has become a
/// literal: the optimizer asks, so that a bad list fails on an empty table too.
///
/// # Errors
/// One label, a blank one, one given twice.
pub fn check_label_literal(position: usize, args: Vec<Expr>) -> Result<ExprSimplifyResult> {
    if let Some(Expr::Literal(labels, _)) = args.get(position) {
        taxonomy_of(labels)?;
    }
    Ok(ExprSimplifyResult::Original(args))
}

/// The taxonomy of bare labels that a list value stands for.
pub fn taxonomy_of(labels: &ScalarValue) -> Result<Taxonomy> {
    let array = match labels {
        ScalarValue::List(list) if !labels.is_null() => list.value(0),
        _ => {
            return plan_err!(
                "the labels are NULL; give an array of two or more, such as ['a', 'b']"
            );
        }
    };
    let array = arrow::compute::cast(&array, &DataType::Utf8)?;
    let names: Vec<String> = arrow::array::AsArray::as_string::<i32>(&array)
        .iter()
        .map(|name| name.unwrap_or_default().to_string())
        .collect();
    let taxonomy = Taxonomy::from_labels(&names);
    match taxonomy.validate() {
        Ok(()) => Ok(taxonomy),
        Err(why) => plan_err!("{why}"),
    }
}

/// The field of a vector: it remembers the model that made it.
pub fn vector_field(facts: &ModelFacts) -> Field {
    let item = Arc::new(Field::new_list_field(DataType::Float32, true));
    let provenance = HashMap::from([
        ("semql.model".to_string(), facts.name.clone()),
        ("semql.revision".to_string(), facts.revision.clone()),
        ("semql.pooling".to_string(), facts.pooling.clone()),
        ("semql.precision".to_string(), facts.precision.clone()),
    ]);
    let vector = DataType::FixedSizeList(item, facts.dims as i32);
    Field::new("", vector, true).with_metadata(provenance)
}

/// Where answers come from: what has to be the same for them to be comparable.
pub fn provenance(
    facts: &ModelFacts,
    settings: &Settings,
    taxonomy: Option<&Taxonomy>,
) -> HashMap<String, String> {
    let mode = match settings.mode {
        Mode::Exact => "exact",
        Mode::Fast => "fast",
    };
    let named = |taxonomy: &Taxonomy| format!("{}@{}", taxonomy.name, taxonomy.fingerprint());
    let mut provenance = HashMap::from([
        ("semql.model".to_string(), facts.name.clone()),
        ("semql.revision".to_string(), facts.revision.clone()),
        ("semql.precision".to_string(), facts.precision.clone()),
        ("semql.mode".to_string(), mode.to_string()),
    ]);
    provenance.extend(taxonomy.map(|taxonomy| ("semql.taxonomy".to_string(), named(taxonomy))));
    provenance
}
