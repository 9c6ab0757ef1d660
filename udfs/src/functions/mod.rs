//! The SQL functions: one file each, and this list.

use datafusion::error::Result;
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;

use crate::options::AiOptions;

mod ai_cache_clear;
mod ai_cache_stats;
mod ai_classify;
mod ai_classify_scores;
mod ai_count_tokens;
mod ai_models;
mod ai_similarity;
mod arguments;
mod categorize;
mod embed;
mod labels;
mod model_function;
mod planning;

pub(crate) use model_function::{Call, Model, ModelFunction, ModelUdf};
pub(crate) use planning::Kind;

/// Every function that asks a model.
const MODEL_FUNCTIONS: &[&dyn ModelFunction] = &[
    &embed::Embed,
    &categorize::Categorize,
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
    functions
}

/// Registers the scalar functions and the table functions.
pub(crate) fn register(ctx: &SessionContext, options: &AiOptions) -> Result<()> {
    for function in scalar_functions(options) {
        ctx.register_udf(function);
    }
    ctx.register_udtf("ai_models", ai_models::AiModels::new(options.clone()));
    let stats = ai_cache_stats::AiCacheStats::new(options.clone());
    ctx.register_udtf("ai_cache_stats", stats);
    Ok(())
}
