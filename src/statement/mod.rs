//! Statements: how a text becomes one ([`parser`]), what it is ([`parsed`]), and
//! which part of the shell runs it.

mod assignment;
mod command;
pub mod copy;
mod counting;
mod depth;
pub mod describe;
pub mod diagnose;
pub mod explain;
mod index;
mod limits;
mod model;
mod models;
pub mod parsed;
pub mod parser;
pub mod query;
pub mod set;
mod show;
pub mod summarize;
pub mod syntax;

use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;

pub use parsed::{Command, Effect, Statement};

use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;

/// What a statement gives back.
pub enum Outcome {
    /// Rows to show.
    Rows {
        schema: SchemaRef,
        stream: SendableRecordBatchStream,
    },
    /// Something was done.
    Done {
        /// What was done, for people; empty where that goes without saying.
        message: String,
        /// Rows that were written, where the statement counts them.
        rows: Option<u64>,
    },
}

impl Outcome {
    pub fn done(message: impl Into<String>) -> Self {
        Self::Done {
            message: message.into(),
            rows: None,
        }
    }
}

/// Runs one statement.
///
/// # Errors
/// What the policy of the session refuses; whatever is wrong with the statement.
/// Misspelt names come with a "did you mean".
pub async fn run(session: &Session, statement: &Statement) -> Result<Outcome> {
    if statement.effect() == Effect::Writes {
        session.policy.check_write(statement.tag())?;
    }
    match &statement.command {
        Command::Engine(_) | Command::Show { .. } => query::run(session, statement).await,
        Command::Explain(_) => explain::run(session, statement).await,
        Command::CopyTo(copy) => copy::run(session, copy).await,
        Command::Set { key, value } => set::set(session, key, value.as_deref()).await,
        Command::Reset { key } => set::set(session, key, None).await,
        Command::ShowTables => describe::list_tables(session).await,
        Command::ShowModels => show::models(session).await,
        Command::ShowIndexes(table) => index::show(session, table).await,
        Command::Describe(source) => show::describe(session, source).await,
        Command::DescribeModel(name) => model::describe(session, name),
        Command::Summarize(source) => summarize::run(session, source).await,
        Command::CreateModel(create) => model::create(session, create).await,
        Command::DropModel(drop) => model::drop(session, drop),
        Command::ExportModel(export) => model::export(session, export),
        Command::CreateIndex(create) => index::create(session, create).await,
        Command::DropIndex(drop) => index::drop(session, drop).await,
        Command::Connection(_) => Err(ShellError::of_kind(
            ErrorKind::NotSupported,
            format!(
                "{} is for clients of `semql serve`; here every statement stands for itself",
                statement.tag()
            ),
        )),
    }
}

/// Runs all statements of a text, and gives what the last one gave.
///
/// # Errors
/// The first error.
pub async fn run_text(session: &Session, text: &str) -> Result<Outcome> {
    let mut last = Outcome::done("");
    for statement in parser::parse(text)? {
        drain(last).await?;
        last = run(session, &statement).await?;
    }
    Ok(last)
}

/// Takes rows to their end, as a statement that is followed by another.
///
/// # Errors
/// Those of the rows.
pub async fn drain(outcome: Outcome) -> Result<()> {
    use futures::TryStreamExt;
    match outcome {
        Outcome::Rows { stream, .. } => {
            stream.try_for_each(|_| async { Ok(()) }).await?;
            Ok(())
        }
        Outcome::Done { .. } => Ok(()),
    }
}
