//! Prepared statements of SQL: PREPARE, EXECUTE, DEALLOCATE.
//!
//! They plan and bind as those of the protocol do, through
//! [`PreparedPlan`](super::parameters::PreparedPlan).

mod arguments;
mod registry;
mod run;
mod syntax;

pub use registry::executed;
pub use run::run;
pub use syntax::{PreparedStatementCommand, of};
