//! Meaning of SQL: the syntax that every front end reads, and a pass of rules over
//! syntax trees that gives expressions the results of Postgres.
//!
//! `syntax` is the dialect of the parser, `rules` the table of rules, and `rewrite`
//! applies them. `functions` has the SQL functions that the rules call. What depends on
//! types is decided there, and by `functions::operators`, since a syntax tree has no types.

mod array_literals;
mod casts;
mod column_names;
mod expressions;
mod first_rows;
mod identity_columns;
mod inner_names;
mod numbers;
mod ordered_sets;
mod ordered_subqueries;
mod patterns;
mod qualified_columns;
mod rewrite;
mod rules;
mod session_values;
mod set_functions;
mod subqueries;
mod syntax;
mod time_literals;
mod times;

pub use casts::cast_to;
pub use column_names::{ColumnName, client_names, column_names};
pub use qualified_columns::qualify_column;
pub use rewrite::StatementRewriter;
pub use syntax::SemqlDialect;
