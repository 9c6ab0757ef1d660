//! Syntax of definitions that the engine's parser does not read, or reads otherwise.

use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{CommentObject, IndexType, ObjectName, Statement as Ast};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::index_syntax::{CreateIndex, DropIndex};
use super::parsed::StatementCommand;
use super::syntax::{Parsed, with_usage};

/// An index of vectors, or one of a table in memory.
pub(super) fn create_index(parser: &mut Parser<'_>) -> Parsed<StatementCommand> {
    let ordinary = |ast: &Ast| match ast {
        Ast::CreateIndex(index) => {
            let is_of_vectors = matches!(&index.using, Some(IndexType::Custom(method))
                if method.value.eq_ignore_ascii_case("hnsw"));
            !is_of_vectors && !is_file(&index.table_name)
        }
        _ => false,
    };
    match engine_statement(parser, ordinary)? {
        Some(command) => Ok(command),
        None => CreateIndex::parse(parser).map(StatementCommand::CreateIndex),
    }
}

/// `DROP INDEX name`; the index of vectors of a table has `ON table`.
pub(super) fn drop_index(parser: &mut Parser<'_>) -> Parsed<StatementCommand> {
    let ordinary = |ast: &Ast| matches!(ast, Ast::Drop { table: None, .. });
    match engine_statement(parser, ordinary)? {
        Some(command) => Ok(command),
        None => DropIndex::parse(parser).map(StatementCommand::DropIndex),
    }
}

/// Whether a name is that of a 'file'.
fn is_file(name: &ObjectName) -> bool {
    let last = name.0.last().and_then(|part| part.as_ident());
    last.is_some_and(|last| last.quote_style == Some('\''))
}

/// Reads a statement of the engine's parser if it passes a test.
fn engine_statement(
    parser: &mut Parser<'_>,
    passes: impl Fn(&Ast) -> bool,
) -> Parsed<Option<StatementCommand>> {
    let statement = parser.maybe_parse(|parser| {
        let ast = parser.parse_statement()?;
        let ends = matches!(parser.peek_token_ref().token, Token::EOF | Token::SemiColon);
        match ends && passes(&ast) {
            true => Ok(ast),
            false => Err(ParserError::ParserError("another statement".to_string())),
        }
    })?;
    Ok(statement.map(|ast| {
        let statement = EngineStatement::Statement(Box::new(ast));
        StatementCommand::Engine(Box::new(statement))
    }))
}

/// Kinds of objects in COMMENT ON whose text may be between dollar signs.
const COMMENTED: &[(Keyword, CommentObject)] = &[
    (Keyword::TABLE, CommentObject::Table),
    (Keyword::VIEW, CommentObject::View),
    (Keyword::COLUMN, CommentObject::Column),
    (Keyword::SCHEMA, CommentObject::Schema),
    (Keyword::DATABASE, CommentObject::Database),
];

/// `COMMENT ON kind name IS 'text'`, also with a text between dollar signs.
pub(super) fn comment_on(parser: &mut Parser<'_>) -> Parsed<StatementCommand> {
    let is_comment = |ast: &Ast| matches!(ast, Ast::Comment { .. });
    if let Some(command) = engine_statement(parser, is_comment)? {
        return Ok(command);
    }
    let read = |parser: &mut Parser<'_>| {
        parser.expect_keywords(&[Keyword::COMMENT, Keyword::ON])?;
        let _ = parser.parse_keyword(Keyword::MATERIALIZED);
        let mut kinds = COMMENTED.iter();
        let Some((_, kind)) = kinds.find(|(keyword, _)| parser.parse_keyword(*keyword)) else {
            let found = parser.next_token();
            return parser.expected("TABLE, VIEW or COLUMN", found);
        };
        let object_name = parser.parse_object_name(false)?;
        parser.expect_keyword(Keyword::IS)?;
        let comment = match parser.next_token().token {
            Token::DollarQuotedString(text) => Some(text.value),
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => Some(text),
            Token::Word(word) if word.keyword == Keyword::NULL => None,
            _ => {
                parser.prev_token();
                let found = parser.next_token();
                return parser.expected("a text or NULL", found);
            }
        };
        Ok(Ast::Comment {
            object_type: *kind,
            object_name,
            comment,
            if_exists: false,
        })
    };
    let ast = with_usage(read(parser), "COMMENT ON TABLE name IS 'text'")?;
    let statement = EngineStatement::Statement(Box::new(ast));
    Ok(StatementCommand::Engine(Box::new(statement)))
}

/// `ALTER VIEW [IF EXISTS] name RENAME TO name`.
pub(super) fn alter_view(parser: &mut Parser<'_>) -> Parsed<StatementCommand> {
    let read = |parser: &mut Parser<'_>| {
        parser.expect_keywords(&[Keyword::ALTER, Keyword::VIEW])?;
        let if_exists = parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS]);
        let name = parser.parse_object_name(true)?;
        parser.expect_keywords(&[Keyword::RENAME, Keyword::TO])?;
        let to = parser.parse_object_name(false)?;
        Ok(StatementCommand::RenameView {
            name,
            to,
            if_exists,
        })
    };
    with_usage(read(parser), "ALTER VIEW name RENAME TO name")
}
