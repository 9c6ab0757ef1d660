//! Statements. `parser` makes a [`Statement`] of a text, and a
//! [`StatementRunner`] runs it through the dispatch in `run`.

mod assignment;
mod command;
mod context;
mod copy;
pub mod copy_format;
mod cursor_syntax;
mod definition_syntax;
mod definitions;
mod depth;
pub mod describe;
pub mod diagnose;
mod explain;
mod extensions;
#[cfg(feature = "databases")]
mod external_table;
mod extractor_quality;
mod index;
mod index_syntax;
mod language_model;
mod language_model_syntax;
mod limits;
mod matcher_quality;
mod model;
mod model_syntax;
mod named_arguments;
mod observer;
mod outcome;
mod parameters;
pub mod parsed;
pub mod parser;
mod plan_start;
mod plan_tables;
mod planning;
pub mod prepared_statements;
pub mod query;
mod required_models;
mod row_count;
mod run;
mod runner;
mod show;
mod summarize;
pub mod syntax;
mod syntax_trees;
#[cfg(test)]
mod tests;
mod transaction;
mod unknown_statement;
mod writes;

pub use observer::{CountedWork, StatementObserver};
pub use outcome::Outcome;
pub use parameters::{PreparedPlan, StatementParameter};
pub use parsed::{Effect, Statement};
pub use runner::StatementRunner;
