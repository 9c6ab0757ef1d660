//! The SQL functions: one file each, and this list.

use datafusion::error::Result;
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;

use crate::options::AiOptions;

mod ai_classify;
mod ai_classify_scores;
mod ai_count_tokens;
mod ai_models;
mod ai_similarity;
mod arguments;
mod categorize;
mod embed;
mod planning;

/// Every scalar function, with the settings it starts with.
pub fn scalar_functions(options: &AiOptions) -> Vec<ScalarUDF> {
    vec![
        ScalarUDF::from(embed::Embed::new(options.clone())),
        ScalarUDF::from(categorize::Categorize::new(options.clone())),
        ScalarUDF::from(ai_classify::AiClassify::new(options.clone())),
        ScalarUDF::from(ai_classify_scores::AiClassifyScores::new(options.clone())),
        ScalarUDF::from(ai_similarity::AiSimilarity::new(options.clone())),
        ScalarUDF::from(ai_count_tokens::AiCountTokens::new(options.clone())),
    ]
}

/// Registers the scalar functions and the table functions.
pub(crate) fn register(ctx: &SessionContext, options: &AiOptions) -> Result<()> {
    for function in scalar_functions(options) {
        ctx.register_udf(function);
    }
    ctx.register_udtf("ai_models", ai_models::AiModels::new(options.clone()));
    Ok(())
}
