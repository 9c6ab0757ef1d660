//! The logical node of an operation over whole tables.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::error::Result;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

use super::exec::{TableOperation, TableOperationExec};

/// An operation and its input tables.
#[derive(Clone)]
pub struct TableOperationNode {
    operation: Arc<dyn TableOperation>,
    inputs: Vec<LogicalPlan>,
    schema: DFSchemaRef,
}

impl TableOperationNode {
    /// The plan of `operation` over `inputs`, which returns rows of `schema`.
    pub fn plan(
        operation: Arc<dyn TableOperation>,
        inputs: Vec<LogicalPlan>,
        schema: &SchemaRef,
    ) -> Result<LogicalPlan> {
        let schema = DFSchema::try_from(Arc::clone(schema))?;
        Ok(LogicalPlan::Extension(Extension {
            node: Arc::new(Self {
                operation,
                inputs,
                schema: Arc::new(schema),
            }),
        }))
    }

    /// The values that nodes are compared by.
    fn identity(&self) -> (&str, String, &[LogicalPlan]) {
        (
            self.operation.name(),
            self.operation.display_arguments(),
            &self.inputs,
        )
    }
}

impl fmt::Debug for TableOperationNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation.name())
    }
}

impl UserDefinedLogicalNodeCore for TableOperationNode {
    fn name(&self) -> &str {
        self.operation.name()
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        self.inputs.iter().collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "{}: {}",
            self.operation.name(),
            self.operation.display_arguments()
        )
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(Self {
            inputs,
            ..self.clone()
        })
    }
}

impl PartialEq for TableOperationNode {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for TableOperationNode {}

impl Hash for TableOperationNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl PartialOrd for TableOperationNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.identity().partial_cmp(&other.identity())
    }
}

/// Extension planner of [`TableOperationNode`].
#[derive(Debug, Default)]
pub struct TableOperationPlanner;

#[async_trait]
impl ExtensionPlanner for TableOperationPlanner {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(tables) = node.as_any().downcast_ref::<TableOperationNode>() else {
            return Ok(None);
        };
        let exec = TableOperationExec::new(
            Arc::clone(&tables.operation),
            physical_inputs.to_vec(),
            Arc::clone(tables.schema.inner()),
        );
        Ok(Some(Arc::new(exec)))
    }
}
