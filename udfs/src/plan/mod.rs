//! Model calls as a node of the plan: which calls are taken out of their
//! expressions, where in the plan they are computed, and the operator that
//! computes them.
//!
//! A call inside an expression is evaluated wherever and as often as the
//! expression is. Out of it, it is computed once, where the fewest rows remain,
//! and calls over the same texts share one pass through the model.

mod calls;
mod cascade;
mod estimate;
mod exec;
mod guard;
mod lift;
mod metrics;
mod node;
mod planner;
pub(crate) mod vector_join;
mod window;
mod work;

use std::sync::Arc;

use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::SessionContext;

pub(crate) use calls::{is_cheap, replace};
pub use cascade::sample_size;
pub use exec::{Computed, InferExec, PhysicalCall};
pub use lift::LiftModelCalls;
pub use planner::{InferPlanner, InferQueryPlanner};
use vector_join::JoinByVectors;
pub use vector_join::VectorJoinExec;

use crate::index::SearchByIndex;

/// Has the session plan its model calls as nodes.
///
/// Replaces the session's query planner with one that is DataFusion's and
/// knows the node; a program with a planner of its own adds
/// [`InferPlanner`] to it and [`LiftModelCalls`] to its optimizer rules.
pub(crate) fn install(ctx: &SessionContext) {
    let state = ctx.state();
    let mut rules = state.optimizer().rules.clone();
    // First, while the plan still has the shape of the query: the rules after
    // it then move filters and limits below the node.
    rules.insert(0, Arc::new(LiftModelCalls));
    // Last, when conditions have come to the joins that they belong to.
    rules.push(Arc::new(JoinByVectors));
    rules.push(Arc::new(SearchByIndex));
    let state = SessionStateBuilder::new_from_existing(state)
        .with_optimizer_rules(rules)
        .with_query_planner(Arc::new(InferQueryPlanner))
        .build();
    *ctx.state_ref().write() = state;
}
