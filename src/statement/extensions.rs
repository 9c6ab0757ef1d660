//! Statements that the engine's parser does not read, or reads otherwise. Each
//! is a row of [`EXTENSIONS`].

use datafusion::error::DataFusionError;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{
    CopyLegacyOption, CopyOption, CopySource, CopyTarget, Statement as Ast, TableFactor,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;
use semql_udfs::create_model::CreateModel;

use super::cursor_syntax;
use super::definition_syntax;
use super::index_syntax::CreateIndex;
use super::language_model_syntax::CreateLanguageModel;
use super::model_syntax::{DropModel, ExportModel};
use super::parsed::{
    ConnectionCommand, CopyIn, CopyOut, DescribeSource, Statement, StatementCommand,
};
use super::syntax::{Parsed, all_of, name, reference, select, table, with_usage};
use crate::error::{ErrorKind, Result, ShellError};

/// Statement with its own reader, chosen by its first words.
struct Extension {
    words: &'static [&'static str],
    read: fn(&mut Parser<'_>) -> Parsed<StatementCommand>,
}

/// The first match is used.
const EXTENSIONS: &[Extension] = &[
    Extension {
        words: &["SUMMARIZE"],
        read: summarize,
    },
    Extension {
        words: &["SUMMARISE"],
        read: summarize,
    },
    Extension {
        words: &["CREATE", "MODEL"],
        read: create_model,
    },
    Extension {
        words: &["CREATE", "OR", "REPLACE", "MODEL"],
        read: create_model,
    },
    Extension {
        words: &["CREATE", "EXTERNAL", "MODEL"],
        read: create_language_model,
    },
    Extension {
        words: &["CREATE", "OR", "REPLACE", "EXTERNAL", "MODEL"],
        read: create_language_model,
    },
    Extension {
        words: &["DROP", "EXTERNAL", "MODEL"],
        read: |parser| DropModel::parse(parser).map(StatementCommand::DropModel),
    },
    Extension {
        words: &["CREATE", "INDEX"],
        read: definition_syntax::create_index,
    },
    Extension {
        words: &["CREATE", "OR", "REPLACE", "INDEX"],
        read: |parser| CreateIndex::parse(parser).map(StatementCommand::CreateIndex),
    },
    Extension {
        words: &["DROP", "INDEX"],
        read: definition_syntax::drop_index,
    },
    Extension {
        words: &["DROP", "MODEL"],
        read: |parser| DropModel::parse(parser).map(StatementCommand::DropModel),
    },
    Extension {
        words: &["EXPORT", "MODEL"],
        read: |parser| ExportModel::parse(parser).map(StatementCommand::ExportModel),
    },
    Extension {
        words: &["COMMENT", "ON"],
        read: definition_syntax::comment_on,
    },
    Extension {
        words: &["ALTER", "VIEW"],
        read: definition_syntax::alter_view,
    },
    Extension {
        words: &["SHOW", "INDEXES"],
        read: show_indexes,
    },
    Extension {
        words: &["SHOW", "MODELS"],
        read: |parser| words(parser, 2, StatementCommand::ShowModels),
    },
    Extension {
        words: &["SHOW", "DEVICES"],
        read: |parser| words(parser, 2, StatementCommand::ShowDevices),
    },
    Extension {
        words: &["SHOW", "TABLES"],
        read: |parser| words(parser, 2, StatementCommand::ShowTables),
    },
    Extension {
        words: &["DESCRIBE", "MODEL"],
        read: describe_model,
    },
    Extension {
        words: &["DESCRIBE"],
        read: describe,
    },
    Extension {
        words: &["DESC"],
        read: describe,
    },
    Extension {
        words: &["MOVE"],
        read: |parser| cursor_syntax::fetch(parser, false),
    },
    Extension {
        words: &["FETCH"],
        read: |parser| cursor_syntax::fetch(parser, true),
    },
    Extension {
        words: &["ABORT"],
        read: |parser| {
            let command = ConnectionCommand::End { tag: "ROLLBACK" };
            rest(parser, StatementCommand::Connection(command))
        },
    },
    Extension {
        words: &["UNLISTEN"],
        read: |parser| ignored(parser, "UNLISTEN"),
    },
    Extension {
        words: &["SET", "CONSTRAINTS"],
        read: |parser| ignored(parser, "SET CONSTRAINTS"),
    },
];

/// Maximum number of words that choose a reader.
const MAX_WORDS: usize = 5;

/// Reads a statement of [`EXTENSIONS`]; `None` for all others, which the engine's
/// parser reads.
///
/// # Errors
/// Syntax; a copy from the client.
pub fn read(parser: &mut Parser<'_>) -> Result<Option<StatementCommand>> {
    let words = leading_words(parser);
    let extension = EXTENSIONS.iter().find(|extension| {
        let mut pairs = extension.words.iter().zip(&words);
        extension.words.len() <= words.len() && pairs.all(|(a, b)| a == b)
    });
    if let Some(extension) = extension {
        let command = (extension.read)(parser).map_err(DataFusionError::from)?;
        return Ok(Some(command));
    }
    match words.first().is_some_and(|word| word == "COPY") {
        true => copy_with_client(parser),
        false => Ok(None),
    }
}

/// The unquoted words at the start, in upper case.
fn leading_words(parser: &Parser<'_>) -> Vec<String> {
    let words = (0..MAX_WORDS).map_while(|at| match &parser.peek_nth_token_ref(at).token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_uppercase()),
        _ => None,
    });
    words.collect()
}

