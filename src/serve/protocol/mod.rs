//! The two protocols of queries: `simple` runs a text at once; `extended`
//! prepares, binds and executes a statement.

mod bind;
mod extended;
mod prepared;
mod send;
mod simple;

pub use extended::ExtendedQueries;
pub use simple::SimpleQueries;
