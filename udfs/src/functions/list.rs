//! The list of functions.

use std::sync::Arc;

use datafusion::catalog::TableFunctionImpl;
use datafusion::logical_expr::{AggregateUDF, Expr, ScalarUDF, WindowUDF};

use super::ai_cache_clear::AiCacheClear;
use super::ai_cache_stats::AiCacheStats;
use super::ai_classify::AiClassify;
use super::ai_classify_adapted::AiClassifyAdapted;
use super::ai_classify_multi::AiClassifyMulti;
use super::ai_classify_scores::AiClassifyScores;
use super::ai_classify_status::AiClassifyStatus;
use super::ai_complete::{self, AiComplete};
use super::ai_count_tokens::{self, AiCountTokens};
use super::ai_devices::AiDevices;
use super::ai_extract::{AI_EXTRACT, AI_EXTRACT_DETAILS};
use super::ai_filter::{self, AiFilter};
use super::ai_language::{self, AiLanguage};
use super::ai_models::AiModels;
use super::ai_predict::{self, AiPredict};
use super::ai_runs::AiRuns;
use super::ai_similarity::AiSimilarity;
use super::ai_trained_models::AiTrainedModels;
use super::categorize::Categorize;
use super::categorize_scores::CategorizeScores;
use super::contrast::{self, Contrast};
use super::embed::Embed;
use super::estimate_mean::EstimateMean;
use super::estimate_shares::EstimateShares;
use super::explain_label::ExplainLabel;
use super::kmeans::KMeans;
use super::l2_normalize::L2Normalize;
use super::model_function::ModelFunction;
use super::model_udf::ModelUdf;
use super::parameters::{ArgumentType, Parameters};
use super::pca::Pca;
use super::tasks::{TaskFunction, TaskUdf};
use super::top_terms::{self, TopTerms};
use super::tsne::TSne;
use super::vector_window::{VectorWindowFunction, VectorWindowUdf};
use super::word2vec::{self, Word2Vec};
use super::{
    ai_label_conflicts, ai_label_doubts, ai_misaligned_values, evaluate, sum_vectors,
    vector_kernels,
};
use crate::options::AiOptions;

/// Every function that needs the vectors of a model.
const MODEL_FUNCTIONS: &[&dyn ModelFunction] = &[
    &Embed,
    &Categorize,
    &CategorizeScores,
    &ExplainLabel,
    &AiClassify,
    &AiClassifyScores,
    &AiClassifyMulti,
    &AiClassifyStatus,
    &AiSimilarity,
];

/// Every function of the texts of a row.
const TASK_FUNCTIONS: &[&dyn TaskFunction] =
    &[&AI_EXTRACT, &AI_EXTRACT_DETAILS, &AiComplete, &AiFilter];

/// Every window function over the vectors of a partition.
const VECTOR_WINDOW_FUNCTIONS: &[&dyn VectorWindowFunction] =
    &[&KMeans, &Pca, &TSne, &AiClassifyAdapted];

/// Every scalar function, with initial settings.
pub fn scalar_functions(options: &AiOptions) -> Vec<ScalarUDF> {
    let mut functions: Vec<ScalarUDF> = MODEL_FUNCTIONS
        .iter()
        .map(|function| ModelUdf::new(*function, options.clone()).into())
        .collect();
    functions.extend(
        TASK_FUNCTIONS
            .iter()
            .map(|function| TaskUdf::new(*function, options.clone()).into()),
    );
    functions.push(AiCountTokens::new(options.clone()).into());
    functions.push(AiCacheClear::new(options.clone()).into());
    functions.push(AiLanguage::new().into());
    functions.extend(ai_predict::functions(options));
    functions.extend(vector_kernels::functions());
    functions.push(L2Normalize::new().into());
    functions
}

/// Every aggregate function, with initial settings.
pub fn aggregate_functions(options: &AiOptions) -> Vec<AggregateUDF> {
    let mut functions = evaluate::aggregates();
    functions.push(EstimateShares::new().into());
    functions.push(EstimateMean::new().into());
    functions.extend(sum_vectors::aggregates());
    functions.push(TopTerms::new().into());
    functions.push(Word2Vec::new(options.clone()).into());
    functions.push(Contrast::new(options.clone()).into());
    functions
}

/// Every window function, with initial settings.
pub fn window_functions(options: &AiOptions) -> Vec<WindowUDF> {
    VECTOR_WINDOW_FUNCTIONS
        .iter()
        .map(|function| VectorWindowUdf::new(*function, options.clone()).into())
        .collect()
}

