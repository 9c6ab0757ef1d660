//! The SQL functions: one file each, and this list.

use std::sync::Arc;

use datafusion::catalog::TableFunctionImpl;
use datafusion::error::Result;
use datafusion::logical_expr::{AggregateUDF, Expr, ScalarUDF, WindowUDF};
use datafusion::prelude::SessionContext;

use crate::options::AiOptions;

mod ai_cache_clear;
mod ai_cache_stats;
mod ai_classify;
mod ai_classify_scores;
mod ai_count_tokens;
mod ai_label_conflicts;
mod ai_label_doubts;
mod ai_models;
mod ai_predict;
mod ai_similarity;
mod ai_trained_models;
mod arguments;
mod categorize;
mod categorize_scores;
mod embed;
mod evaluate;
mod explain_label;
mod kmeans;
mod l2_normalize;
mod labels;
mod model_function;
mod ordered_vectors;
mod over_vectors;
mod parameters;
mod pca;
mod planning;
mod sum_vectors;
mod top_terms;
mod trained_listing;
mod tsne;
mod vector_kernels;
mod vectors;
mod word2vec;

pub(crate) use arguments::Texts;
pub(crate) use labels::{chosen, classifier};
pub(crate) use model_function::{Call, ChoosesLabel, Model, ModelFunction, ModelUdf};
pub(crate) use planning::Kind;
pub(crate) use vector_kernels::cosine_similarity;
pub(crate) use vectors::{
    Vectors, check as check_vectors, narrow, narrow_type, values_of as vector_values,
};

use over_vectors::{OverVectors, WindowFunction};

/// Every function that asks a model.
const MODEL_FUNCTIONS: &[&dyn ModelFunction] = &[
    &embed::Embed,
    &categorize::Categorize,
    &categorize_scores::CategorizeScores,
    &explain_label::ExplainLabel,
    &ai_classify::AiClassify,
    &ai_classify_scores::AiClassifyScores,
    &ai_similarity::AiSimilarity,
];

/// Every scalar function, with the settings it starts with.
pub fn scalar_functions(options: &AiOptions) -> Vec<ScalarUDF> {
    let mut functions: Vec<ScalarUDF> = MODEL_FUNCTIONS
        .iter()
        .map(|function| ModelUdf::new(*function, options.clone()).into())
        .collect();
    functions.push(ai_count_tokens::AiCountTokens::new(options.clone()).into());
    functions.push(ai_cache_clear::AiCacheClear::new(options.clone()).into());
    functions.extend(ai_predict::functions(options));
    functions.extend(vector_kernels::functions());
    functions.push(l2_normalize::L2Normalize::new().into());
    functions
}

/// The function that asks a model and is called `name`.
pub(crate) fn model_function(name: &str) -> Option<&'static dyn ModelFunction> {
    let mut all = MODEL_FUNCTIONS.iter().copied();
    all.find(|function| function.shape().name == name)
}

/// Place of the argument `model` of a function that asks a model: `None` for any
/// other function, `Some(None)` for one without such an argument.
pub fn model_argument(function: &str) -> Option<Option<usize>> {
    let shapes = MODEL_FUNCTIONS.iter().map(|function| function.shape());
    let mut called = shapes.filter(|shape| {
        let mut names = std::iter::once(&shape.name).chain(shape.aliases);
        names.any(|name| name.eq_ignore_ascii_case(function))
    });
    called.next().map(|shape| shape.position(Kind::Model))
}

/// `function` as one that asks a model, if it is one.
pub(crate) fn as_model_udf(function: &ScalarUDF) -> Option<&ModelUdf> {
    function.inner().downcast_ref()
}

/// Whether the answers of `function` hang on what `CREATE MODEL` made.
pub(crate) fn reads_trained_models(function: &ScalarUDF) -> bool {
    function.inner().is::<ai_predict::AiPredict>()
}

/// The settings behind a scalar function that has some and asks no model.
pub(crate) fn scalar_options(function: &ScalarUDF) -> Option<&AiOptions> {
    let counts = function
        .inner()
        .downcast_ref::<ai_count_tokens::AiCountTokens>();
    counts.map(|counts| &counts.options)
}

/// The settings behind an aggregate function, if it has some.
pub(crate) fn aggregate_options(function: &AggregateUDF) -> Option<&AiOptions> {
    let learns = function.inner().downcast_ref::<word2vec::Word2Vec>();
    learns.map(|learns| &learns.options)
}

/// The settings behind a window function, if it has some.
pub(crate) fn window_options(function: &WindowUDF) -> Option<&AiOptions> {
    let window = function.inner().downcast_ref::<WindowFunction>();
    window.map(|window| &window.options)
}

/// A call of `embed`.
pub(crate) fn embed(options: &AiOptions, args: Vec<Expr>) -> Expr {
    ScalarUDF::from(ModelUdf::new(&embed::Embed, options.clone())).call(args)
}

/// Every aggregate function, with the settings it starts with.
pub fn aggregate_functions(options: &AiOptions) -> Vec<AggregateUDF> {
    let mut functions = evaluate::aggregates();
    functions.extend(sum_vectors::aggregates());
    functions.push(top_terms::TopTerms::new().into());
    functions.push(word2vec::Word2Vec::new(options.clone()).into());
    functions
}

/// Every function over all vectors of a partition.
const OVER_VECTORS: &[&dyn OverVectors] = &[&kmeans::KMeans, &pca::Pca, &tsne::TSne];

/// Every window function, with the settings it starts with.
pub fn window_functions(options: &AiOptions) -> Vec<WindowUDF> {
    let functions = OVER_VECTORS.iter();
    functions
        .map(|function| WindowFunction::new(*function, options.clone()).into())
        .collect()
}

/// Every table function.
fn table_functions(options: &AiOptions) -> Vec<(&'static str, Arc<dyn TableFunctionImpl>)> {
    let own = || options.clone();
    vec![
        ("ai_models", ai_models::AiModels::new(own())),
        (
            "ai_trained_models",
            ai_trained_models::AiTrainedModels::new(own()),
        ),
        ("ai_label_doubts", ai_label_doubts::function(own())),
        ("ai_label_conflicts", ai_label_conflicts::function(own())),
        ("ai_cache_stats", ai_cache_stats::AiCacheStats::new(own())),
    ]
}

/// Registers the scalar, aggregate, window and table functions.
pub(crate) fn register(ctx: &SessionContext, options: &AiOptions) -> Result<()> {
    for function in scalar_functions(options) {
        ctx.register_udf(function);
    }
    for aggregate in aggregate_functions(options) {
        ctx.register_udaf(aggregate);
    }
    for window in window_functions(options) {
        ctx.register_udwf(window);
    }
    for (name, function) in table_functions(options) {
        ctx.register_udtf(name, function);
    }
    Ok(())
}
