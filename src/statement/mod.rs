//! Statements. `parser` makes a [`Statement`] of a text, and a
//! [`StatementRunner`] runs it through the dispatch in `run`.

mod assignment;
mod command;
mod context;
mod copy;
mod depth;
pub mod describe;
pub mod diagnose;
mod explain;
mod extensions;
mod extractor_quality;
mod index;
mod index_syntax;
mod language_model;
mod language_model_syntax;
mod limits;
mod model;
mod model_syntax;
mod named_arguments;
mod observer;
mod outcome;
pub mod parsed;
pub mod parser;
mod plan_start;
pub mod query;
mod required_models;
mod run;
mod runner;
mod show;
mod summarize;
pub mod syntax;
#[cfg(test)]
mod tests;
mod unknown_statement;

pub use observer::{CountedWork, StatementObserver};
pub use outcome::Outcome;
pub use parsed::{Effect, Statement};
pub use runner::StatementRunner;
