//! Copies that wait for the rows of their client.

use std::sync::Arc;

use super::input::CopyInput;
use crate::statement::{PreparedPlan, Statement};

/// A copy that waits for the rows of the client.
pub struct PendingCopy {
    pub input: CopyInput,
    /// The INSERT of the rows, with a parameter for each column.
    pub insert: Statement,
    pub plan: Arc<PreparedPlan>,
    /// The statement of the client, for the log.
    pub text: String,
}
