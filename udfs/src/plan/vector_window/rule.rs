//! The physical optimizer rule that plans vector windows.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::windows::{WindowAggExec, WindowUDFExpr};

use super::exec::{VectorWindowCall, VectorWindowExec};

/// Replaces window operators without PARTITION BY all of whose functions are semql's by
/// [`VectorWindowExec`].
#[derive(Debug, Default)]
pub struct PlanVectorWindows;

impl PhysicalOptimizerRule for PlanVectorWindows {
    fn name(&self) -> &str {
        "plan_vector_windows"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let replace = |plan: Arc<dyn ExecutionPlan>| match plan.downcast_ref::<WindowAggExec>() {
            Some(window) => replaced(window, &plan),
            None => Ok(Transformed::no(plan)),
        };
        plan.transform_up(replace).data()
    }
}

fn replaced(
    window: &WindowAggExec,
    plan: &Arc<dyn ExecutionPlan>,
) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let calls: Option<Vec<_>> = window.window_expr().iter().map(vector_call).collect();
    let Some(calls) = calls else {
        return Ok(Transformed::no(Arc::clone(plan)));
    };
    let schema = plan.schema();
    let columns = (0..schema.fields().len()).collect();
    let exec = VectorWindowExec::try_new(Arc::clone(window.input()), calls, columns, schema)?;
    Ok(Transformed::yes(Arc::new(exec)))
}

/// The call of a semql function over the whole table; `None` for others.
fn vector_call(expr: &Arc<dyn WindowExpr>) -> Option<VectorWindowCall> {
    if !expr.partition_by().is_empty() {
        return None;
    }
    let expr = expr.as_any().downcast_ref::<StandardWindowExpr>()?;
    let call = expr.get_standard_func_expr().as_any();
    let call = call.downcast_ref::<WindowUDFExpr>()?;
    VectorWindowCall::new(call.fun(), call.args())
}
