//! Splits a text into statements and backslash commands.
//!
//! The SQL tokenizer decides what is a string, a comment or a semicolon, so
//! nothing inside quotes or comments ever ends a statement. A backslash outside
//! of them is no SQL, so there a command begins; it takes the rest of its line.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer};

/// What an [`Item`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One SQL statement, without its semicolon.
    Statement,
    /// One backslash command with its arguments, without line end.
    Command,
}

/// One thing to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub kind: Kind,
    pub text: String,
    /// The line it begins on, from 1.
    pub line: usize,
    /// Whether a semicolon ended it; commands are always complete.
    pub complete: bool,
}

/// The text ends inside a string, a comment or a quoted name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The line on which it was opened, from 1.
    pub line: usize,
    pub message: String,
}

/// The items of `text` in order, and what is wrong with its end, if anything.
/// The items before that place are good and can run.
pub fn split(text: &str) -> (Vec<Item>, Option<Unfinished>) {
    let mut items = Vec::new();
    // The tokenizer takes a whole text; a command is not SQL and may hold a
    // lone quote, so after each command it starts afresh behind that line.
    let mut rest = text;
    let mut lines_before = 0;
    loop {
        match Part::of(rest, lines_before, &mut items) {
            Part::Done => return (items, None),
            Part::Unfinished(unfinished) => return (items, Some(unfinished)),
            Part::Behind(offset) => {
                lines_before += rest[..offset].matches('\n').count();
                rest = &rest[offset..];
            }
        }
    }
}

enum Part {
    Done,
    Unfinished(Unfinished),
    /// A command ended here.
    Behind(usize),
}

impl Part {
    fn of(text: &str, lines_before: usize, items: &mut Vec<Item>) -> Self {
        let mut tokens = Vec::new();
        let error = Tokenizer::new(&GenericDialect {}, text)
            .with_unescape(false)
            .tokenize_with_location_into_buf(&mut tokens)
            .err();
        let mut cursor = Cursor::new(text);
        // Where the statement under way begins: offset and line.
        let mut begun: Option<(usize, usize)> = None;
        for token in &tokens {
            match &token.token {
                Token::Whitespace(_) => {}
                Token::SemiColon => {
                    let end = cursor.offset(token.span.start);
                    if let Some((start, line)) = begun.take() {
                        items.push(statement(&text[start..end], line, true));
                    }
                }
                Token::Backslash => {
                    let start = cursor.offset(token.span.start);
                    let line = lines_before + cursor.line;
                    if let Some((start_of_statement, line)) = begun.take() {
                        items.push(statement(&text[start_of_statement..start], line, false));
                    }
                    let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
                    items.push(Item {
                        kind: Kind::Command,
                        text: text[start..end].trim_end().to_string(),
                        line,
                        complete: true,
                    });
                    return Self::Behind((end + 1).min(text.len()));
                }
                _ if begun.is_none() => {
                    let start = cursor.offset(token.span.start);
                    begun = Some((start, lines_before + cursor.line));
                }
                _ => {}
            }
        }
        if let Some(error) = error {
            let opened = tokens.last().map_or(1, |last| last.span.end.line);
            let behind = tokens.last().map_or(0, |last| cursor.offset(last.span.end));
            return Self::Unfinished(Unfinished {
                line: lines_before + usize::try_from(opened).unwrap_or(1),
                message: unfinished(text[behind..].trim_start()).unwrap_or(error.message),
            });
        }
        if let Some((start, line)) = begun {
            items.push(statement(&text[start..], line, false));
        }
        Self::Done
    }
}

fn statement(text: &str, line: usize, complete: bool) -> Item {
    Item {
        kind: Kind::Statement,
        text: text.trim_end().to_string(),
        line,
        complete,
    }
}

/// What the text that the tokenizer could not read opens and does not close.
fn unfinished(opened: &str) -> Option<String> {
    const OPENINGS: &[(&str, &str)] = &[
        ("/*", "this comment has no closing */"),
        ("'", "this string has no closing quote"),
        ("$", "this dollar-quoted string has no end"),
        ("\"", "this quoted name has no closing quote"),
        ("`", "this quoted name has no closing quote"),
    ];
    // A string may have a prefix: E'...', N'...', U&'...'.
    let plain = opened.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '&');
    let known = |text: &str| {
        let mut openings = OPENINGS.iter();
        openings.find(|(opening, _)| text.starts_with(opening))
    };
    known(opened)
        .or_else(|| known(plain))
        .map(|(_, message)| (*message).to_string())
}

