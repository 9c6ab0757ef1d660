//! Dispatch of statements to the parts that run them.

use super::context::StatementContext;
use super::outcome::Outcome;
use super::parsed::{Effect, Statement, StatementCommand};
use super::{
    copy, definitions, describe, index, language_model, model, prepared_statements, query, show,
    summarize, transaction,
};
use crate::error::{ErrorKind, Result, ShellError};

/// Runs one statement.
///
/// # Errors
/// What the policy of the session refuses; any error of the statement. Errors of
/// misspelt names suggest the nearest name.
pub async fn run(context: &StatementContext, statement: &Statement) -> Result<Outcome> {
    let session = &context.session;
    if statement.effect() == Effect::Writes {
        session.policy.check_write(statement.tag())?;
    }
    if let Some(command) = prepared_statements::of(statement) {
        return prepared_statements::run(context, statement, command).await;
    }
    match &statement.command {
        StatementCommand::Engine(_)
        | StatementCommand::Explain(_)
        | StatementCommand::Show { .. } => query::run(context, statement).await,
        StatementCommand::CopyTo(copy) => copy::run(context, copy).await,
        StatementCommand::Set { key, value } => {
            session.assign(key, value.as_deref()).await?;
            Ok(Outcome::done(""))
        }
        StatementCommand::Reset { key } => {
            session.assign(key, None).await?;
            Ok(Outcome::done(""))
        }
        StatementCommand::ShowTables => describe::list_tables(session).await,
        StatementCommand::ShowModels => show::models(context).await,
        StatementCommand::ShowDevices => show::devices(context).await,
        StatementCommand::ShowIndexes(table) => index::show(session, table).await,
        StatementCommand::Describe(source) => show::describe(session, source).await,
        StatementCommand::DescribeModel(name) => model::describe(session, name),
        StatementCommand::Summarize(source) => summarize::run(context, source).await,
        StatementCommand::CreateModel(create) => model::create(context, create).await,
        StatementCommand::CreateLanguageModel(create) => language_model::create(context, create),
        StatementCommand::DropModel(drop) => model::drop(session, drop),
        StatementCommand::ExportModel(export) => model::export(session, export),
        StatementCommand::CreateIndex(create) => index::create(context, create).await,
        StatementCommand::DropIndex(drop) => index::drop(session, drop).await,
        StatementCommand::RenameView {
            name,
            to,
            if_exists,
        } => definitions::rename_view(session, name, to, *if_exists).await,
        StatementCommand::Connection(command) if transaction::is_transaction(command) => {
            transaction::run(session, command).await
        }
        StatementCommand::Connection(_) => Err(ShellError::of_kind(
            ErrorKind::NotSupported,
            format!(
                "{} needs a connection to `semql serve`; there are no cursors here",
                statement.tag()
            ),
        )),
    }
}
