//! Which parts of a plan go to the cluster.
//!
//! A plan is made as it would be for this process. What all of its parts can be
//! written for others goes to the cluster whole; of any other plan, those parts
//! do that come in one partition. What reads tables in the memory of this
//! process, searches by an index or writes files stays here.

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
use semql_udfs::plan::{InferExec, InferQueryPlanner};
use semql_udfs::{AiOptions, Runtime};

use super::exec::ClusterExec;
use super::scheduler::Scheduler;
use super::spread::spread;
use crate::codec::Codec;

/// The largest table in memory that goes along with a plan, in bytes.
const LARGEST_TABLE: usize = 4 << 20;

/// The query planner of a client.
#[derive(Debug)]
pub struct ClusterPlanner {
    scheduler: Arc<Scheduler>,
    codec: Codec,
    runtime: Arc<Runtime>,
    /// Whether it was said whose settings of the machine count.
    said: AtomicBool,
}

impl ClusterPlanner {
    pub fn new(scheduler: Arc<Scheduler>, codec: Codec, runtime: Arc<Runtime>) -> Self {
        Self {
            scheduler,
            codec,
            runtime,
            said: AtomicBool::new(false),
        }
    }

    fn say_of_machine(&self, session: &dyn Session) {
        let options = session.config_options().extensions.get::<AiOptions>();
        let changed = options.map(AiOptions::changed_of_machine);
        let changed = changed.unwrap_or_default();
        if !changed.is_empty() && !self.said.swap(true, Relaxed) {
            self.runtime.note(format!(
                "The executors have {} of their own (--set at their start); it counts here for what runs in this process.",
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
        let plan = InferQueryPlanner
            .create_physical_plan(plan, session)
            .await?;
        let mut placing = Placing {
            client: self,
            partitions: session.config().target_partitions(),
            placed: false,
            why_not: None,
        };
        let plan = placing.place(plan, true)?;
        match (placing.placed, placing.why_not) {
            (true, _) => self.say_of_machine(session),
            (false, Some(why)) => self.runtime.note(format!(
                "This ran in this process and not in the cluster: {why}."
            )),
            (false, None) => {}
        }
        Ok(plan)
    }
}

struct Placing<'a> {
    client: &'a ClusterPlanner,
    partitions: usize,
    /// Whether some of the plan goes to the cluster.
    placed: bool,
    /// The first thing that keeps something here.
    why_not: Option<String>,
}

impl Placing<'_> {
    /// `replaceable` is whether rows in one partition will do.
    fn place(
        &mut self,
        plan: Arc<dyn ExecutionPlan>,
        replaceable: bool,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        // What passes a filter is for the index that waits for it.
        if !is_work(&plan)? || plan.is::<IndexScanExec>() {
            return Ok(plan);
        }
        if replaceable && !stays(&plan) {
            match self.sent(&plan)? {
                Ok(exec) => {
                    self.placed = true;
                    return Ok(Arc::new(exec));
                }
                Err(why) => {
                    self.why_not.get_or_insert(why);
                }
            }
        }
        let any_number = plan.is::<AnalyzeExec>();
        let children = plan.children().into_iter().map(|child| {
            let one = child.output_partitioning().partition_count() == 1;
            self.place(Arc::clone(child), one || any_number)
        });
        let children = children.collect::<Result<Vec<_>>>()?;
        replace_children_if_necessary(plan, children)
    }

    /// The plan as the cluster gets it, or why it cannot.
    fn sent(&self, plan: &Arc<dyn ExecutionPlan>) -> Result<Result<ClusterExec, String>> {
        if let Some(why) = obstacle(plan)? {
            return Ok(Err(why));
        }
        let spread = spread(Arc::clone(plan), self.partitions)?;
        let written = PhysicalPlanNode::try_from_physical_plan(spread, &self.client.codec);
        Ok(match written {
            Ok(node) => Ok(ClusterExec::new(
                plan,
                node.encode_to_vec(),
                Arc::clone(&self.client.scheduler),
                Arc::clone(&self.client.runtime),
            )),
            Err(error) => Err(ShellError::from(error).message),
        })
    }
}

/// Whether a cluster would be of use: a model is asked, or files are read for
/// more than to be shown.
fn is_work(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let (mut asks, mut reads, mut computes) = (false, false, false);
    plan.apply(|plan| {
        asks |= plan.is::<InferExec>();
        reads |= file_scan(plan).is_some() || plan.is::<IndexScanExec>();
        computes |= !passes_on(plan);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(asks || (reads && computes))
}

/// Whether a node gives what it gets.
fn passes_on(plan: &Arc<dyn ExecutionPlan>) -> bool {
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
        || stays(plan)
}

/// Whether a node is about this process.
fn stays(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<AnalyzeExec>() || plan.is::<ExplainExec>() || plan.is::<DataSinkExec>()
}

fn file_scan(plan: &Arc<dyn ExecutionPlan>) -> Option<&FileScanConfig> {
    let exec = plan.downcast_ref::<DataSourceExec>()?;
    exec.data_source().downcast_ref::<FileScanConfig>()
}

/// What of the plan can be had in this process alone.
///
/// Ballista gives each task its own partitions of the leaves that it knows, and
/// every partition of all others: those would give their rows several times.
fn obstacle(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<String>> {
    let mut found = None;
    plan.apply(|plan| {
        if plan.is::<IndexScanExec>() {
            found = Some("an index says which rows to read".to_string());
        } else if plan.children().is_empty() {
            found = leaf(plan);
        } else if stays(plan) {
            found = Some(format!("{} is of this process", plan.name()));
        }
        Ok(match found {
            Some(_) => TreeNodeRecursion::Stop,
            None => TreeNodeRecursion::Continue,
        })
    })?;
    Ok(found)
}

fn leaf(plan: &Arc<dyn ExecutionPlan>) -> Option<String> {
    if plan.is::<EmptyExec>() || plan.is::<PlaceholderRowExec>() {
        return None;
    }
    let Some(exec) = plan.downcast_ref::<DataSourceExec>() else {
        return Some(format!("{} gives its rows here alone", plan.name()));
    };
    let source = exec.data_source();
    if source.is::<FileScanConfig>() {
        return None;
    }
    let Some(table) = source.downcast_ref::<MemorySourceConfig>() else {
        return Some("a table gives its rows here alone".to_string());
    };
    if exec.fetch().is_some() {
        // It is lost where Ballista cuts such a leaf into parts.
        return Some("a limit is on a table in memory".to_string());
    }
    let batches = table.partitions().iter().flatten();
    let bytes: usize = batches.map(|batch| batch.get_array_memory_size()).sum();
    (bytes > LARGEST_TABLE).then(|| {
        format!(
            "a table in memory has {} MB, and {} go along with a query; COPY it to a Parquet file",
            bytes >> 20,
            LARGEST_TABLE >> 20
        )
    })
}
