//! Parser of statements: from SQL text to [`Statement`]s.
//!
//! The text is tokenized once and every statement is read from those tokens:
//! statements of semql's own by the readers of [`OWN`], all others by the
//! engine's parser. No other code judges a statement by its text.

use datafusion::error::DataFusionError;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::parser::{DFParser, DFParserBuilder};
use datafusion::sql::sqlparser::ast::{
    CopySource, CopyTarget, FetchDirection, Statement as Ast, TableFactor,
};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, PostgreSqlDialect};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use semql_udfs::trained::CreateModel;

use super::command::command_of;
use super::index::{CreateIndex, DropIndex};
use super::model::{DropModel, ExportModel};
use super::parsed::{Command, ConnectionCommand, CopyOut, Source, Statement};
use super::syntax::{Parsed, all_of, folded, name, reference, select, table, with_usage};
use super::{depth, limits};
use crate::error::{ErrorKind, Result, ShellError};
use crate::script::Cursor;
use crate::suggest::closest;

/// Bytes of a text of statements.
pub const MAX_TEXT: usize = 64 << 20;

/// Nesting of parentheses and subqueries.
const MAX_NESTING: usize = 100;

/// Parses a text of statements, separated by `;`.
///
/// # Errors
/// Syntax, with the line; text that is too large or nested too deeply.
pub fn parse(text: &str) -> Result<Vec<Statement>> {
    parse_in(&GenericDialect {}, text)
}

/// Parses what a client of Postgres sends: as [`parse`] does, and where that
/// cannot read it, in the dialect of Postgres.
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
    if text.len() > MAX_TEXT {
        return Err(ShellError::of_kind(
            ErrorKind::TooComplex,
            format!(
                "the statement has {} bytes, and {MAX_TEXT} are the most; load the data from a file",
                text.len()
            ),
        ));
    }
    let tokens = Tokenizer::new(dialect, text)
        .tokenize_with_location()
        .map_err(|error| DataFusionError::from(ParserError::from(error)))?;
    depth::check(&tokens)?;
    check_no_command(&tokens)?;
    let first = first_word(&tokens);
    let engine = DFParserBuilder::new(tokens)
        .with_dialect(dialect)
        .with_recursion_limit(MAX_NESTING)
        .build()?;
    let parser = StatementParser { engine };
    parser
        .statements(text)
        .map_err(|error| unknown_statement(first, error))
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

/// The first word of the text, where it begins with one.
fn first_word(tokens: &[TokenWithSpan]) -> Option<String> {
    let mut tokens = tokens.iter().map(|token| &token.token);
    match tokens.find(|token| !matches!(token, Token::Whitespace(_) | Token::SemiColon))? {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.clone()),
        _ => None,
    }
}

/// Words that begin a statement.
const BEGINNINGS: &[&str] = &[
    "SELECT",
    "WITH",
    "VALUES",
    "TABLE",
    "FROM",
    "SUMMARIZE",
    "SUMMARISE",
    "DESCRIBE",
    "DESC",
    "SHOW",
    "SET",
    "RESET",
    "COPY",
    "CREATE",
    "DROP",
    "ALTER",
    "TRUNCATE",
    "INSERT",
    "DELETE",
    "UPDATE",
    "MERGE",
    "EXPLAIN",
    "ANALYZE",
    "EXPORT",
    "PREPARE",
    "EXECUTE",
    "DEALLOCATE",
    "BEGIN",
    "START",
    "COMMIT",
    "END",
    "ROLLBACK",
    "ABORT",
    "SAVEPOINT",
    "RELEASE",
    "DECLARE",
    "FETCH",
    "MOVE",
    "CLOSE",
    "DISCARD",
    "LISTEN",
    "UNLISTEN",
    "GRANT",
    "REVOKE",
    "VACUUM",
    "CALL",
    "USE",
];

/// Names the misspelt first word where that is what the parser met.
fn unknown_statement(first: Option<String>, error: ShellError) -> ShellError {
    let Some(word) = first.filter(|_| error.kind == ErrorKind::Syntax) else {
        return error;
    };
    if BEGINNINGS
        .iter()
        .any(|begins| begins.eq_ignore_ascii_case(&word))
    {
        return error;
    }
    let next = match closest(&word, BEGINNINGS.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => "\\h lists the statements".to_string(),
    };
    ShellError {
        message: format!("unknown statement '{word}'; {next}"),
        ..error
    }
}

