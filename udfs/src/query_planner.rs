//! The query planner of a session with semql.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, TableScan, TableScanBuilder, TableType, UserDefinedLogicalNode,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};

use crate::plan::vector_join::{VectorJoin, VectorJoinPlanner};
use crate::plan::{Infer, InferPlanner};
use crate::relations::{TableOperationNode, TableOperationPlanner};

type SharedQueryPlanner = Arc<dyn QueryPlanner + Send + Sync>;

/// Query planner of plans with semql's nodes.
///
/// Plans without them go to the planner of the host program, if there is one. A plan with
/// them is planned by DataFusion's physical planner. The host's planner then plans the
/// nodes and table sources that no planner here covers, one by one: DataFusion has no
/// interface to add extension planners to a query planner
/// (<https://github.com/apache/datafusion/issues/13943>).
#[derive(Debug, Default)]
pub struct AiQueryPlanner {
    host: Option<SharedQueryPlanner>,
}

impl AiQueryPlanner {
    /// Wraps the query planner of a host program.
    pub fn wrap(host: SharedQueryPlanner) -> Self {
        Self { host: Some(host) }
    }
}

#[async_trait]
impl QueryPlanner for AiQueryPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut planners: Vec<Arc<dyn ExtensionPlanner + Send + Sync>> = vec![
            Arc::new(InferPlanner),
            Arc::new(TableOperationPlanner),
            Arc::new(VectorJoinPlanner),
        ];
        if let Some(host) = &self.host {
            if !has_semql_node(plan)? {
                return host.create_physical_plan(plan, session).await;
            }
            let host = Arc::clone(host);
            planners.push(Arc::new(HostExtensionPlanner { host }));
        }
        DefaultPhysicalPlanner::with_extension_planners(planners)
            .create_physical_plan(plan, session)
            .await
    }
}

fn has_semql_node(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|plan| {
        if let LogicalPlan::Extension(extension) = plan {
            let node = extension.node.as_any();
            found |= node.is::<Infer>() || node.is::<VectorJoin>();
            found |= node.is::<TableOperationNode>();
        }
        Ok(match found {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    })?;
    Ok(found)
}

/// Extension planner that passes single nodes to the query planner of the host program.
struct HostExtensionPlanner {
    host: SharedQueryPlanner,
}

#[async_trait]
impl ExtensionPlanner for HostExtensionPlanner {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let inputs = logical_inputs.iter().zip(physical_inputs);
        let inputs = inputs.map(|(logical, physical)| planned_input(logical, physical));
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let node = node.with_exprs_and_inputs(node.expressions(), inputs)?;
        let plan = LogicalPlan::Extension(Extension { node });
        self.host
            .create_physical_plan(&plan, session)
            .await
            .map(Some)
    }

    async fn plan_table_scan(
        &self,
        _: &dyn PhysicalPlanner,
        scan: &TableScan,
        session: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let plan = LogicalPlan::TableScan(scan.clone());
        self.host
            .create_physical_plan(&plan, session)
            .await
            .map(Some)
    }
}

/// A scan with the schema of `logical` that returns the rows of `physical`.
fn planned_input(logical: &LogicalPlan, physical: &Arc<dyn ExecutionPlan>) -> Result<LogicalPlan> {
    let plan = Arc::clone(physical);
    let source = provider_as_source(Arc::new(PlannedInput { plan }));
    let mut scan = TableScanBuilder::new("planned_input", source).build()?;
    scan.projected_schema = Arc::clone(logical.schema());
    Ok(LogicalPlan::TableScan(scan))
}

/// A table whose rows are those of a physical plan.
#[derive(Debug)]
struct PlannedInput {
    plan: Arc<dyn ExecutionPlan>,
}

#[async_trait]
impl TableProvider for PlannedInput {
    fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match projection {
            None => Ok(Arc::clone(&self.plan)),
            Some(_) => internal_err!("the input of a node is scanned as a whole"),
        }
    }
}
