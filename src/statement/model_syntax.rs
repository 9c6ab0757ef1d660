//! Syntax of `DROP [EXTERNAL] MODEL` and `EXPORT MODEL`.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};

use super::syntax::{name, with_usage, word};

/// `DROP [EXTERNAL] MODEL [IF EXISTS] name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropModel {
    pub name: String,
    /// Whether only a language model is meant.
    pub is_external: bool,
    pub if_exists: bool,
}

impl DropModel {
    /// Reads the statement, from its `DROP`.
    ///
    /// # Errors
    /// Syntax.
    pub fn parse(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        with_usage(
            Self::parts(parser),
            "DROP [EXTERNAL] MODEL [IF EXISTS] name",
        )
    }

    fn parts(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        parser.expect_keyword(Keyword::DROP)?;
        let is_external = parser.parse_keyword(Keyword::EXTERNAL);
        word(parser, "MODEL")?;
        let if_exists = parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS]);
        Ok(Self {
            name: name(parser)?,
            is_external,
            if_exists,
        })
    }
}

/// `EXPORT MODEL name TO 'file.onnx'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportModel {
    pub name: String,
    pub file: String,
}

impl ExportModel {
    /// Reads the statement, from its `EXPORT`.
    ///
    /// # Errors
    /// Syntax.
    pub fn parse(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        with_usage(Self::parts(parser), "EXPORT MODEL name TO 'file.onnx'")
    }

    fn parts(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        word(parser, "EXPORT")?;
        word(parser, "MODEL")?;
        let name = name(parser)?;
        parser.expect_keyword(Keyword::TO)?;
        Ok(Self {
            name,
            file: parser.parse_literal_string()?,
        })
    }
}
