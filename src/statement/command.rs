//! Commands of statements of the engine's parser.

use datafusion::sql::parser::{ResetStatement, Statement as EngineStatement};
use datafusion::sql::sqlparser::ast::{
    CloseCursor, Declare, Expr, ObjectName, Set, Statement as Ast, TransactionAccessMode,
    TransactionMode, UnaryOperator, Value,
};

use super::parsed::{Access, ConnectionCommand, Statement, StatementCommand};
use super::syntax::folded;
use crate::error::{ErrorKind, Result, ShellError};

/// The command of a statement of the engine's parser.
pub(super) fn command_of(statement: EngineStatement) -> Result<StatementCommand> {
    let ast = match statement {
        EngineStatement::Explain(explain) => {
            return Ok(StatementCommand::Explain(Box::new(explain)));
        }
        EngineStatement::CopyTo(copy) => return Ok(StatementCommand::CopyTo(Box::new(copy))),
        EngineStatement::Reset(ResetStatement::Variable(name)) => {
            return Ok(StatementCommand::Reset { key: key(&name) });
        }
        EngineStatement::Statement(ast) => ast,
        other @ EngineStatement::CreateExternalTable(_) => {
            return Ok(StatementCommand::Engine(Box::new(other)));
        }
    };
    let connection = match *ast {
        Ast::Set(set) => return set_command(set),
        Ast::ShowVariable { ref variable } => {
            let words = variable.iter().map(|word| word.value.to_lowercase());
            return Ok(StatementCommand::Show {
                name: words.collect::<Vec<_>>().join("."),
                statement: Box::new(EngineStatement::Statement(ast)),
            });
        }
        Ast::StartTransaction {
            modes,
            begin,
            statements,
            exception,
            ..
        } => {
            if !statements.is_empty() || exception.is_some() {
                return Err(not_supported("BEGIN with statements in it"));
            }
            ConnectionCommand::Begin {
                tag: if begin { "BEGIN" } else { "START TRANSACTION" },
                access: access_of(&modes),
            }
        }
        Ast::Commit { .. } => ConnectionCommand::End { tag: "COMMIT" },
        Ast::Rollback {
            savepoint: None, ..
        } => ConnectionCommand::End { tag: "ROLLBACK" },
        Ast::Rollback {
            savepoint: Some(name),
            ..
        } => ConnectionCommand::RollbackTo {
            savepoint: folded(name),
        },
        Ast::Savepoint { name } => ConnectionCommand::Savepoint { name: folded(name) },
        Ast::ReleaseSavepoint { name } => ConnectionCommand::Release {
            savepoint: folded(name),
        },
        Ast::Close { cursor } => ConnectionCommand::Close {
            name: match cursor {
                CloseCursor::All => None,
                CloseCursor::Specific { name } => Some(folded(name)),
            },
        },
        Ast::Discard { .. } => ConnectionCommand::DiscardAll,
        Ast::Declare { stmts } => declare(stmts)?,
        other => {
            let statement = EngineStatement::Statement(Box::new(other));
            return Ok(StatementCommand::Engine(Box::new(statement)));
        }
    };
    Ok(StatementCommand::Connection(connection))
}

fn declare(mut declared: Vec<Declare>) -> Result<ConnectionCommand> {
    let wrong = || {
        ShellError::of_kind(
            ErrorKind::Syntax,
            "the statement is DECLARE name [NO SCROLL] CURSOR [WITH HOLD] FOR query",
        )
    };
    let (Some(mut cursor), true) = (declared.pop(), declared.is_empty()) else {
        return Err(wrong());
    };
    if cursor.scroll == Some(true) {
        return Err(not_supported("a SCROLL cursor"));
    }
    if cursor.binary == Some(true) {
        return Err(not_supported("a BINARY cursor"));
    }
    let (Some(name), true, Some(query)) = (
        cursor.names.pop(),
        cursor.names.is_empty(),
        cursor.for_query,
    ) else {
        return Err(wrong());
    };
    let query = EngineStatement::Statement(Box::new(Ast::Query(query)));
    Ok(ConnectionCommand::Declare {
        name: folded(name),
        query: Box::new(Statement::new(
            "DECLARE CURSOR",
            StatementCommand::Engine(Box::new(query)),
        )),
        hold: cursor.hold == Some(true),
    })
}