/// Turns the tokenizer's lines and columns into offsets, moving forward only.
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
    pub line: usize,
    column: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
            column: 1,
        }
    }

    /// The byte offset of `location`, which lies behind all asked for before.
    pub fn offset(&mut self, location: Location) -> usize {
        let line = usize::try_from(location.line).unwrap_or(usize::MAX);
        let column = usize::try_from(location.column).unwrap_or(usize::MAX);
        for c in self.text[self.at..].chars() {
            if (self.line, self.column) >= (line, column) {
                break;
            }
            self.at += c.len_utf8();
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<String> {
        let (items, unfinished) = split(script);
        assert_eq!(unfinished, None);
        items.into_iter().map(|item| item.text).collect()
    }

    #[test]
    fn semicolons_in_quotes_and_comments_do_not_split() {
        let script = "SELECT ';', \"a;b\" -- ; not here\n, /* ; /* ; */ ; */ $$;$$, $x$ ; $x$; SELECT 'it''s;';";
        assert_eq!(texts(script).len(), 2);
        assert_eq!(texts(script)[1], "SELECT 'it''s;'");
    }

    #[test]
    fn the_last_statement_needs_no_semicolon_and_empty_ones_vanish() {
        let (items, _) = split(";; -- nothing\n;\n\nSELECT 1");
        assert_eq!(items.len(), 1);
        assert_eq!(
            (items[0].text.as_str(), items[0].line, items[0].complete),
            ("SELECT 1", 4, false)
        );
    }

    #[test]
    fn items_know_their_first_line() {
        let (items, _) =
            split("-- head\nSELECT\n 1;\n\\x on\nSELECT 'ä\n';\n  \\echo it's\nSELECT 3");
        let lines: Vec<usize> = items.iter().map(|item| item.line).collect();
        assert_eq!(lines, [2, 4, 5, 7, 8]);
        assert_eq!(items[1].text, "\\x on");
        assert_eq!(items[3].text, "\\echo it's");
        assert_eq!(items[4].text, "SELECT 3");
    }

    #[test]
    fn a_command_may_follow_on_the_same_line() {
        let (items, _) = split("SELECT 1 \\g\nSELECT 2; \\x");
        let kinds: Vec<Kind> = items.iter().map(|item| item.kind).collect();
        assert_eq!(
            kinds,
            [
                Kind::Statement,
                Kind::Command,
                Kind::Statement,
                Kind::Command
            ]
        );
        assert!(!items[0].complete);
        assert!(items[2].complete);
    }

    #[test]
    fn carriage_returns_are_white_space() {
        let (items, _) = split("SELECT 1;\r\n\\x on\r\nSELECT 2;\r\n");
        let found: Vec<(&str, usize)> = items
            .iter()
            .map(|item| (item.text.as_str(), item.line))
            .collect();
        assert_eq!(found, [("SELECT 1", 1), ("\\x on", 2), ("SELECT 2", 3)]);
    }

    #[test]
    fn an_open_string_is_reported_where_it_begins_and_the_rest_runs() {
        let (items, unfinished) = split("SELECT 1;\nSELECT 2,\n 'open;\nSELECT 3;");
        assert_eq!(items.len(), 1);
        let unfinished = unfinished.unwrap();
        assert_eq!(unfinished.line, 3);
        assert!(
            unfinished.message.contains("closing quote"),
            "{}",
            unfinished.message
        );
        assert_eq!(split("SELECT 1 /* no\nend").1.unwrap().line, 1);
        assert_eq!(split("SELECT \"open").1.unwrap().line, 1);
        assert_eq!(split("SELECT\n $x$ open").1.unwrap().line, 2);
    }

    /// Where a text of statements is cut is where the parser ends them, and no
    /// text makes either of them panic. `SEMQL_FUZZ_CASES` makes it longer.
    #[test]
    fn the_parser_ends_statements_where_they_are_cut() {
        const PIECES: &[&str] = &[
            "SELECT",
            " 1",
            " ",
            "\n",
            ";",
            "'a;b'",
            "'it''s'",
            "\"c;d\"",
            "$$e;f$$",
            "$x$ ; $x$",
            "-- g;\n",
            "/* h; */",
            "/* /* i */ ; */",
            "/*! ; */",
            "/*",
            "'",
            "\"",
            "`j;k`",
            "(",
            ")",
            ",",
            " AS x",
            " FROM t",
            "COPY t TO 'x.csv'",
            "INSERT INTO t VALUES (1)",
            "E'\\';'",
            "U&'l'",
            "SUMMARIZE t",
            "DROP MODEL m",
            "SET a = 1",
            "EXPLAIN ",
            "ä€",
            "\u{a0}",
            "\0",
        ];
        let cases = std::env::var("SEMQL_FUZZ_CASES");
        let cases = cases.ok().and_then(|n| n.parse().ok()).unwrap_or(5_000);
        let mut seed = 11u64;
        let mut next = |below: usize| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % below
        };
        let mut agreed = 0;
        for _ in 0..cases {
            let pieces = (0..1 + next(12)).map(|_| PIECES[next(PIECES.len())]);
            let text: String = pieces.collect();
            let (items, unfinished) = split(&text);
            let Ok(statements) = crate::statement::parser::parse(&text) else {
                continue;
            };
            assert_eq!(unfinished, None, "{text:?}");
            let cut: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
            let parsed: Vec<&str> = statements.iter().map(|s| s.text.as_str()).collect();
            assert_eq!(cut, parsed, "{text:?}");
            agreed += usize::from(!parsed.is_empty());
        }
        assert!(agreed > cases / 100, "{agreed}");
    }
}
