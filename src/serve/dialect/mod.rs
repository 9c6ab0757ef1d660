//! Statements of clients, which write queries on the catalogue in Postgres'
//! SQL. `references` recognizes such a statement on its syntax tree, and
//! `rules` replaces what the engine lacks: names of `relations`, `object_casts` such
//! as `::regclass`, `subqueries` and `functions`. Any other statement is planned as
//! it is.

mod emptiness;
mod expressions;
mod functions;
mod object_casts;
mod parse;
mod references;
mod relations;
mod rules;
mod subqueries;

pub use parse::parse;
