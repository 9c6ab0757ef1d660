//! The two protocols of queries: `simple` runs a text at once; `extended` prepares,
//! binds and executes a statement. Its `portals` are cursors too. `copy_in` receives
//! rows.

mod bind;
mod copy_in;
mod extended;
mod portals;
mod prepared;
mod send;
mod simple;

pub use copy_in::CopyMessages;
pub use extended::ExtendedQueries;
pub use portals::NamedPortals;
pub use simple::SimpleQueries;