fn set_command(set: Set) -> Result<StatementCommand> {
    let (key, value) = match set {
        Set::SingleAssignment {
            hivevar: false,
            variable,
            values,
            ..
        } => (key(&variable), setting_value(&values)?),
        Set::SetTimeZone { value, .. } => ("timezone".to_string(), setting_value(&[value])?),
        Set::SetNames {
            charset_name,
            collation_name: None,
        } => ("client_encoding".to_string(), Some(charset_name.value)),
        Set::SetNamesDefault {} => ("client_encoding".to_string(), None),
        Set::SetTransaction {
            modes,
            snapshot: None,
            session,
        } => {
            return Ok(StatementCommand::Connection(
                ConnectionCommand::SetTransaction {
                    access: access_of(&modes),
                    session,
                },
            ));
        }
        Set::SetRole { role_name, .. } => {
            let role = role_name.map(|role| role.value);
            return Ok(StatementCommand::Connection(ConnectionCommand::SetRole(
                role,
            )));
        }
        Set::SetSessionAuthorization(user) => {
            let user = user.to_string();
            let user = (!user.eq_ignore_ascii_case("default")).then_some(user);
            return Ok(StatementCommand::Connection(ConnectionCommand::SetRole(
                user,
            )));
        }
        other => return Err(not_supported(&other.to_string())),
    };
    Ok(StatementCommand::Set { key, value })
}

/// The value of `SET`; `None` for `DEFAULT`.
fn setting_value(values: &[Expr]) -> Result<Option<String>> {
    if let [Expr::Identifier(word)] = values
        && word.quote_style.is_none()
        && word.value.eq_ignore_ascii_case("default")
    {
        return Ok(None);
    }
    let one = |value: &Expr| match value {
        Expr::Identifier(word) => Ok(word.value.clone()),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text)
            | Value::DoubleQuotedString(text)
            | Value::EscapedStringLiteral(text)
            | Value::UnicodeStringLiteral(text)
            | Value::NationalStringLiteral(text) => Ok(text.clone()),
            Value::DollarQuotedString(text) => Ok(text.value.clone()),
            number @ (Value::Number(..) | Value::Boolean(_)) => Ok(number.to_string()),
            other => Err(not_supported(&format!("the value {other} of a setting"))),
        },
        Expr::UnaryOp {
            op: op @ (UnaryOperator::Minus | UnaryOperator::Plus),
            expr,
        } => match expr.as_ref() {
            Expr::Value(value) => Ok(format!("{op}{}", value.value)),
            other => Err(not_supported(&format!("the value {other} of a setting"))),
        },
        other => Err(not_supported(&format!("the value {other} of a setting"))),
    };
    let values = values.iter().map(one).collect::<Result<Vec<_>>>()?;
    Ok(Some(values.join(", ")))
}

fn access_of(modes: &[TransactionMode]) -> Option<Access> {
    modes.iter().rev().find_map(|mode| match mode {
        TransactionMode::AccessMode(TransactionAccessMode::ReadOnly) => Some(Access::ReadOnly),
        TransactionMode::AccessMode(TransactionAccessMode::ReadWrite) => Some(Access::ReadWrite),
        TransactionMode::IsolationLevel(_) => None,
    })
}

fn not_supported(what: &str) -> ShellError {
    ShellError::of_kind(ErrorKind::NotSupported, format!("{what} is not supported"))
}

/// The key of a setting: its parts in lower case, separated by dots.
fn key(name: &ObjectName) -> String {
    let parts = name.0.iter().filter_map(|part| part.as_ident());
    let parts = parts.map(|part| part.value.to_lowercase());
    parts.collect::<Vec<_>>().join(".")
}
