//! Syntax trees of a command, for passes over them.

use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement as EngineStatement};
use datafusion::sql::sqlparser::ast::{VisitMut, VisitorMut};

use super::parsed::{ConnectionCommand, DescribeSource, StatementCommand};

/// Visits every syntax tree of a command.
pub(super) fn visit<V: VisitorMut>(
    command: &mut StatementCommand,
    visitor: &mut V,
) -> ControlFlow<V::Break> {
    match command {
        StatementCommand::Engine(statement) => visit_engine(statement, visitor),
        StatementCommand::Explain(explain) => visit_engine(&mut explain.statement, visitor),
        StatementCommand::CopyTo(copy) => visit_source(&mut copy.source, visitor),
        StatementCommand::Describe(DescribeSource::Query(query))
        | StatementCommand::Summarize(query) => query.visit(visitor),
        StatementCommand::CreateModel(create) => create.query.visit(visitor),
        StatementCommand::Connection(ConnectionCommand::Declare { query, .. }) => {
            visit(&mut query.command, visitor)
        }
        StatementCommand::Connection(ConnectionCommand::CopyOut(copy)) => {
            visit(&mut copy.query.command, visitor)
        }
        _ => ControlFlow::Continue(()),
    }
}

fn visit_engine<V: VisitorMut>(
    statement: &mut EngineStatement,
    visitor: &mut V,
) -> ControlFlow<V::Break> {
    match statement {
        EngineStatement::Statement(ast) => ast.visit(visitor),
        EngineStatement::Explain(explain) => visit_engine(&mut explain.statement, visitor),
        EngineStatement::CopyTo(copy) => visit_source(&mut copy.source, visitor),
        _ => ControlFlow::Continue(()),
    }
}

fn visit_source<V: VisitorMut>(
    source: &mut CopyToSource,
    visitor: &mut V,
) -> ControlFlow<V::Break> {
    match source {
        CopyToSource::Query(query) => query.visit(visitor),
        CopyToSource::Relation(_) => ControlFlow::Continue(()),
    }
}
