//! The two protocols of queries: `simple` runs a text at once; `extended`
//! prepares, binds and executes a statement. `copy_in` receives rows.

mod bind;
mod copy_in;
mod extended;
mod prepared;
mod send;
mod simple;

pub use copy_in::CopyMessages;
pub use extended::ExtendedQueries;
pub use simple::SimpleQueries;
