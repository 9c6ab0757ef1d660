//! Identity columns, whose options Postgres takes in any order.

use datafusion::sql::sqlparser::ast::{ColumnOption, GeneratedAs, SequenceOptions};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

/// Reads `GENERATED {ALWAYS | BY DEFAULT} AS IDENTITY [(options)]`; `None` for other
/// options of a column.
pub fn option(parser: &mut Parser) -> Result<Option<ColumnOption>, ParserError> {
    let always = [
        Keyword::GENERATED,
        Keyword::ALWAYS,
        Keyword::AS,
        Keyword::IDENTITY,
    ];
    let by_default = [
        Keyword::GENERATED,
        Keyword::BY,
        Keyword::DEFAULT,
        Keyword::AS,
        Keyword::IDENTITY,
    ];
    let generated_as = if parser.parse_keywords(&always) {
        GeneratedAs::Always
    } else if parser.parse_keywords(&by_default) {
        GeneratedAs::ByDefault
    } else {
        return Ok(None);
    };
    let mut options = Vec::new();
    if parser.consume_token(&Token::LParen) {
        while !parser.consume_token(&Token::RParen) {
            options.push(sequence_option(parser)?);
        }
    }
    Ok(Some(ColumnOption::Generated {
        generated_as,
        sequence_options: Some(options),
        generation_expr: None,
        generation_expr_mode: None,
        generated_keyword: true,
    }))
}

fn sequence_option(parser: &mut Parser) -> Result<SequenceOptions, ParserError> {
    if parser.parse_keywords(&[Keyword::NO, Keyword::MINVALUE]) {
        Ok(SequenceOptions::MinValue(None))
    } else if parser.parse_keywords(&[Keyword::NO, Keyword::MAXVALUE]) {
        Ok(SequenceOptions::MaxValue(None))
    } else if parser.parse_keywords(&[Keyword::NO, Keyword::CYCLE]) {
        Ok(SequenceOptions::Cycle(false))
    } else if parser.parse_keyword(Keyword::CYCLE) {
        Ok(SequenceOptions::Cycle(true))
    } else if parser.parse_keyword(Keyword::MINVALUE) {
        Ok(SequenceOptions::MinValue(Some(parser.parse_expr()?)))
    } else if parser.parse_keyword(Keyword::MAXVALUE) {
        Ok(SequenceOptions::MaxValue(Some(parser.parse_expr()?)))
    } else if parser.parse_keyword(Keyword::CACHE) {
        Ok(SequenceOptions::Cache(parser.parse_expr()?))
    } else if parser.parse_keyword(Keyword::START) {
        let with = parser.parse_keyword(Keyword::WITH);
        Ok(SequenceOptions::StartWith(parser.parse_expr()?, with))
    } else {
        parser.expect_keyword(Keyword::INCREMENT)?;
        let by = parser.parse_keyword(Keyword::BY);
        Ok(SequenceOptions::IncrementBy(parser.parse_expr()?, by))
    }
}
