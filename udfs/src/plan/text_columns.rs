//! Names of the text columns of tasks, which `ai_extract_details` returns.
//!
//! They are stored in the functions of calls before other rules rename columns.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, LogicalPlan, ScalarUDF};

use crate::functions::{TaskUdf, text_column_names};

/// Stores the names of text columns in all calls of tasks.
pub fn name_text_columns(plan: LogicalPlan) -> Result<LogicalPlan> {
    let named = plan.transform_down_with_subqueries(|plan| {
        // The names of outputs do not change, since those of the functions do not.
        plan.map_expressions(|expr| expr.transform_up(|expr| Ok(named_call(expr))))
    })?;
    Ok(named.data)
}

fn named_call(expr: Expr) -> Transformed<Expr> {
    let Expr::ScalarFunction(call) = &expr else {
        return Transformed::no(expr);
    };
    let Some(udf) = call.func.inner().downcast_ref::<TaskUdf>() else {
        return Transformed::no(expr);
    };
    if udf.has_columns() {
        return Transformed::no(expr);
    }
    let names = text_column_names(&call.args);
    let function = ScalarUDF::from(udf.with_columns(names));
    Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(
        Arc::new(function),
        call.args.clone(),
    )))
}
