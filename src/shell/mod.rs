//! The shell: `state` holds the session and its options, `run_statement` runs one
//! statement, and `report` prints errors.

mod report;
mod run_statement;
mod state;

pub use report::{print_line, report};
pub use state::Shell;
