//! Parser of statements: from SQL text to [`Statement`]s.
//!
//! The text is tokenized once, and every statement is read from those tokens: by
//! the readers of [`extensions`](super::extensions), all others by the engine's
//! parser. No other code inspects the text of a statement.

use std::ops::ControlFlow;

use datafusion::error::DataFusionError;
use datafusion::sql::parser::{DFParser, DFParserBuilder, Statement as EngineStatement};
use datafusion::sql::sqlparser::ast::Statement as Ast;
use datafusion::sql::sqlparser::dialect::{Dialect, PostgreSqlDialect};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::command::command_of;
use super::parsed::{Statement, StatementCommand};
use super::{depth, extensions, limits, named_arguments, syntax_trees, unknown_statement};
use crate::dialect::{ColumnName, SemqlDialect, StatementRewriter, column_names};
use crate::error::{ErrorKind, Result, ShellError};
use crate::script::Cursor;

/// Maximum size of a text of statements, in bytes.
pub const MAX_TEXT_BYTES: usize = 64 << 20;

/// Maximum nesting of parentheses and subqueries.
const MAX_NESTING: usize = 100;

/// Parses a text of statements, separated by `;`.
///
/// # Errors
/// Syntax, with the line; text that is too large or nested too deeply.
pub fn parse(text: &str) -> Result<Vec<Statement>> {
    parse_in(&SemqlDialect, text)
}

/// Parses a text from a client of Postgres: as [`parse`] does, and with the clauses
/// of Postgres where that fails. Operators have the same meaning in both.
///
/// # Errors
/// As [`parse`].
pub fn parse_of_client(text: &str) -> Result<Vec<Statement>> {
    parse(text).or_else(|error| match error.kind {
        ErrorKind::Syntax => parse_in(&PostgreSqlDialect {}, text).map_err(|_| error),
        _ => Err(error),
    })
}

/// Parses a text that holds one statement.
///
/// # Errors
/// As [`parse`]; none or several statements.
pub fn parse_one(text: &str) -> Result<Statement> {
    let mut statements = parse(text)?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => Ok(statement),
        (None, _) => Err(ShellError::of_kind(
            ErrorKind::Syntax,
            "there is no statement to run",
        )),
        (Some(_), false) => Err(ShellError::of_kind(
            ErrorKind::Syntax,
            "there are several statements; run them one at a time",
        )),
    }
}

fn parse_in(dialect: &dyn Dialect, text: &str) -> Result<Vec<Statement>> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(ShellError::of_kind(
            ErrorKind::TooComplex,
            format!(
                "the statement has {} bytes, and the maximum is {MAX_TEXT_BYTES}; load the data from a file",
                text.len()
            ),
        ));
    }
    let tokens = Tokenizer::new(dialect, text)
        .tokenize_with_location()
        .map_err(|error| DataFusionError::from(ParserError::from(error)))?;
    depth::check(&tokens)?;
    check_no_command(&tokens)?;
    let first = unknown_statement::first_word(&tokens);
    #[cfg(feature = "databases")]
    let tokens = super::external_table::with_locations(tokens);
    let engine = DFParserBuilder::new(tokens)
        .with_dialect(dialect)
        .with_recursion_limit(MAX_NESTING)
        .build()?;
    let parser = StatementParser { engine };
    parser
        .statements(text)
        .map_err(|error| unknown_statement::diagnose(first, error))
}

/// Names of the columns of a query, before its expressions are rewritten.
fn names_of(command: &StatementCommand) -> Vec<ColumnName> {
    match command {
        StatementCommand::Engine(statement) => match statement.as_ref() {
            EngineStatement::Statement(ast) => match ast.as_ref() {
                Ast::Query(query) => column_names(query),
                Ast::Prepare { statement, .. } => match statement.as_ref() {
                    Ast::Query(query) => column_names(query),
                    _ => Vec::new(),
                },
                _ => Vec::new(),
            },
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Gives the expressions of a command the meaning they have in Postgres.
fn give_meaning(command: &mut StatementCommand) -> Result<()> {
    match syntax_trees::visit(command, &mut StatementRewriter::default()) {
        ControlFlow::Break(error) => Err(DataFusionError::from(error).into()),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Refuses a command of the prompt in place of a statement.
fn check_no_command(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut tokens = tokens.iter().map(|token| &token.token);
    match tokens.find(|token| !matches!(token, Token::Whitespace(_) | Token::SemiColon)) {
        Some(Token::Backslash) => Err(ShellError::of_kind(
            ErrorKind::Syntax,
            "a backslash begins a command of the prompt; only SQL can run here",
        )),
        _ => Ok(()),
    }
}

struct StatementParser<'a> {
    engine: DFParser<'a>,
}

impl<'a> StatementParser<'a> {
    fn statements(mut self, text: &str) -> Result<Vec<Statement>> {
        let mut statements = Vec::new();
        let mut cursor = Cursor::new(text);
        loop {
            while self.inner().consume_token(&Token::SemiColon) {}
            let first = self.inner().peek_token();
            if first.token == Token::EOF {
                return Ok(statements);
            }
            let start = cursor.offset(first.span.start);
            let mut command = self.command()?;
            limits::check(&command)?;
            named_arguments::resolve(&mut command)?;
            let column_names = names_of(&command);
            give_meaning(&mut command)?;
            let behind = self.inner().peek_token();
            let end = match behind.token {
                Token::EOF => text.len(),
                Token::SemiColon => cursor.offset(behind.span.start),
                _ => {
                    let error = self.inner().expected::<()>("end of statement", behind);
                    return match error {
                        Err(error) => Err(DataFusionError::from(error).into()),
                        Ok(()) => Ok(statements),
                    };
                }
            };
            let statement = Statement::new(text[start..end].trim_end(), command);
            statements.push(statement.with_column_names(column_names));
        }
    }

    fn inner(&mut self) -> &mut Parser<'a> {
        &mut self.engine.parser
    }

    fn command(&mut self) -> Result<StatementCommand> {
        match extensions::read(self.inner())? {
            Some(command) => Ok(command),
            None => command_of(self.engine.parse_statement()?),
        }
    }
}

#[cfg(test)]
mod tests;
