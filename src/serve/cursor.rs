//! `DECLARE`, `FETCH`, `MOVE` and `CLOSE`: rows that a client takes in parts.

use std::collections::HashMap;

use arrow::datatypes::SchemaRef;
use datafusion::sql::sqlparser::ast::{FetchDirection, Statement as Ast, ValueWithSpan};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use pgwire::error::{PgWireError, PgWireResult};

use super::errors::{self, State};
use super::rows::Rows;
use crate::error::{Result, ShellError};
use crate::script::{Cursor as Place, first_words};

/// Cursors that one client may have open.
const MOST: usize = 100;

/// What a statement asks of cursors.
#[derive(Debug, PartialEq, Eq)]
pub enum Ask {
    Declare {
        name: String,
        query: String,
    },
    Fetch {
        name: String,
        count: usize,
        /// `FETCH` shows the rows, `MOVE` passes over them.
        shown: bool,
    },
    /// One of them, or all.
    Close {
        name: Option<String>,
    },
}

/// Reads a statement about cursors; `None` for every other.
///
/// # Errors
/// Words that do not fit together; directions other than forward.
pub fn read(sql: &str) -> Result<Option<Ask>> {
    let (words, rest) = first_words(sql, 1);
    match words.first().map(String::as_str) {
        Some("DECLARE") => declare(rest).map(Some),
        Some("FETCH") => fetch(sql, true).map(Some),
        Some("MOVE") => fetch(&format!("FETCH {rest}"), false).map(Some),
        Some("CLOSE") => Ok(Some(Ask::Close {
            name: match rest.trim().trim_end_matches(';') {
                all if all.eq_ignore_ascii_case("all") => None,
                name => Some(plain(name)),
            },
        })),
        _ => Ok(None),
    }
}

/// `name [BINARY] [NO SCROLL] CURSOR [WITH HOLD] FOR query`. The query is
/// taken as it stands, for it may be one that only semql reads.
fn declare(rest: &str) -> Result<Ask> {
    let wrong = || ShellError::query("DECLARE is written: DECLARE name CURSOR FOR SELECT ...");
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, rest)
        .with_unescape(false)
        .tokenize_with_location()
        .map_err(|error| ShellError::query(error.to_string()))?;
    let words = tokens.iter().filter_map(|token| match &token.token {
        Token::Word(word) => Some((word, token.span.end)),
        _ => None,
    });
    let words: Vec<_> = words.collect();
    let at = |keyword: &str| {
        words.iter().position(|(word, _)| {
            word.quote_style.is_none() && word.value.eq_ignore_ascii_case(keyword)
        })
    };
    let (Some((name, _)), Some(cursor), Some(behind)) = (words.first(), at("cursor"), at("for"))
    else {
        return Err(wrong());
    };
    if cursor == 0 || behind < cursor {
        return Err(wrong());
    }
    let scrolls = at("scroll").filter(|at| *at < behind);
    if scrolls.is_some_and(|at| at == 0 || !words[at - 1].0.value.eq_ignore_ascii_case("no")) {
        return Err(ShellError::query(
            "cursors go forward only; leave SCROLL out",
        ));
    }
    let query = &rest[Place::new(rest).offset(words[behind].1)..];
    Ok(Ask::Declare {
        name: match name.quote_style {
            Some(_) => name.value.clone(),
            None => name.value.to_lowercase(),
        },
        query: query.trim().to_string(),
    })
}

fn fetch(sql: &str, shown: bool) -> Result<Ask> {
    let backward = || ShellError::query("cursors go forward only: FETCH n, FETCH NEXT, FETCH ALL");
    let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql)
        .map_err(|error| ShellError::query(error.to_string()))?;
    let Some(Ast::Fetch {
        name, direction, ..
    }) = statements.pop()
    else {
        return Err(backward());
    };
    let count = match direction {
        FetchDirection::Next | FetchDirection::Forward { limit: None } => 1,
        FetchDirection::All | FetchDirection::ForwardAll => usize::MAX,
        FetchDirection::Count { limit } | FetchDirection::Forward { limit: Some(limit) } => {
            number(&limit).ok_or_else(backward)?
        }
        _ => return Err(backward()),
    };
    Ok(Ask::Fetch {
        name: plain(&name.to_string()),
        count,
        shown,
    })
}

fn number(value: &ValueWithSpan) -> Option<usize> {
    value.to_string().parse().ok()
}

/// A name as it is kept: in lower case unless it is quoted.
fn plain(name: &str) -> String {
    let name = name.trim();
    match name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'))
    {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_lowercase(),
    }
}

/// The cursors of one client.
#[derive(Default)]
pub struct Cursors(HashMap<String, Rows>);

impl Cursors {
    /// # Errors
    /// If there is such a cursor, or too many.
    pub fn is_free(&self, name: &str) -> PgWireResult<()> {
        if self.0.contains_key(name) {
            return Err(errors::error(
                State::DuplicateCursor,
                format!("there is a cursor {name:?} already"),
            ));
        }
        if self.0.len() >= MOST {
            return Err(errors::error(
                State::DuplicateCursor,
                format!("there are {MOST} cursors open; close some (CLOSE ALL)"),
            ));
        }
        Ok(())
    }

    pub fn put(&mut self, name: String, rows: Rows) {
        self.0.insert(name, rows);
    }

    /// # Errors
    /// If there is no such cursor.
    pub fn take(&mut self, name: &str) -> PgWireResult<Rows> {
        self.0.remove(name).ok_or_else(|| missing(name))
    }

    /// The columns of a cursor.
    ///
    /// # Errors
    /// If there is no such cursor.
    pub fn schema(&self, name: &str) -> PgWireResult<SchemaRef> {
        self.0
            .get(name)
            .map(Rows::schema)
            .ok_or_else(|| missing(name))
    }
}

fn missing(name: &str) -> PgWireError {
    errors::error(
        State::UndefinedCursor,
        format!("there is no cursor {name:?}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_about_cursors_are_read() {
        let of = |sql: &str| read(sql).unwrap().unwrap();
        let declared = Ask::Declare {
            name: "c".into(),
            query: "SELECT * FROM 'x.csv' -- for".into(),
        };
        assert_eq!(
            of("DECLARE c CURSOR FOR SELECT * FROM 'x.csv' -- for"),
            declared
        );
        assert_eq!(
            of("declare C no scroll cursor with hold for\nSELECT * FROM 'x.csv' -- for"),
            declared
        );
        let fetched = |count, shown| Ask::Fetch {
            name: "c".into(),
            count,
            shown,
        };
        assert_eq!(of("FETCH FORWARD 100 FROM c"), fetched(100, true));
        assert_eq!(of("FETCH NEXT FROM c"), fetched(1, true));
        assert_eq!(of("FETCH ALL FROM c"), fetched(usize::MAX, true));
        assert_eq!(of("MOVE FORWARD 3 FROM c"), fetched(3, false));
        assert_eq!(
            of("CLOSE c"),
            Ask::Close {
                name: Some("c".into())
            }
        );
        assert_eq!(of("CLOSE ALL;"), Ask::Close { name: None });
        assert_eq!(read("SELECT 1").unwrap(), None);
    }

    #[test]
    fn what_cannot_be_done_is_told() {
        for sql in [
            "DECLARE c FOR SELECT 1",
            "DECLARE c SCROLL CURSOR FOR SELECT 1",
            "FETCH PRIOR FROM c",
            "FETCH",
        ] {
            assert!(read(sql).is_err(), "{sql}");
        }
    }
}
