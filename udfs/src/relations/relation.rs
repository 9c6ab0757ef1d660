//! The trait of table functions that take tables.

use std::fmt::Debug;

use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;

use super::arguments::RelationArguments;
use super::signature::RelationSignature;
use crate::options::AiOptions;

/// A table function that takes tables.
pub trait Relation: Debug + Send + Sync {
    fn signature(&self) -> &'static RelationSignature;

    /// The plan of a call.
    ///
    /// # Errors
    /// Arguments that do not fit, such as a table without the required columns.
    fn plan(&self, arguments: RelationArguments, options: &AiOptions) -> Result<LogicalPlan>;
}