fn skip(parser: &mut Parser<'_>, words: usize) {
    for _ in 0..words {
        parser.next_token();
    }
}

/// A statement of `count` words.
fn words(
    parser: &mut Parser<'_>,
    count: usize,
    command: StatementCommand,
) -> Parsed<StatementCommand> {
    skip(parser, count);
    Ok(command)
}

/// A statement whose further words have no effect.
fn rest(parser: &mut Parser<'_>, command: StatementCommand) -> Parsed<StatementCommand> {
    while !matches!(parser.peek_token_ref().token, Token::EOF | Token::SemiColon) {
        parser.next_token();
    }
    Ok(command)
}

fn ignored(parser: &mut Parser<'_>, tag: &'static str) -> Parsed<StatementCommand> {
    let command = ConnectionCommand::Ignored { tag };
    rest(parser, StatementCommand::Connection(command))
}

fn create_model(parser: &mut Parser<'_>) -> Parsed<StatementCommand> {
    let create = CreateModel::parse(parser)?;
    Ok(StatementCommand::CreateModel(Box::new(create)))
}

fn create_language_model(parser: &mut Parser<'_>) -> Parsed<StatementCommand> {
    let create = CreateLanguageModel::parse(parser)?;
    Ok(StatementCommand::CreateLanguageModel(Box::new(create)))
}

fn summarize(parser: &mut Parser<'_>) -> Parsed<StatementCommand> {
    skip(parser, 1);
    let query = match source(parser, "SUMMARIZE")? {
        (DescribeSource::Query(query), _) => query,
        (DescribeSource::Table(_), factor) => all_of(factor)?,
    };
    Ok(StatementCommand::Summarize(query))
}

fn describe(parser: &mut Parser<'_>) -> Parsed<StatementCommand> {
    skip(parser, 1);
    let words = leading_words(parser);
    // `DESCRIBE TABLE t`, unless the table is called `table`.
    if words.len() > 1 && words[0] == "TABLE" {
        skip(parser, 1);
    }
    Ok(StatementCommand::Describe(source(parser, "DESCRIBE")?.0))
}

fn describe_model(parser: &mut Parser<'_>) -> Parsed<StatementCommand> {
    skip(parser, 2);
    name(parser).map(StatementCommand::DescribeModel)
}

fn show_indexes(parser: &mut Parser<'_>) -> Parsed<StatementCommand> {
    skip(parser, 2);
    let on = match parser.parse_keyword(Keyword::ON) {
        true => Ok(()),
        false => parser.expect_keyword(Keyword::FROM).map(drop),
    };
    let named = on.and_then(|()| table(parser));
    with_usage(named, "SHOW INDEXES ON table").map(StatementCommand::ShowIndexes)
}

/// Reads a table, a file, a table function or a query. Also returns it as an
/// item of FROM.
fn source(parser: &mut Parser<'_>, statement: &str) -> Parsed<(DescribeSource, TableFactor)> {
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
        return Ok((DescribeSource::Query(query), derived));
    }
    let factor = parser.parse_table_factor()?;
    let source = match &factor {
        TableFactor::Table {
            name, args: None, ..
        } => DescribeSource::Table(reference(name)?),
        _ => DescribeSource::Query(all_of(factor.clone())?),
    };
    Ok((source, factor))
}

/// Reads `COPY ... TO STDOUT` and `COPY ... FROM STDIN`; `None` for a copy into a
/// file.
fn copy_with_client(parser: &mut Parser<'_>) -> Result<Option<StatementCommand>> {
    let with_client = parser
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
        return copy_from_client(source, options, legacy_options).map(Some);
    }
    let query = match source {
        CopySource::Query(query) => query,
        CopySource::Table {
            table_name,
            columns,
        } => select(&table_name, columns).map_err(DataFusionError::from)?,
    };
    let ast = EngineStatement::Statement(Box::new(Ast::Query(query)));
    let query = StatementCommand::Engine(Box::new(ast));
    let copy = CopyOut {
        query: Statement::new("COPY ... TO STDOUT", query),
        options,
        legacy_options,
    };
    Ok(Some(StatementCommand::Connection(
        ConnectionCommand::CopyOut(Box::new(copy)),
    )))
}

/// `COPY table FROM STDIN`.
fn copy_from_client(
    source: CopySource,
    options: Vec<CopyOption>,
    legacy_options: Vec<CopyLegacyOption>,
) -> Result<StatementCommand> {
    let CopySource::Table {
        table_name,
        columns,
    } = source
    else {
        return Err(ShellError::of_kind(
            ErrorKind::Syntax,
            "COPY ... FROM STDIN writes into a table, not into a query",
        ));
    };
    let query = select(&table_name, columns).map_err(DataFusionError::from)?;
    let ast = EngineStatement::Statement(Box::new(Ast::Query(query)));
    let copy = CopyIn {
        table: table_name,
        columns: Statement::new(
            "COPY ... FROM STDIN",
            StatementCommand::Engine(Box::new(ast)),
        ),
        options,
        legacy_options,
    };
    Ok(StatementCommand::Connection(ConnectionCommand::CopyIn(
        Box::new(copy),
    )))
}
