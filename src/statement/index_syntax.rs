//! Syntax of `CREATE INDEX` and `DROP INDEX`.
//!
//! The syntax tree of `CREATE INDEX` in sqlparser has no `OR REPLACE`, and an
//! expression in place of the column's name.

use datafusion::common::TableReference;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::syntax::{name, table, with_usage, word};

/// `CREATE [OR REPLACE] INDEX name ON table USING hnsw (column)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateIndex {
    pub name: String,
    pub table: TableReference,
    pub column: String,
    pub replace: bool,
}

impl CreateIndex {
    /// Reads the statement, from its `CREATE`.
    ///
    /// # Errors
    /// Syntax.
    pub fn parse(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        let usage = "CREATE [OR REPLACE] INDEX name ON table USING hnsw (column)";
        with_usage(Self::parts(parser), usage)
    }

    fn parts(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        parser.expect_keyword(Keyword::CREATE)?;
        let replace = parser.parse_keywords(&[Keyword::OR, Keyword::REPLACE]);
        parser.expect_keyword(Keyword::INDEX)?;
        let index = name(parser)?;
        parser.expect_keyword(Keyword::ON)?;
        let table = table(parser)?;
        parser.expect_keyword(Keyword::USING)?;
        word(parser, "hnsw")?;
        parser.expect_token(&Token::LParen)?;
        let column = name(parser)?;
        parser.expect_token(&Token::RParen)?;
        Ok(Self {
            name: index,
            table,
            column,
            replace,
        })
    }
}

/// `DROP INDEX name ON table`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropIndex {
    pub name: String,
    pub table: TableReference,
}

impl DropIndex {
    /// Reads the statement, from its `DROP`.
    ///
    /// # Errors
    /// Syntax.
    pub fn parse(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        with_usage(Self::parts(parser), "DROP INDEX name ON table")
    }

    fn parts(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        parser.expect_keyword(Keyword::DROP)?;
        parser.expect_keyword(Keyword::INDEX)?;
        let index = name(parser)?;
        parser.expect_keyword(Keyword::ON)?;
        Ok(Self {
            name: index,
            table: table(parser)?,
        })
    }
}
