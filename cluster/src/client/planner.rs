//! Query planner that runs plans, or parts of them, in the cluster.
//!
//! A query is planned as in a single process. A plan that can be serialized is
//! submitted as a whole. Of any other plan, the subplans with a single partition
//! are submitted. Subplans that read tables in memory, search an index or write
//! files run in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::sink::DataSinkExec;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::analyze::AnalyzeExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::explain::ExplainExec;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{
    ExecutionPlan, ExecutionPlanProperties, replace_children_if_necessary,
};
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;
use prost::Message;
use semql::ShellError;
use semql_udfs::index::IndexScanExec;
use semql_udfs::plan::InferExec;
use semql_udfs::{AiOptions, AiQueryPlanner, Runtime};

use super::exec::ClusterExec;
use super::repartition::repartition;
use super::scheduler::SchedulerClient;
use crate::codec::Codec;
use crate::text_scan::file_scan;

/// Maximum size in bytes of a table in memory that is sent with a plan.
const MAX_TABLE_SIZE: usize = 4 << 20;

/// Query planner of a client.
#[derive(Debug)]
pub struct ClusterPlanner {
    scheduler: Arc<SchedulerClient>,
    codec: Codec,
    runtime: Arc<Runtime>,
    /// Whether the notice about settings of the machine was given.
    notified: AtomicBool,
}

impl ClusterPlanner {
    pub fn new(scheduler: Arc<SchedulerClient>, codec: Codec, runtime: Arc<Runtime>) -> Self {
        Self {
            scheduler,
            codec,
            runtime,
            notified: AtomicBool::new(false),
        }
    }

    /// Gives notice, once, of settings that do not apply to executors.
    fn notify_machine_settings(&self, session: &dyn Session) {
        let options = session.config_options().extensions.get::<AiOptions>();
        let changed = options.map(AiOptions::changed_machine_settings);
        let changed = changed.unwrap_or_default();
        if !changed.is_empty() && !self.notified.swap(true, Relaxed) {
            self.runtime.add_notice(format!(
                "Executors use their own {} (--set when they start); the value here applies to this process only.",
                changed.join(", ")
            ));
        }
    }
}

#[async_trait]
impl QueryPlanner for ClusterPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = AiQueryPlanner::default()
            .create_physical_plan(plan, session)
            .await?;
        let mut distribution = PlanDistribution {
            planner: self,
            partitions: session.config().target_partitions(),
            distributed: false,
            obstacle: None,
        };
        let plan = distribution.distribute(plan, true)?;
        match (distribution.distributed, distribution.obstacle) {
            (true, _) => self.notify_machine_settings(session),
            (false, Some(obstacle)) => self.runtime.add_notice(format!(
                "The query ran in this process and not in the cluster: {obstacle}."
            )),
            (false, None) => {}
        }
        Ok(plan)
    }
}

/// Rewrite of a plan that replaces subplans by [`ClusterExec`].
struct PlanDistribution<'a> {
    planner: &'a ClusterPlanner,
    partitions: usize,
    /// Whether a subplan was replaced.
    distributed: bool,
    /// First reason for which a subplan was not replaced.
    obstacle: Option<String>,
}

