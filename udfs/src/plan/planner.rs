//! From the logical node to the operator.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Expr, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use tokio_util::sync::CancellationToken;

use super::calls::model_call;
use super::exec::{Computed, InferExec, PhysicalCall};
use super::node::{Infer, NamedCall};
use super::vector_join::VectorJoinPlanner;
use crate::functions::Kind;
use crate::options::cancel_token;
use crate::relations::TablesPlanner;

/// Plans the nodes that [`LiftModelCalls`](super::LiftModelCalls) makes, for
/// query planners that a program has already.
#[derive(Debug, Default)]
pub struct InferPlanner;

#[async_trait]
impl ExtensionPlanner for InferPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(infer) = node.as_any().downcast_ref::<Infer>() else {
            return Ok(None);
        };
        let [input] = physical_inputs else {
            return plan_err!(
                "Infer has one input, and {} are given",
                physical_inputs.len()
            );
        };
        let physical = |expr: &Expr| -> Result<Arc<dyn PhysicalExpr>> {
            planner.create_physical_expr(expr, infer.input.schema(), session, context)
        };
        let cancel = cancel_token(session.config_options());
        let columns = infer
            .calls
            .iter()
            .map(|NamedCall { name, call }| computed(name, call, &physical, &cancel))
            .collect::<Result<Vec<_>>>()?;
        let schema = Arc::clone(UserDefinedLogicalNodeCore::schema(infer).inner());
        let exec = InferExec::new(Arc::clone(input), columns, schema);
        Ok(Some(Arc::new(exec)))
    }
}

fn computed(
    name: &str,
    expr: &Expr,
    physical: &dyn Fn(&Expr) -> Result<Arc<dyn PhysicalExpr>>,
    cancel: &CancellationToken,
) -> Result<Computed> {
    // The simplifier may have found that a call has only one answer.
    let Some((call, udf)) = model_call(expr) else {
        return Ok(Computed::Plain(physical(expr)?));
    };
    let at = udf.function.shape().position(Kind::Model);
    let model = match at.and_then(|at| call.args.get(at)) {
        Some(Expr::Literal(model, _)) => Some(model),
        _ => None,
    };
    let (runtime, settings) = (&udf.options.runtime, udf.settings(model));
    Ok(Computed::Call(Box::new(PhysicalCall {
        shown: format!("{expr} AS {name}"),
        function: udf.function,
        runtime: Arc::clone(runtime),
        planned: runtime.facts_with_cancel(&settings, cancel).ok(),
        settings,
        args: call.args.iter().map(physical).collect::<Result<_>>()?,
    })))
}

/// DataFusion's query planner, with [`InferPlanner`].
#[derive(Debug, Default)]
pub struct InferQueryPlanner;

#[async_trait]
impl QueryPlanner for InferQueryPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planners: Vec<Arc<dyn ExtensionPlanner + Send + Sync>> = vec![
            Arc::new(InferPlanner),
            Arc::new(TablesPlanner),
            Arc::new(VectorJoinPlanner),
        ];
        DefaultPhysicalPlanner::with_extension_planners(planners)
            .create_physical_plan(plan, session)
            .await
    }
}
