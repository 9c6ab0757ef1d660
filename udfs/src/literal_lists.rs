//! Lists of literal texts as literals.
//!
//! DataFusion plans `['a', 'b']` as a call of `make_array`, whose value is unknown while
//! the types of an expression are computed. The type of `ai_extract` depends on the list.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult};

/// Plans lists of literal texts, and leaves other lists to the next planner.
#[derive(Debug)]
pub struct LiteralListPlanner;

impl LiteralListPlanner {
    /// `planners` with this one first, unless it is there.
    pub fn add_to(planners: &[Arc<dyn ExprPlanner>]) -> Vec<Arc<dyn ExprPlanner>> {
        // Planners have no type to compare, only their debug form.
        let own = format!("{Self:?}");
        let has_own = planners.iter().any(|planner| format!("{planner:?}") == own);
        let first: Option<Arc<dyn ExprPlanner>> = (!has_own).then(|| Arc::new(Self) as _);
        first.into_iter().chain(planners.iter().cloned()).collect()
    }
}

impl ExprPlanner for LiteralListPlanner {
    fn plan_array_literal(
        &self,
        exprs: Vec<Expr>,
        _: &DFSchema,
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let text = |expr: &Expr| match expr {
            Expr::Literal(value @ ScalarValue::Utf8(_), None) => Some(value.clone()),
            Expr::Literal(ScalarValue::Null, None) if exprs.len() == 1 => {
                Some(ScalarValue::Utf8(None))
            }
            _ => None,
        };
        let texts: Option<Vec<ScalarValue>> = exprs.iter().map(text).collect();
        Ok(match texts {
            Some(texts) if !texts.is_empty() => {
                let list = ScalarValue::new_list_nullable(&texts, &DataType::Utf8);
                PlannerResult::Planned(Expr::Literal(ScalarValue::List(list), None))
            }
            _ => PlannerResult::Original(exprs),
        })
    }
}
