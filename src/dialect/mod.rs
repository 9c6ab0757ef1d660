//! Meaning of SQL: the syntax that every front end reads, and a pass of rules over
//! syntax trees that gives expressions the results of Postgres.
//!
//! `syntax` is the dialect of the parser, `rules` the table of rules, and `rewrite`
//! applies them. `functions` has the SQL functions that the rules call. What depends on
//! types is decided there, and by `functions::operators`, since a syntax tree has no types.
//! `table_sample` and `lateral_rows` plan relations that the engine does not.

mod array_literals;
mod casts;
mod column_names;
mod expressions;
mod first_rows;
mod identity_columns;
mod inner_names;
mod lateral_rows;
mod numbers;
mod ordered_sets;
mod ordered_subqueries;
mod patterns;
mod qualified_columns;
mod registration;
mod rewrite;
mod row_functions;
mod rules;
mod session_values;
mod subqueries;
mod synonyms;
mod syntax;
mod table_sample;
mod time_literals;
mod times;

pub use casts::cast_to;
pub use column_names::{ColumnName, client_names, column_names};
pub use expressions::relations;
pub use qualified_columns::qualify_column;
pub use registration::register_planning;
pub use rewrite::StatementRewriter;
pub use syntax::SemqlDialect;
