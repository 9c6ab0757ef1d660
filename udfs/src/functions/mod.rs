//! The SQL functions: one file each, and this list.

use datafusion::error::Result;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::prelude::SessionContext;

use crate::options::AiOptions;

mod ai_cache_clear;
mod ai_cache_stats;
mod ai_classify;
mod ai_classify_scores;
mod ai_count_tokens;
mod ai_label_doubts;
mod ai_models;
mod ai_predict;
mod ai_similarity;
mod ai_trained_models;
mod arguments;
mod categorize;
mod embed;
mod evaluate;
mod explain_label;
mod labels;
mod model_function;
mod planning;

pub(crate) use arguments::Texts;
pub(crate) use labels::{chosen, classifier};
pub(crate) use model_function::{Call, ChoosesLabel, Model, ModelFunction, ModelUdf};
pub(crate) use planning::Kind;

/// Every function that asks a model.
const MODEL_FUNCTIONS: &[&dyn ModelFunction] = &[
    &embed::Embed,
    &categorize::Categorize,
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
    functions
}

/// Every aggregate function.
pub fn aggregate_functions() -> Vec<AggregateUDF> {
    evaluate::aggregates()
}

/// Registers the scalar, aggregate and table functions.
pub(crate) fn register(ctx: &SessionContext, options: &AiOptions) -> Result<()> {
    for function in scalar_functions(options) {
        ctx.register_udf(function);
    }
    for aggregate in aggregate_functions() {
        ctx.register_udaf(aggregate);
    }
    ctx.register_udtf("ai_models", ai_models::AiModels::new(options.clone()));
    let trained = ai_trained_models::AiTrainedModels::new(options.clone());
    ctx.register_udtf("ai_trained_models", trained);
    let doubts = ai_label_doubts::AiLabelDoubts::new(options.clone());
    ctx.register_udtf("ai_label_doubts", doubts);
    let stats = ai_cache_stats::AiCacheStats::new(options.clone());
    ctx.register_udtf("ai_cache_stats", stats);
    Ok(())
}
