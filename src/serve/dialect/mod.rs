//! Statements of clients, which write queries on the catalogue in Postgres'
//! SQL. `references` recognizes such a statement on its syntax tree, and
//! `rewrites` replaces what the engine lacks. Any other statement is planned as
//! it is.

mod parse;
mod references;
mod rewrites;

pub use parse::parse;
