//! Dispatch of definitions.

use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{ObjectType, Statement as Ast};

use super::{
    alter_table, comment, create_table, create_view, drop_object, ordinary_index, privileges,
    schemas, truncate,
};
use crate::error::Result;
use crate::statement::context::StatementContext;
use crate::statement::outcome::Outcome;
use crate::statement::parsed::{Statement, StatementCommand};
use crate::statement::{diagnose, required_models};

/// The syntax tree of a definition; `None` for other statements.
pub fn of(statement: &Statement) -> Option<&Ast> {
    let StatementCommand::Engine(engine) = &statement.command else {
        return None;
    };
    let EngineStatement::Statement(ast) = engine.as_ref() else {
        return None;
    };
    let is_definition = match ast.as_ref() {
        Ast::CreateTable(create) => !create.external,
        Ast::CreateView(create) => !create.materialized,
        Ast::Drop { object_type, .. } => matches!(
            object_type,
            ObjectType::Table | ObjectType::View | ObjectType::Schema | ObjectType::Index
        ),
        Ast::AlterTable(_)
        | Ast::Truncate(_)
        | Ast::CreateSchema { .. }
        | Ast::CreateIndex(_)
        | Ast::Comment { .. }
        | Ast::Grant(_)
        | Ast::Revoke(_) => true,
        _ => false,
    };
    is_definition.then(|| ast.as_ref())
}

/// Runs a definition.
///
/// # Errors
/// Names that exist, or do not; what depends on an object; errors of a query.
pub async fn run(context: &StatementContext, ast: &Ast) -> Result<Outcome> {
    let session = &context.session;
    let statement = EngineStatement::Statement(Box::new(ast.clone()));
    required_models::resolve(session, &statement).await?;
    let done = match ast {
        Ast::CreateTable(create) => create_table::run(context, create).await,
        Ast::CreateView(create) => create_view::run(session, create).await,
        Ast::AlterTable(alter) => alter_table::run(session, alter).await,
        Ast::Truncate(truncate) => truncate::run(session, truncate).await,
        Ast::Drop {
            object_type: ObjectType::Schema,
            if_exists,
            names,
            cascade,
            ..
        } => schemas::drop(session, names, *if_exists, *cascade),
        Ast::Drop {
            object_type: ObjectType::Index,
            names,
            ..
        } => ordinary_index::drop(session, names).await,
        Ast::Drop {
            object_type,
            if_exists,
            names,
            cascade,
            ..
        } => drop_object::run(session, *object_type, names, *if_exists, *cascade).await,
        Ast::CreateIndex(index) => ordinary_index::create(session, index).await,
        Ast::CreateSchema {
            schema_name,
            if_not_exists,
            ..
        } => schemas::create(session, schema_name, *if_not_exists),
        Ast::Comment {
            object_type,
            object_name,
            comment,
            ..
        } => comment::run(session, *object_type, object_name, comment.clone()).await,
        _ => Ok(privileges::answer(session)),
    };
    match done {
        Ok(outcome) => Ok(outcome),
        Err(error) => Err(diagnose::diagnose(session, &statement, error).await),
    }
}
