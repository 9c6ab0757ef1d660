//! Bounds on a syntax tree, beside those that [`depth`](super::depth) sets on
//! its tokens: lists whose plans nest.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{ObjectName, Visit, Visitor};

use super::parsed::{Command, ConnectionCommand, Source};
use crate::error::{ErrorKind, Result, ShellError};

/// Tables that a statement may name. Each join, and each query in WITH, puts a
/// level on the plan.
pub const MAX_RELATIONS: usize = 1_000;

/// Checks the tree of a command.
///
/// # Errors
/// [`ErrorKind::TooComplex`].
pub fn check(command: &Command) -> Result<()> {
    let mut count = Count(0);
    let fits = match command {
        Command::Engine(statement) => engine(statement, &mut count),
        Command::Explain(explain) => engine(&explain.statement, &mut count),
        Command::Describe(Source::Query(query)) | Command::Summarize(query) => {
            query.visit(&mut count).is_continue()
        }
        Command::Connection(ConnectionCommand::Declare { query, .. }) => {
            return check(&query.command);
        }
        Command::Connection(ConnectionCommand::CopyOut(copy)) => {
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

fn engine(statement: &EngineStatement, count: &mut Count) -> bool {
    match statement {
        EngineStatement::Statement(ast) => ast.visit(count).is_continue(),
        EngineStatement::Explain(explain) => engine(&explain.statement, count),
        _ => true,
    }
}

struct Count(usize);

impl Visitor for Count {
    type Break = ();

    fn pre_visit_relation(&mut self, _: &ObjectName) -> ControlFlow<()> {
        self.0 += 1;
        match self.0 > MAX_RELATIONS {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::error::ErrorKind;
    use crate::statement::parser::parse;

    #[test]
    fn tables_are_counted_wherever_they_are_named() {
        let list = |count: usize| vec!["t"; count].join(", ");
        parse(&format!("SELECT 1 FROM {}", list(900))).unwrap();
        let with = |count: usize| {
            let parts = (1..count).map(|at| format!("a{at} AS (SELECT * FROM a{})", at - 1));
            format!(
                "WITH a0 AS (SELECT 1), {} SELECT 1",
                parts.collect::<Vec<_>>().join(", ")
            )
        };
        for sql in [
            format!("SELECT 1 FROM {}", list(1_100)),
            format!("EXPLAIN SELECT 1 FROM {}", list(1_100)),
            format!("SUMMARIZE SELECT 1 FROM {}", list(1_100)),
            with(1_200),
        ] {
            let error = parse(&sql).unwrap_err();
            assert_eq!(error.kind, ErrorKind::TooComplex);
        }
    }
}
