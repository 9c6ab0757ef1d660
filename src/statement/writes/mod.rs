//! Writes to tables in memory: INSERT, UPDATE, DELETE, MERGE, with RETURNING and
//! ON CONFLICT.
//!
//! `plan` makes a [`WriteNode`] of a statement: a query for the rows to store, with
//! the ids of the rows that they replace. `run` reads the query and stores its rows
//! at once. So a write may use whatever a query may, and changes nothing on failure.

mod affected;
mod conflict;
mod insert;
mod merge;
mod modify;
mod node;
mod plan;
mod returning;
mod run;
mod select;
mod target;
mod values;

pub use node::WriteNode;
pub use plan::plan;
pub use run::run;
