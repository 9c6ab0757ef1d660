//! Start of a plan: its progress, and a notice about texts that leave the process.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;
use semql_udfs::plan::{LanguageModelEstimate, language_model_estimates};

use super::observer::StatementObserver;

/// Functions that a language model may answer.
const LANGUAGE_MODEL_FUNCTIONS: &[&str] = &[
    "ai_classify",
    "ai_complete",
    "ai_extract",
    "ai_extract_details",
    "ai_filter",
];

/// Reports that a plan starts, after the calls of language models in it.
pub fn start_plan(observer: &dyn StatementObserver, plan: &Arc<dyn ExecutionPlan>) {
    report_calls(observer, plan);
    observer.plan_started(plan);
}

/// Reports the calls of language models in a plan.
pub fn report_calls(observer: &dyn StatementObserver, plan: &Arc<dyn ExecutionPlan>) {
    for estimate in language_model_estimates(plan) {
        report_call(observer, &estimate);
    }
}

/// Reports that texts leave the process: for which model, to which address, at what cost.
pub fn report_call(observer: &dyn StatementObserver, estimate: &LanguageModelEstimate) {
    observer.notice(&format!("Texts leave this process: {estimate}."));
}

/// Whether a plan has a function that a language model may answer.
///
/// # Errors
/// Those of the engine's traversal.
pub fn may_call_language_models(plan: &LogicalPlan) -> Result<bool> {
    let is_call = |expr: &Expr| match expr {
        Expr::ScalarFunction(call) => LANGUAGE_MODEL_FUNCTIONS.contains(&call.func.name()),
        _ => false,
    };
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found |= expr.exists(|expr| Ok(is_call(expr)))?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(match found {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Session, SessionOptions};

    async fn calls(session: &Session, sql: &str) -> bool {
        let plan = session.ctx.state().create_logical_plan(sql).await;
        may_call_language_models(&plan.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn calls_are_found_in_all_expressions() {
        let session = Session::open(&SessionOptions::default()).await.unwrap();
        let rows = "(SELECT 'red shoes' AS a)";
        for sql in [
            format!("SELECT ai_extract(a, ['color']) FROM {rows}"),
            format!("SELECT upper(ai_extract(a, ['color'])['color']) FROM {rows}"),
            format!("SELECT a FROM {rows} WHERE ai_extract(a, ['color'])['color'] IS NULL"),
            format!("SELECT 1 IN (SELECT length(ai_extract(a, ['color'])['color']) FROM {rows})"),
        ] {
            assert!(calls(&session, &sql).await, "{sql}");
        }
        let other = format!("SELECT upper(a) FROM {rows}");
        assert!(!calls(&session, &other).await);
    }
}