/// Every table function without table arguments.
pub(crate) fn table_functions(
    options: &AiOptions,
) -> Vec<(&'static str, Arc<dyn TableFunctionImpl>)> {
    let options = || options.clone();
    vec![
        ("ai_devices", AiDevices::new(options())),
        ("ai_models", AiModels::new(options())),
        ("ai_trained_models", AiTrainedModels::new(options())),
        ("ai_runs", AiRuns::new(options())),
        ("ai_label_doubts", ai_label_doubts::function(options())),
        (
            "ai_label_conflicts",
            ai_label_conflicts::function(options()),
        ),
        (
            "ai_misaligned_values",
            ai_misaligned_values::function(options()),
        ),
        ("ai_cache_stats", AiCacheStats::new(options())),
    ]
}

/// The model function with that name.
pub(crate) fn model_function(name: &str) -> Option<&'static dyn ModelFunction> {
    let mut all = MODEL_FUNCTIONS.iter().copied();
    all.find(|function| function.name() == name)
}

/// Parameters of functions that are no model functions and no window functions.
const OTHER_PARAMETERS: &[Parameters] = &[
    ai_complete::PARAMETERS,
    ai_count_tokens::PARAMETERS,
    ai_filter::PARAMETERS,
    ai_language::PARAMETERS,
    contrast::PARAMETERS,
    top_terms::PARAMETERS,
    word2vec::PARAMETERS,
];

/// Names of the parameters of a function, and how many of them a call must have. NULL
/// stands for the default of the others.
pub fn parameter_names(function: &str) -> Option<(Vec<&'static str>, usize)> {
    let is_called = |name: &str| name.eq_ignore_ascii_case(function);
    let models = MODEL_FUNCTIONS.iter().map(|function| function.spec());
    let mut models = models.map(|spec| (spec.parameters, spec.aliases));
    let windows = VECTOR_WINDOW_FUNCTIONS
        .iter()
        .map(|function| function.parameters());
    let mut others = windows.chain(OTHER_PARAMETERS);
    let called = models.find(|(parameters, aliases)| {
        is_called(parameters.function) || aliases.iter().any(|alias| is_called(alias))
    });
    let parameters = match called {
        Some((parameters, _)) => parameters,
        None => *others.find(|parameters| is_called(parameters.function))?,
    };
    let names = parameters.list.iter().map(|(name, _)| *name);
    Some((names.collect(), parameters.required))
}

/// Position of the argument `model` of a model function: `None` for other functions,
/// `Some(None)` for a model function without that argument.
pub fn model_argument(function: &str) -> Option<Option<usize>> {
    let specs = MODEL_FUNCTIONS.iter().map(|function| function.spec());
    let mut called = specs.filter(|spec| {
        let mut names = std::iter::once(&spec.parameters.function).chain(spec.aliases);
        names.any(|name| name.eq_ignore_ascii_case(function))
    });
    called
        .next()
        .map(|spec| spec.parameters.position(ArgumentType::Model))
}

/// `function` as a model function, if it is one.
pub(crate) fn as_model_udf(function: &ScalarUDF) -> Option<&ModelUdf> {
    function.inner().downcast_ref()
}

/// Whether the results of `function` depend on models of `CREATE MODEL`.
pub(crate) fn reads_trained_models(function: &ScalarUDF) -> bool {
    function.inner().is::<AiPredict>() || function.inner().is::<TaskUdf>()
}

/// Options of a scalar function that has options and is not a model function.
pub(crate) fn scalar_options(function: &ScalarUDF) -> Option<&AiOptions> {
    let function = function.inner().downcast_ref::<AiCountTokens>();
    function.map(|function| &function.options)
}

/// Options of an aggregate function, if it has any.
pub(crate) fn aggregate_options(function: &AggregateUDF) -> Option<&AiOptions> {
    let function = function.inner();
    let word2vec = function.downcast_ref::<Word2Vec>();
    let word2vec = word2vec.map(|function| &function.options);
    let contrast = function.downcast_ref::<Contrast>();
    word2vec.or(contrast.map(|function| &function.options))
}

/// `function` as a window function over vectors, if it is one.
pub(crate) fn as_vector_window(function: &WindowUDF) -> Option<&VectorWindowUdf> {
    function.inner().downcast_ref()
}

/// Options of a window function, if it has any.
pub(crate) fn window_options(function: &WindowUDF) -> Option<&AiOptions> {
    as_vector_window(function).map(|function| &function.options)
}

/// A call of `embed`.
pub(crate) fn embed_call(options: &AiOptions, args: Vec<Expr>) -> Expr {
    ScalarUDF::from(ModelUdf::new(&Embed, options.clone())).call(args)
}
