//! Splits a text into statements and backslash commands.
//!
//! The SQL tokenizer finds strings, comments and semicolons, so nothing inside
//! quotes or comments ends a statement. SQL has no backslash outside of them:
//! there a command begins, which extends to the end of its line.

use std::ops::Range;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::cursor::Cursor;

/// Kind of a [`ScriptItem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// One SQL statement, without its semicolon.
    Statement,
    /// One backslash command with its arguments, without line end.
    Command,
}

/// Statement or command of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptItem {
    pub kind: ItemKind,
    pub text: String,
    /// First line, from 1.
    pub line: usize,
    /// Whether a semicolon ends it; commands are always complete.
    pub complete: bool,
    /// Offset in the text behind it and its semicolon, in bytes.
    pub end: usize,
}

/// String, comment or quoted name that the text does not close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unterminated {
    /// Line of its opening, from 1.
    pub line: usize,
    /// What opens it, such as `'` or `/*`; empty if unknown.
    pub opening: &'static str,
    pub message: String,
}

/// Items of `text` in order, and the unterminated token at its end, if any. The
/// items before that token can run.
pub fn split(text: &str) -> (Vec<ScriptItem>, Option<Unterminated>) {
    let mut items = Vec::new();
    // The tokenizer takes a whole text; a command is not SQL and may hold a
    // single quote, so tokenizing restarts after the line of each command.
    let mut rest = text;
    let mut lines_before = 0;
    loop {
        let (items_before, bytes_before) = (items.len(), text.len() - rest.len());
        let segment_end = split_segment(rest, lines_before, &mut items);
        for item in &mut items[items_before..] {
            item.end += bytes_before;
        }
        match segment_end {
            SegmentEnd::Text => return (items, None),
            SegmentEnd::Unterminated(token) => return (items, Some(token)),
            SegmentEnd::Command(offset) => {
                lines_before += rest[..offset].matches('\n').count();
                rest = &rest[offset..];
            }
        }
    }
}

/// End of a text segment that the tokenizer reads at once.
enum SegmentEnd {
    /// The end of the text.
    Text,
    Unterminated(Unterminated),
    /// The end of a command's line, as a byte offset.
    Command(usize),
}

