//! Syntax trees of PREPARE, EXECUTE and DEALLOCATE.

use datafusion::sql::parser::{ExplainStatement, Statement as EngineStatement};
use datafusion::sql::sqlparser::ast::{
    DataType as SqlType, Expr, Ident, ObjectName, Statement as Ast,
};

use crate::statement::parsed::{Statement, StatementCommand};
use crate::statement::syntax::folded;

/// Command about a prepared statement.
pub enum PreparedStatementCommand<'a> {
    Prepare {
        name: String,
        types: &'a [SqlType],
        statement: &'a Ast,
    },
    Execute(Execution<'a>),
    /// `EXPLAIN EXECUTE`.
    Explain {
        options: &'a ExplainStatement,
        execution: Execution<'a>,
    },
    Deallocate {
        /// `None` is ALL.
        name: Option<String>,
    },
}

/// `EXECUTE name(arguments)`.
pub struct Execution<'a> {
    pub name: String,
    pub arguments: &'a [Expr],
}

/// The command; `None` for other statements.
pub fn of(statement: &Statement) -> Option<PreparedStatementCommand<'_>> {
    match &statement.command {
        StatementCommand::Engine(engine) => of_engine(engine),
        StatementCommand::Explain(explain) => match explain.statement.as_ref() {
            EngineStatement::Statement(ast) => Some(PreparedStatementCommand::Explain {
                options: explain,
                execution: execution(ast)?,
            }),
            _ => None,
        },
        _ => None,
    }
}

fn of_engine(engine: &EngineStatement) -> Option<PreparedStatementCommand<'_>> {
    let EngineStatement::Statement(ast) = engine else {
        return None;
    };
    match ast.as_ref() {
        Ast::Prepare {
            name,
            data_types,
            statement,
        } => Some(PreparedStatementCommand::Prepare {
            name: folded(name.clone()),
            types: data_types,
            statement,
        }),
        Ast::Deallocate { name, .. } => Some(PreparedStatementCommand::Deallocate {
            name: (!is_all(name)).then(|| folded(name.clone())),
        }),
        ast => execution(ast).map(PreparedStatementCommand::Execute),
    }
}

/// EXECUTE as Postgres has it, without the clauses of other databases.
fn execution(ast: &Ast) -> Option<Execution<'_>> {
    match ast {
        Ast::Execute {
            name: Some(ObjectName(parts)),
            parameters,
            immediate: false,
            into,
            using,
            output: false,
            default: false,
            ..
        } if into.is_empty() && using.is_empty() => {
            let [name] = parts.as_slice() else {
                return None;
            };
            Some(Execution {
                name: folded(name.as_ident()?.clone()),
                arguments: parameters,
            })
        }
        _ => None,
    }
}

fn is_all(name: &Ident) -> bool {
    name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all")
}
