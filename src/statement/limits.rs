//! Limits of a syntax tree, beside the depth of its tokens: the number of tables.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{ObjectName, Visit, Visitor};

use super::parsed::{ConnectionCommand, DescribeSource, StatementCommand};
use super::syntax::explained_ast;
use crate::error::{ErrorKind, Result, ShellError};

/// Maximum number of tables that a statement names. Each join, and each query in
/// WITH, adds a level to the plan.
pub const MAX_RELATIONS: usize = 1_000;

/// Checks the syntax tree of a command.
///
/// # Errors
/// [`ErrorKind::TooComplex`].
pub fn check(command: &StatementCommand) -> Result<()> {
    let mut count = RelationCounter(0);
    let fits = match command {
        StatementCommand::Engine(statement) => engine(statement, &mut count),
        StatementCommand::Explain(explain) => engine(&explain.statement, &mut count),
        StatementCommand::Describe(DescribeSource::Query(query))
        | StatementCommand::Summarize(query) => query.visit(&mut count).is_continue(),
        StatementCommand::Connection(ConnectionCommand::Declare { query, .. }) => {
            return check(&query.command);
        }
        StatementCommand::Connection(ConnectionCommand::CopyOut(copy)) => {
            return check(&copy.query.command);
        }
        _ => true,
    };
    match fits {
        true => Ok(()),
        false => Err(ShellError::of_kind(
            ErrorKind::TooComplex,
            format!(
                "the statement names more than {MAX_RELATIONS} tables; make views or tables of its parts"
            ),
        )),
    }
}

fn engine(statement: &EngineStatement, count: &mut RelationCounter) -> bool {
    explained_ast(statement).is_none_or(|ast| ast.visit(count).is_continue())
}

struct RelationCounter(usize);

impl Visitor for RelationCounter {
    type Break = ();

    fn pre_visit_relation(&mut self, _: &ObjectName) -> ControlFlow<()> {
        self.0 += 1;
        match self.0 > MAX_RELATIONS {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}
