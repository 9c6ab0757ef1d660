//! The logical node, and its physical planning.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::FieldRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, DFSchemaRef, TableReference, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

use super::exec::{VectorJoinExec, added_fields};
use semql_inference::vector::NeighbourLimit;

/// The pairs of rows with similar vectors: the columns of both sides and, for the nearest
/// rows, the cosine and the rank of the pair.
#[derive(Clone, Debug)]
pub struct VectorJoin {
    left: Arc<LogicalPlan>,
    right: Arc<LogicalPlan>,
    /// The vectors, as expressions over the two sides.
    on: [Expr; 2],
    limit: NeighbourLimit,
    schema: DFSchemaRef,
}

impl VectorJoin {
    /// # Errors
    /// For columns of the two sides that have the same name.
    pub fn new(
        left: Arc<LogicalPlan>,
        right: Arc<LogicalPlan>,
        on: [Expr; 2],
        limit: NeighbourLimit,
    ) -> Result<Self> {
        let sides = left.schema().iter().chain(right.schema().iter());
        let mut fields: Vec<(Option<TableReference>, FieldRef)> = sides
            .map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field)))
            .collect();
        fields.extend(
            added_fields(limit)
                .into_iter()
                .map(|field| (None, Arc::new(field))),
        );
        let metadata = left.schema().metadata().clone();
        let schema = Arc::new(DFSchema::new_with_metadata(fields, metadata)?);
        Ok(Self {
            left,
            right,
            on,
            limit,
            schema,
        })
    }

    pub fn into_plan(self) -> LogicalPlan {
        LogicalPlan::Extension(Extension {
            node: Arc::new(self),
        })
    }

    fn pairs(&self) -> String {
        match self.limit {
            NeighbourLimit::TopK(1) => "the nearest".to_string(),
            NeighbourLimit::TopK(count) => format!("the {count} nearest"),
            NeighbourLimit::Threshold(cosine) => format!("cosine >= {cosine}"),
        }
    }

    /// The values that nodes are compared by.
    fn identity(&self) -> (&[Expr; 2], String, &LogicalPlan, &LogicalPlan) {
        (&self.on, self.pairs(), &self.left, &self.right)
    }
}

impl UserDefinedLogicalNodeCore for VectorJoin {
    fn name(&self) -> &str {
        "VectorJoin"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.left, &self.right]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.on.to_vec()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let [left, right] = &self.on;
        write!(f, "VectorJoin: {left} ~ {right}, {}", self.pairs())
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let (Ok(on), Ok([left, right])) = (
            <[Expr; 2]>::try_from(exprs),
            <[LogicalPlan; 2]>::try_from(inputs),
        ) else {
            return plan_err!("VectorJoin has two inputs and two expressions");
        };
        let on = on.map(|expr| expr.unalias_nested().data);
        Self::new(Arc::new(left), Arc::new(right), on, self.limit)
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        // The optimizer adds the columns of `expressions`.
        let (left, right) = (
            self.left.schema().fields().len(),
            self.right.schema().fields().len(),
        );
        let of = |from: usize, to: usize| -> Vec<usize> {
            let own = output_columns.iter().filter(|at| (from..to).contains(at));
            own.map(|at| at - from).collect()
        };
        Some(vec![of(0, left), of(left, left + right)])
    }
}

impl PartialEq for VectorJoin {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for VectorJoin {}

impl Hash for VectorJoin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl PartialOrd for VectorJoin {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.identity().partial_cmp(&other.identity())
    }
}

/// Extension planner of [`VectorJoin`].
#[derive(Debug, Default)]
pub struct VectorJoinPlanner;

#[async_trait]
impl ExtensionPlanner for VectorJoinPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(join) = node.as_any().downcast_ref::<VectorJoin>() else {
            return Ok(None);
        };
        let [left, right] = physical_inputs else {
            return plan_err!("VectorJoin has two inputs");
        };
        let physical = |expr: &Expr, side: &LogicalPlan| {
            planner.create_physical_expr(expr, side.schema(), session, context)
        };
        let on = [
            physical(&join.on[0], &join.left)?,
            physical(&join.on[1], &join.right)?,
        ];
        let schema = Arc::clone(join.schema.inner());
        let sides = [Arc::clone(left), Arc::clone(right)];
        let columns = (0..schema.fields().len()).collect();
        let exec = VectorJoinExec::try_new(sides, on, join.limit, columns, schema)?;
        Ok(Some(Arc::new(exec)))
    }
}