/// Reader of a statement of semql's own, by the words that it begins with.
struct Own {
    words: &'static [&'static str],
    read: fn(&mut StatementParser<'_>) -> Parsed<Command>,
}

/// Statements that the engine's parser does not know, or reads otherwise. The
/// first that fits is taken.
const OWN: &[Own] = &[
    Own {
        words: &["SUMMARIZE"],
        read: |parser| parser.summarize(),
    },
    Own {
        words: &["SUMMARISE"],
        read: |parser| parser.summarize(),
    },
    Own {
        words: &["CREATE", "MODEL"],
        read: |parser| {
            CreateModel::parse(parser.inner())
                .map(Box::new)
                .map(Command::CreateModel)
        },
    },
    Own {
        words: &["CREATE", "OR", "REPLACE", "MODEL"],
        read: |parser| {
            CreateModel::parse(parser.inner())
                .map(Box::new)
                .map(Command::CreateModel)
        },
    },
    Own {
        words: &["CREATE", "INDEX"],
        read: |parser| CreateIndex::parse(parser.inner()).map(Command::CreateIndex),
    },
    Own {
        words: &["CREATE", "OR", "REPLACE", "INDEX"],
        read: |parser| CreateIndex::parse(parser.inner()).map(Command::CreateIndex),
    },
    Own {
        words: &["DROP", "INDEX"],
        read: |parser| DropIndex::parse(parser.inner()).map(Command::DropIndex),
    },
    Own {
        words: &["DROP", "MODEL"],
        read: |parser| DropModel::parse(parser.inner()).map(Command::DropModel),
    },
    Own {
        words: &["EXPORT", "MODEL"],
        read: |parser| ExportModel::parse(parser.inner()).map(Command::ExportModel),
    },
    Own {
        words: &["SHOW", "INDEXES"],
        read: |parser| parser.show_indexes(),
    },
    Own {
        words: &["SHOW", "MODELS"],
        read: |parser| parser.words(2, Command::ShowModels),
    },
    Own {
        words: &["SHOW", "TABLES"],
        read: |parser| parser.words(2, Command::ShowTables),
    },
    Own {
        words: &["DESCRIBE", "MODEL"],
        read: |parser| parser.describe_model(),
    },
    Own {
        words: &["DESCRIBE"],
        read: |parser| parser.describe(),
    },
    Own {
        words: &["DESC"],
        read: |parser| parser.describe(),
    },
    Own {
        words: &["MOVE"],
        read: |parser| parser.fetch(false),
    },
    Own {
        words: &["FETCH"],
        read: |parser| parser.fetch(true),
    },
    Own {
        words: &["ABORT"],
        read: |parser| {
            parser.rest(Command::Connection(ConnectionCommand::End {
                tag: "ROLLBACK",
            }))
        },
    },
    Own {
        words: &["UNLISTEN"],
        read: |parser| parser.ignored("UNLISTEN"),
    },
    Own {
        words: &["SET", "CONSTRAINTS"],
        read: |parser| parser.ignored("SET CONSTRAINTS"),
    },
];

