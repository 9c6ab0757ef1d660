//! Syntax of FETCH and MOVE, in which FROM may be left out.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::parsed::{ConnectionCommand, StatementCommand};
use super::syntax::{Parsed, name, with_usage};

/// Directions of Postgres that need the rows before the current one.
const BACKWARD: &[&str] = &["PRIOR", "FIRST", "LAST", "ABSOLUTE", "RELATIVE", "BACKWARD"];

/// `FETCH|MOVE [NEXT | ALL | count | FORWARD [ALL | count]] [FROM | IN] cursor`.
///
/// # Errors
/// Another direction; a missing name.
pub(super) fn fetch(parser: &mut Parser<'_>, shown: bool) -> Parsed<StatementCommand> {
    parser.next_token();
    let count = count(parser)?;
    let _ = parser.parse_one_of_keywords(&[Keyword::FROM, Keyword::IN]);
    let usage = match shown {
        true => "FETCH [count | ALL] [FROM] cursor",
        false => "MOVE [count | ALL] [FROM] cursor",
    };
    let name = with_usage(name(parser), usage)?;
    Ok(StatementCommand::Connection(ConnectionCommand::Fetch {
        name,
        count,
        shown,
    }))
}

/// Number of rows; `None` for all.
fn count(parser: &mut Parser<'_>) -> Parsed<Option<u64>> {
    if is_name_behind(parser) {
        return Ok(Some(1));
    }
    let is_forward = parser.parse_keyword(Keyword::FORWARD);
    if is_forward && is_name_behind(parser) {
        return Ok(Some(1));
    }
    if !is_forward && parser.parse_keyword(Keyword::NEXT) {
        return Ok(Some(1));
    }
    if parser.parse_keyword(Keyword::ALL) {
        return Ok(None);
    }
    let is_backward = match &parser.peek_token_ref().token {
        Token::Minus => true,
        Token::Word(word) => {
            let mut words = BACKWARD.iter();
            word.quote_style.is_none() && words.any(|known| known.eq_ignore_ascii_case(&word.value))
        }
        _ => false,
    };
    match (is_backward, &parser.peek_token_ref().token) {
        (true, _) => Err(ParserError::ParserError(
            "cursors move forward only: FETCH n, FETCH NEXT, FETCH ALL".to_string(),
        )),
        (false, Token::Number(..)) => parser.parse_literal_uint().map(Some),
        (false, _) => Ok(Some(1)),
    }
}

/// Whether the next word is the name of the cursor, since nothing follows it.
fn is_name_behind(parser: &Parser<'_>) -> bool {
    matches!(
        parser.peek_nth_token_ref(1).token,
        Token::EOF | Token::SemiColon
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;

    fn read(sql: &str) -> Option<(Option<u64>, String)> {
        let mut parser = Parser::new(&PostgreSqlDialect {})
            .try_with_sql(sql)
            .unwrap();
        match fetch(&mut parser, true).ok()? {
            StatementCommand::Connection(ConnectionCommand::Fetch { name, count, .. }) => {
                Some((count, name))
            }
            _ => None,
        }
    }

    #[test]
    fn directions_and_from_are_optional() {
        for (sql, count) in [
            ("FETCH c", Some(1)),
            ("FETCH FROM c", Some(1)),
            ("FETCH NEXT c", Some(1)),
            ("FETCH NEXT IN c;", Some(1)),
            ("FETCH 5 c", Some(5)),
            ("MOVE FORWARD 3 c", Some(3)),
            ("FETCH FORWARD c", Some(1)),
            ("FETCH FORWARD FROM c", Some(1)),
            ("FETCH ALL FROM c", None),
            ("FETCH FORWARD ALL c", None),
        ] {
            assert_eq!(read(sql), Some((count, "c".to_string())), "{sql}");
        }
        assert_eq!(read("FETCH all"), Some((Some(1), "all".to_string())));
    }

    #[test]
    fn other_directions_are_refused() {
        for sql in [
            "FETCH PRIOR FROM c",
            "FETCH -1 FROM c",
            "FETCH BACKWARD 2 c",
            "FETCH",
            "FETCH 5",
        ] {
            assert_eq!(read(sql), None, "{sql}");
        }
    }
}
