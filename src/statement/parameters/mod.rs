//! Parameters of statements: `$1`, `$2`, ...
//!
//! [`PreparedPlan`] plans a statement once and binds values to it, for the protocol of
//! the server and for PREPARE. `inference` finds the types of parameters in the plan, and
//! `declared_types` gives the engine those of a client.
//! Arguments of table functions have to be known at planning: `table_functions` finds
//! the parameters in them, and puts `literal`s in their place.

mod declared_types;
mod inference;
mod literal;
mod number;
mod prepared;
mod table_functions;

pub use prepared::{PreparedPlan, StatementParameter};