/// Words that choose a reader, at most.
const MAX_WORDS: usize = 4;

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
            let command = self.command()?;
            limits::check(&command)?;
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
            statements.push(Statement::new(text[start..end].trim_end(), command));
        }
    }

    fn inner(&mut self) -> &mut Parser<'a> {
        &mut self.engine.parser
    }

    fn command(&mut self) -> Result<Command> {
        let words = self.leading_words();
        let own = OWN.iter().find(|own| {
            own.words.len() <= words.len() && own.words.iter().zip(&words).all(|(a, b)| a == b)
        });
        if let Some(own) = own {
            return (own.read)(self).map_err(|error| DataFusionError::from(error).into());
        }
        if words.first().is_some_and(|word| word == "COPY")
            && let Some(copy) = self.copy_with_client()?
        {
            return Ok(copy);
        }
        let statement = self.engine.parse_statement()?;
        command_of(statement)
    }

    /// The unquoted words at the beginning, in upper case.
    fn leading_words(&mut self) -> Vec<String> {
        let words =
            (0..MAX_WORDS).map_while(
                |at| match &self.engine.parser.peek_nth_token_ref(at).token {
                    Token::Word(word) if word.quote_style.is_none() => {
                        Some(word.value.to_uppercase())
                    }
                    _ => None,
                },
            );
        words.collect()
    }

    fn skip(&mut self, words: usize) {
        for _ in 0..words {
            self.inner().next_token();
        }
    }

    /// A statement of these words alone.
    fn words(&mut self, count: usize, command: Command) -> Parsed<Command> {
        self.skip(count);
        Ok(command)
    }

    /// A statement whose further words say nothing.
    fn rest(&mut self, command: Command) -> Parsed<Command> {
        while !matches!(
            self.inner().peek_token_ref().token,
            Token::EOF | Token::SemiColon
        ) {
            self.inner().next_token();
        }
        Ok(command)
    }

    fn ignored(&mut self, tag: &'static str) -> Parsed<Command> {
        self.rest(Command::Connection(ConnectionCommand::Ignored { tag }))
    }

    fn summarize(&mut self) -> Parsed<Command> {
        self.skip(1);
        let query = match self.source("SUMMARIZE")? {
            (Source::Query(query), _) => query,
            (Source::Table(_), factor) => all_of(factor)?,
        };
        Ok(Command::Summarize(query))
    }

    fn describe(&mut self) -> Parsed<Command> {
        self.skip(1);
        let words = self.leading_words();
        // `DESCRIBE TABLE t`, unless the table is called `table`.
        if words.len() > 1 && words[0] == "TABLE" {
            self.skip(1);
        }
        Ok(Command::Describe(self.source("DESCRIBE")?.0))
    }

    fn describe_model(&mut self) -> Parsed<Command> {
        self.skip(2);
        name(self.inner()).map(Command::DescribeModel)
    }

    fn show_indexes(&mut self) -> Parsed<Command> {
        self.skip(2);
        let parser = self.inner();
        let on = match parser.parse_keyword(Keyword::ON) {
            true => Ok(()),
            false => parser.expect_keyword(Keyword::FROM).map(drop),
        };
        let named = on.and_then(|()| table(parser));
        with_usage(named, "SHOW INDEXES ON table").map(Command::ShowIndexes)
    }

    /// A table, a file, a table function or a query, also as what stands in
    /// FROM.
    fn source(&mut self, statement: &str) -> Parsed<(Source, TableFactor)> {
        let parser = self.inner();
        let is_query = match &parser.peek_token_ref().token {
            Token::EOF | Token::SemiColon => {
                return Err(ParserError::ParserError(format!(
                    "{statement} what? Name a table, a 'file' or a query"
                )));
            }
            Token::Word(word) => matches!(
                word.keyword,
                Keyword::SELECT | Keyword::WITH | Keyword::VALUES | Keyword::TABLE
            ),
            Token::LParen => true,
            _ => false,
        };
        if is_query {
            let query = parser.parse_query()?;
            let derived = TableFactor::Derived {
                lateral: false,
                subquery: query.clone(),
                alias: None,
                sample: None,
            };
            return Ok((Source::Query(query), derived));
        }
        let factor = parser.parse_table_factor()?;
        let source = match &factor {
            TableFactor::Table {
                name, args: None, ..
            } => Source::Table(reference(name)?),
            _ => Source::Query(all_of(factor.clone())?),
        };
        Ok((source, factor))
    }

    fn fetch(&mut self, shown: bool) -> Parsed<Command> {
        self.skip(1);
        let backward = || {
            ParserError::ParserError(
                "cursors go forward only: FETCH n, FETCH NEXT, FETCH ALL".to_string(),
            )
        };
        let Ast::Fetch {
            name, direction, ..
        } = self.inner().parse_fetch_statement()?
        else {
            return Err(backward());
        };
        let count = match direction {
            FetchDirection::Next | FetchDirection::Forward { limit: None } => Some(1),
            FetchDirection::All | FetchDirection::ForwardAll => None,
            FetchDirection::Count { limit } | FetchDirection::Forward { limit: Some(limit) } => {
                let count = limit.to_string().parse().map_err(|_| backward())?;
                Some(count)
            }
            _ => return Err(backward()),
        };
        Ok(Command::Connection(ConnectionCommand::Fetch {
            name: folded(name),
            count,
            shown,
        }))
    }

    /// `COPY ... TO STDOUT` and `FROM STDIN`; `None` for a copy into a file,
    /// which the engine's parser reads.
    fn copy_with_client(&mut self) -> Result<Option<Command>> {
        let with_client = self
            .inner()
            .maybe_parse(|parser| match parser.parse_statement()? {
                copy @ Ast::Copy {
                    target: CopyTarget::Stdout | CopyTarget::Stdin,
                    ..
                } => Ok(copy),
                _ => Err(ParserError::ParserError("a file".to_string())),
            })
            .map_err(DataFusionError::from)?;
        let Some(Ast::Copy {
            source,
            to,
            options,
            legacy_options,
            ..
        }) = with_client
        else {
            return Ok(None);
        };
        if !to {
            return Err(ShellError::of_kind(
                ErrorKind::NotSupported,
                "COPY ... FROM STDIN is not supported; put the data into a file and query the file",
            ));
        }
        let query = match source {
            CopySource::Query(query) => query,
            CopySource::Table {
                table_name,
                columns,
            } => select(&table_name, columns).map_err(DataFusionError::from)?,
        };
        let ast = EngineStatement::Statement(Box::new(Ast::Query(query)));
        Ok(Some(Command::Connection(ConnectionCommand::CopyOut(
            Box::new(CopyOut {
                query: Statement::new("COPY ... TO STDOUT", Command::Engine(Box::new(ast))),
                options,
                legacy_options,
            }),
        ))))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::common::TableReference;

    use super::super::parsed::{Access, Effect};
    use super::*;

    fn one(sql: &str) -> Statement {
        parse_one(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    #[test]
    fn texts_hold_statements_with_their_own_texts() {
        let statements = parse("SELECT ';'; -- one\nSELECT 2 ;; SUMMARIZE t").unwrap();
        let texts: Vec<&str> = statements.iter().map(|s| s.text.as_str()).collect();
        assert_eq!(texts, ["SELECT ';'", "SELECT 2", "SUMMARIZE t"]);
        assert!(parse(" ; -- nothing\n;").unwrap().is_empty());
        for wrong in ["SELECT 'x", "SELECT 1 SELECT 2", "SUMMARIZE t u v", "\\d"] {
            assert_eq!(parse(wrong).unwrap_err().kind, ErrorKind::Syntax, "{wrong}");
        }
    }

    #[test]
    fn own_statements_become_their_commands() {
        let command = |sql: &str| one(sql).command;
        assert!(matches!(command("show models"), Command::ShowModels));
        assert!(matches!(
            command("/* x */ Show Tables"),
            Command::ShowTables
        ));
        assert!(matches!(command("SHOW ALL"), Command::Show { name, .. } if name == "all"));
        assert!(matches!(
            command("SUMMARIZE 'a.b/c.csv'"),
            Command::Summarize(query) if query.to_string() == "SELECT * FROM 'a.b/c.csv'"
        ));
        for query in [
            "SUMMARIZE SELECT 1",
            "SUMMARIZE (SELECT 1)",
            "SUMMARIZE f(1)",
            "DESC VALUES (1)",
        ] {
            let command = command(query);
            assert!(
                matches!(
                    command,
                    Command::Summarize(_) | Command::Describe(Source::Query(_))
                ),
                "{query}"
            );
        }
        assert!(matches!(
            command("DESCRIBE TABLE T"),
            Command::Describe(Source::Table(TableReference::Bare { table })) if &*table == "t"
        ));
        assert!(matches!(
            command("drop model if exists m"),
            Command::DropModel(_)
        ));
        assert!(matches!(
            command("EXPORT MODEL m TO 'm.onnx'"),
            Command::ExportModel(_)
        ));
        assert!(matches!(
            command("CREATE OR REPLACE INDEX i ON 'a.parquet' USING hnsw (v)"),
            Command::CreateIndex(_)
        ));
    }

    #[test]
    fn settings_are_read_in_every_spelling() {
        for (sql, key, value) in [
            ("SET ai.model = 'x'", "ai.model", Some("x")),
            ("set AI . Model TO x", "ai.model", Some("x")),
            (
                "SET SESSION extra_float_digits = 3",
                "extra_float_digits",
                Some("3"),
            ),
            ("SET search_path TO a, \"B\"", "search_path", Some("a, B")),
            ("SET TIME ZONE 'UTC'", "timezone", Some("UTC")),
            ("SET x = -1", "x", Some("-1")),
            ("SET NAMES utf8", "client_encoding", Some("utf8")),
            ("SET x = DEFAULT", "x", None),
        ] {
            let Command::Set { key: k, value: v } = one(sql).command else {
                panic!("{sql}");
            };
            assert_eq!((k.as_str(), v.as_deref()), (key, value), "{sql}");
        }
    }

    #[test]
    fn effects_are_those_of_the_tree() {
        for (sql, effect) in [
            ("SELECT 1", Effect::Query),
            ("(SELECT 1) UNION ALL SELECT 2", Effect::Query),
            ("WITH a AS (SELECT 1) SELECT * FROM a", Effect::Query),
            ("VALUES (1)", Effect::Query),
            ("EXPLAIN INSERT INTO t VALUES (1)", Effect::Query),
            ("EXPLAIN ANALYZE SELECT 1", Effect::Query),
            ("SHOW TABLES", Effect::Query),
            ("SUMMARIZE t", Effect::Query),
            ("SET ai.model = 'x'", Effect::Settings),
            ("BEGIN", Effect::Settings),
            ("PREPARE p AS SELECT 1", Effect::Settings),
            ("DECLARE c CURSOR FOR SELECT 1", Effect::Settings),
            ("EXPLAIN ANALYZE INSERT INTO t VALUES (1)", Effect::Writes),
            ("EXPLAIN ANALYZE COPY t TO 'x.csv'", Effect::Writes),
            ("PREPARE p AS INSERT INTO t VALUES (1)", Effect::Writes),
            ("SELECT n INTO u FROM t", Effect::Writes),
            ("COPY t TO 'x.csv'", Effect::Writes),
            (
                "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'x.csv'",
                Effect::Writes,
            ),
            ("CREATE VIEW v AS SELECT 1", Effect::Writes),
            ("DROP TABLE t", Effect::Writes),
            ("DROP MODEL m", Effect::Writes),
            ("TRUNCATE TABLE t", Effect::Writes),
            ("COPY t TO STDOUT", Effect::Query),
        ] {
            assert_eq!(one(sql).effect(), effect, "{sql}");
        }
    }

    #[test]
    fn tags_are_those_of_postgres() {
        for (sql, tag) in [
            ("insert into t values (1)", "INSERT"),
            ("CREATE TABLE t AS SELECT 1", "CREATE TABLE"),
            ("DROP VIEW v", "DROP VIEW"),
            ("COPY t TO 'x.parquet'", "COPY"),
            ("begin", "BEGIN"),
            ("START TRANSACTION READ ONLY", "START TRANSACTION"),
            ("END", "COMMIT"),
            ("ABORT", "ROLLBACK"),
            ("ROLLBACK TO s", "ROLLBACK"),
            ("MOVE 3 FROM c", "MOVE"),
            ("SELECT 1", "SELECT"),
        ] {
            assert_eq!(one(sql).tag(), tag, "{sql}");
        }
    }

    #[test]
    fn cursors_and_transactions_are_read() {
        let command = |sql: &str| match one(sql).command {
            Command::Connection(command) => command,
            other => panic!("{sql}: {other:?}"),
        };
        assert!(matches!(
            command("FETCH FORWARD 100 FROM c"),
            ConnectionCommand::Fetch {
                count: Some(100),
                shown: true,
                ..
            }
        ));
        assert!(matches!(
            command("MOVE ALL IN \"C\""),
            ConnectionCommand::Fetch { count: None, shown: false, name } if name == "C"
        ));
        assert!(matches!(
            command("declare C no scroll cursor with hold for SELECT * FROM 'x.csv'"),
            ConnectionCommand::Declare { name, .. } if name == "c"
        ));
        assert!(matches!(
            command("BEGIN READ ONLY"),
            ConnectionCommand::Begin {
                access: Some(Access::ReadOnly),
                ..
            }
        ));
        assert!(matches!(
            command("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"),
            ConnectionCommand::SetTransaction {
                access: Some(Access::ReadWrite),
                session: true
            }
        ));
        assert!(matches!(
            command("SET ROLE boss"),
            ConnectionCommand::SetRole(Some(_))
        ));
        assert!(matches!(
            command("SET ROLE NONE"),
            ConnectionCommand::SetRole(None)
        ));
        for wrong in [
            "DECLARE c FOR SELECT 1",
            "DECLARE c SCROLL CURSOR FOR SELECT 1",
            "DECLARE c CURSOR FOR SELECT 1 SELECT 2",
            "FETCH PRIOR FROM c",
            "FETCH",
            "COPY t FROM STDIN",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn misspelt_statements_are_named() {
        let message = |sql: &str| parse(sql).unwrap_err().message;
        assert_eq!(
            message("SELCT 1"),
            "unknown statement 'SELCT'; did you mean SELECT?"
        );
        assert!(message("SELECT 1 FROM (").starts_with("syntax error"));
    }
}
