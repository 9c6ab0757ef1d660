//! Registration of what plans relations.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::prelude::SessionContext;

use super::lateral_rows::LateralRows;
use super::table_sample::TableSamplePlanner;

/// Adds a rule, and a planner that comes before the planners of the session.
///
/// # Errors
/// The engine refuses a registration.
pub fn register_planning(ctx: &SessionContext) -> Result<()> {
    ctx.add_analyzer_rule(Arc::new(LateralRows));
    ctx.register_relation_planner(Arc::new(TableSamplePlanner))
}