impl PlanDistribution<'_> {
    /// `replaceable` is whether the parent accepts rows in one partition.
    fn distribute(
        &mut self,
        plan: Arc<dyn ExecutionPlan>,
        replaceable: bool,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        // An index scan reads its inputs in this process.
        if !is_worthwhile(&plan)? || plan.is::<IndexScanExec>() {
            return Ok(plan);
        }
        if replaceable && !is_local(&plan) {
            match self.to_cluster(&plan)? {
                Ok(exec) => {
                    self.distributed = true;
                    return Ok(Arc::new(exec));
                }
                Err(obstacle) => {
                    self.obstacle.get_or_insert(obstacle);
                }
            }
        }
        let any_partitioning = plan.is::<AnalyzeExec>();
        let children = plan.children().into_iter().map(|child| {
            let single = child.output_partitioning().partition_count() == 1;
            self.distribute(Arc::clone(child), single || any_partitioning)
        });
        let children = children.collect::<Result<Vec<_>>>()?;
        replace_children_if_necessary(plan, children)
    }

    /// Serializes the plan, or returns the obstacle.
    fn to_cluster(&self, plan: &Arc<dyn ExecutionPlan>) -> Result<Result<ClusterExec, String>> {
        if let Some(obstacle) = find_obstacle(plan)? {
            return Ok(Err(obstacle));
        }
        let repartitioned = repartition(Arc::clone(plan), self.partitions)?;
        let encoded = PhysicalPlanNode::try_from_physical_plan(repartitioned, &self.planner.codec);
        Ok(match encoded {
            Ok(node) => Ok(ClusterExec::new(
                plan,
                node.encode_to_vec(),
                Arc::clone(&self.planner.scheduler),
                Arc::clone(&self.planner.runtime),
            )),
            Err(error) => Err(ShellError::from(error).message),
        })
    }
}

/// Whether the plan calls a model, or computes something from files.
fn is_worthwhile(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let (mut infers, mut scans, mut computes) = (false, false, false);
    plan.apply(|plan| {
        infers |= plan.is::<InferExec>();
        scans |= file_scan(plan).is_some() || plan.is::<IndexScanExec>();
        computes |= !passes_rows_through(plan);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(infers || (scans && computes))
}

/// Whether a node computes nothing from its input.
fn passes_rows_through(plan: &Arc<dyn ExecutionPlan>) -> bool {
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        return projection
            .expr()
            .iter()
            .all(|expr| expr.expr.is::<Column>());
    }
    plan.children().is_empty()
        || plan.is::<CoalescePartitionsExec>()
        || plan.is::<CooperativeExec>()
        || plan.is::<GlobalLimitExec>()
        || plan.is::<LocalLimitExec>()
        || is_local(plan)
}

/// Whether a node has to run in this process.
fn is_local(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<AnalyzeExec>() || plan.is::<ExplainExec>() || plan.is::<DataSinkExec>()
}

/// Reason for which the plan has to run in this process.
///
/// Ballista restricts leaves of known types to the partitions of a task. Any
/// other leaf would return all of its rows to every task.
fn find_obstacle(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<String>> {
    let mut found = None;
    plan.apply(|plan| {
        if plan.is::<IndexScanExec>() {
            found = Some("it searches an index".to_string());
        } else if plan.children().is_empty() {
            found = leaf_obstacle(plan);
        } else if is_local(plan) {
            found = Some(format!("{} runs in this process only", plan.name()));
        }
        Ok(match found {
            Some(_) => TreeNodeRecursion::Stop,
            None => TreeNodeRecursion::Continue,
        })
    })?;
    Ok(found)
}

fn leaf_obstacle(plan: &Arc<dyn ExecutionPlan>) -> Option<String> {
    if plan.is::<EmptyExec>() || plan.is::<PlaceholderRowExec>() {
        return None;
    }
    let Some(exec) = plan.downcast_ref::<DataSourceExec>() else {
        return Some(format!("{} has its rows in this process only", plan.name()));
    };
    let source = exec.data_source();
    if source.is::<FileScanConfig>() {
        return None;
    }
    let Some(table) = source.downcast_ref::<MemorySourceConfig>() else {
        return Some("it reads a table of this process".to_string());
    };
    if exec.fetch().is_some() {
        // Ballista drops it when it partitions such a leaf.
        return Some("it limits a table in memory".to_string());
    }
    let batches = table.partitions().iter().flatten();
    let bytes: usize = batches.map(|batch| batch.get_array_memory_size()).sum();
    (bytes > MAX_TABLE_SIZE).then(|| {
        format!(
            "a table in memory has {} MB, and the maximum is {} MB; COPY it to a Parquet file",
            bytes >> 20,
            MAX_TABLE_SIZE >> 20
        )
    })
}
