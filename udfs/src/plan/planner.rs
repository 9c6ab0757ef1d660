//! Physical planning of the node [`Infer`].

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Expr, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use datafusion::scalar::ScalarValue;
use tokio_util::sync::CancellationToken;

use super::calls::LiftedCall;
use super::exec::InferExec;
use super::node::{Infer, NamedCall};
use super::physical_call::{ComputedColumn, PhysicalCall};
use super::task_call::TaskCall;
use crate::functions::{ArgumentType, TaskUdf};
use crate::options::cancel_token;

/// Extension planner of the nodes that [`LiftModelCalls`](super::LiftModelCalls)
/// creates.
#[derive(Debug, Default)]
pub struct InferPlanner;

#[async_trait]
impl ExtensionPlanner for InferPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(infer) = node.as_any().downcast_ref::<Infer>() else {
            return Ok(None);
        };
        let [input] = physical_inputs else {
            return plan_err!("Infer has one input, and not {}", physical_inputs.len());
        };
        let physical = |expr: &Expr| -> Result<Arc<dyn PhysicalExpr>> {
            planner.create_physical_expr(expr, infer.input.schema(), session, context)
        };
        let cancel = cancel_token(session.config_options());
        let columns = infer
            .calls
            .iter()
            .map(|NamedCall { name, call }| {
                computed_column(name, call, &physical, &input.schema(), &cancel)
            })
            .collect::<Result<Vec<_>>>()?;
        let schema = Arc::clone(UserDefinedLogicalNodeCore::schema(infer).inner());
        let exec = InferExec::try_new(Arc::clone(input), columns, schema)?;
        Ok(Some(Arc::new(exec)))
    }
}

fn computed_column(
    name: &str,
    expr: &Expr,
    physical: &dyn Fn(&Expr) -> Result<Arc<dyn PhysicalExpr>>,
    schema: &Schema,
    cancel: &CancellationToken,
) -> Result<ComputedColumn> {
    let (call, udf) = match LiftedCall::of(expr) {
        Some(LiftedCall::Model(call, udf)) => (call, udf),
        Some(LiftedCall::Task(call, udf)) => {
            let task = task_call(format!("{expr} AS {name}"), call, &udf, physical, schema)?;
            return Ok(ComputedColumn::Task(Box::new(task)));
        }
        // The simplifier may have replaced the call.
        None => return Ok(ComputedColumn::Plain(physical(expr)?)),
    };
    let at = udf.function.spec().parameters.position(ArgumentType::Model);
    let model = match at.and_then(|at| call.args.get(at)) {
        Some(Expr::Literal(model, _)) => Some(model),
        _ => None,
    };
    let (runtime, settings) = (&udf.options.runtime, udf.settings(model));
    Ok(ComputedColumn::Call(Box::new(PhysicalCall {
        display_name: format!("{expr} AS {name}"),
        function: udf.function,
        runtime: Arc::clone(runtime),
        planned_model: runtime.facts_with_cancel(&settings, cancel).ok(),
        settings,
        args: call.args.iter().map(physical).collect::<Result<_>>()?,
    })))
}

fn task_call(
    display_name: String,
    call: &ScalarFunction,
    udf: &TaskUdf,
    physical: &dyn Fn(&Expr) -> Result<Arc<dyn PhysicalExpr>>,
    schema: &Schema,
) -> Result<TaskCall> {
    let args: Vec<_> = call.args.iter().map(physical).collect::<Result<_>>()?;
    let types = args.iter().map(|arg| arg.data_type(schema));
    let types: Vec<DataType> = types.collect::<Result<_>>()?;
    fn literal(arg: &Expr) -> Option<&ScalarValue> {
        match arg {
            Expr::Literal(value, _) => Some(value),
            _ => None,
        }
    }
    let literals: Vec<Option<&ScalarValue>> = call.args.iter().map(literal).collect();
    let resolved = udf.resolve(&types, &literals)?;
    Ok(TaskCall {
        display_name,
        task: Arc::new(resolved.task),
        columns: udf.columns(resolved.texts),
        runtime: Arc::clone(&udf.options.runtime),
        settings: udf.options.settings.clone(),
        texts: args.into_iter().take(resolved.texts).collect(),
    })
}
