//! Start of a plan: its progress, and a notice about texts that leave the process.

use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;
use semql_udfs::plan::{LanguageModelEstimate, language_model_estimates};

use super::observer::StatementObserver;

/// Reports that a plan starts, after the calls of language models in it.
pub fn start_plan(observer: &dyn StatementObserver, plan: &Arc<dyn ExecutionPlan>) {
    report_calls(observer, plan);
    observer.plan_started(plan);
}

/// Reports the calls of language models in a plan.
fn report_calls(observer: &dyn StatementObserver, plan: &Arc<dyn ExecutionPlan>) {
    for estimate in language_model_estimates(plan) {
        report_call(observer, &estimate);
    }
}

/// Reports that texts leave the process: for which model, to which address, at what cost.
pub fn report_call(observer: &dyn StatementObserver, estimate: &LanguageModelEstimate) {
    observer.notice(&format!("Texts leave this process: {estimate}."));
}