fn split_segment(text: &str, lines_before: usize, items: &mut Vec<ScriptItem>) -> SegmentEnd {
    let mut tokens = Vec::new();
    let error = Tokenizer::new(&GenericDialect {}, text)
        .with_unescape(false)
        .tokenize_with_location_into_buf(&mut tokens)
        .err();
    let mut cursor = Cursor::new(text);
    // Offset and line of the open statement.
    let mut begun: Option<(usize, usize)> = None;
    for token in &tokens {
        match &token.token {
            Token::Whitespace(_) => {}
            Token::SemiColon => {
                let end = cursor.offset(token.span.start);
                if let Some((start, line)) = begun.take() {
                    items.push(ScriptItem {
                        complete: true,
                        end: cursor.offset(token.span.end),
                        ..open_statement(text, start..end, line)
                    });
                }
            }
            Token::Backslash => {
                let start = cursor.offset(token.span.start);
                let line = lines_before + cursor.line;
                if let Some((start_of_statement, line)) = begun.take() {
                    items.push(open_statement(text, start_of_statement..start, line));
                }
                let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
                items.push(ScriptItem {
                    kind: ItemKind::Command,
                    text: text[start..end].trim_end().to_string(),
                    line,
                    complete: true,
                    end,
                });
                return SegmentEnd::Command((end + 1).min(text.len()));
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
        let (opening, message) = match opening(text[behind..].trim_start()) {
            Some((opening, message)) => (opening, message.to_string()),
            None => ("", error.message),
        };
        return SegmentEnd::Unterminated(Unterminated {
            line: lines_before + usize::try_from(opened).unwrap_or(1),
            opening,
            message,
        });
    }
    if let Some((start, line)) = begun {
        items.push(open_statement(text, start..text.len(), line));
    }
    SegmentEnd::Text
}

/// The statement at `range` of `text`, without a semicolon.
fn open_statement(text: &str, range: Range<usize>, line: usize) -> ScriptItem {
    ScriptItem {
        kind: ItemKind::Statement,
        end: range.end,
        text: text[range].trim_end().to_string(),
        line,
        complete: false,
    }
}

/// Openings of tokens, and the messages for tokens without an end.
const OPENINGS: &[(&str, &str)] = &[
    ("/*", "this comment has no closing */"),
    ("'", "this string has no closing quote"),
    ("$", "this dollar-quoted string has no end"),
    ("\"", "this quoted name has no closing quote"),
    ("`", "this quoted name has no closing quote"),
];

/// Opening and message of the token that `opened` begins and does not close.
fn opening(opened: &str) -> Option<(&'static str, &'static str)> {
    // A string may have a prefix: E'...', N'...', U&'...'.
    let plain = opened.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '&');
    let known = |text: &str| {
        let mut openings = OPENINGS.iter();
        openings.find(|(opening, _)| text.starts_with(opening))
    };
    known(opened).or_else(|| known(plain)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_cases::{Random, cases};

    fn texts(script: &str) -> Vec<String> {
        let (items, unterminated) = split(script);
        assert_eq!(unterminated, None);
        items.into_iter().map(|item| item.text).collect()
    }

    #[test]
    fn semicolons_in_quotes_and_comments_do_not_split() {
        let script = "SELECT ';', \"a;b\" -- ; not here\n, /* ; /* ; */ ; */ $$;$$, $x$ ; $x$; SELECT 'it''s;';";
        assert_eq!(texts(script).len(), 2);
        assert_eq!(texts(script)[1], "SELECT 'it''s;'");
    }

    #[test]
    fn the_last_statement_needs_no_semicolon_and_empty_ones_are_dropped() {
        let (items, _) = split(";; -- nothing\n;\n\nSELECT 1");
        assert_eq!(items.len(), 1);
        assert_eq!(
            (items[0].text.as_str(), items[0].line, items[0].complete),
            ("SELECT 1", 4, false)
        );
    }

    #[test]
    fn items_have_their_first_line() {
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
        let kinds: Vec<ItemKind> = items.iter().map(|item| item.kind).collect();
        assert_eq!(
            kinds,
            [
                ItemKind::Statement,
                ItemKind::Command,
                ItemKind::Statement,
                ItemKind::Command
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
    fn an_unterminated_token_is_reported_with_the_line_of_its_opening() {
        let (items, unterminated) = split("SELECT 1;\nSELECT 2,\n 'open;\nSELECT 3;");
        assert_eq!(items.len(), 1);
        let unterminated = unterminated.unwrap();
        assert_eq!(unterminated.line, 3);
        assert!(
            unterminated.message.contains("closing quote"),
            "{}",
            unterminated.message
        );
        for (text, line, opening) in [
            ("SELECT 1 /* no\nend", 1, "/*"),
            ("SELECT \"open", 1, "\""),
            ("SELECT\n $x$ open", 2, "$"),
            ("SELECT\n E'open", 2, "'"),
        ] {
            let unterminated = split(text).1.unwrap();
            assert_eq!(
                (unterminated.line, unterminated.opening),
                (line, opening),
                "{text}"
            );
        }
    }

    /// Compares `split` with the parser on random texts; neither may panic.
    /// `SEMQL_FUZZ_CASES` sets the number of texts.
    #[test]
    fn split_and_parser_find_the_same_statements() {
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
        let cases = cases(5_000);
        let mut random = Random::new(11);
        let mut agreed = 0;
        for _ in 0..cases {
            let count = 1 + random.below(12);
            let text: String = (0..count).map(|_| random.pick(PIECES)).collect();
            let (items, unterminated) = split(&text);
            let Ok(statements) = crate::statement::parser::parse(&text) else {
                continue;
            };
            assert_eq!(unterminated, None, "{text:?}");
            let split: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
            let parsed: Vec<&str> = statements.iter().map(|s| s.text.as_str()).collect();
            assert_eq!(split, parsed, "{text:?}");
            agreed += usize::from(!parsed.is_empty());
        }
        assert!(agreed > cases / 100, "{agreed}");
    }
}
