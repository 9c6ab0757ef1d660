//! Parts of statements: names, tables and words.

use datafusion::common::TableReference;
use datafusion::error::DataFusionError;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, Query, SelectItem, SetExpr, Statement as Ast, TableFactor,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::error::Result;

pub(super) type Parsed<T> = std::result::Result<T, ParserError>;

/// The syntax tree of a statement, or of the one that it explains; `None` for
/// statements of the engine alone, such as `COPY ... TO`.
pub(super) fn explained_ast(mut statement: &EngineStatement) -> Option<&Ast> {
    while let EngineStatement::Explain(explain) = statement {
        statement = &explain.statement;
    }
    match statement {
        EngineStatement::Statement(ast) => Some(&**ast),
        _ => None,
    }
}

/// Folds an identifier to lower case unless it is quoted.
pub(super) fn folded(name: Ident) -> String {
    match name.quote_style {
        Some(_) => name.value,
        None => name.value.to_lowercase(),
    }
}

/// Reads the name of a model, an index or a column.
pub(super) fn name(parser: &mut Parser<'_>) -> Parsed<String> {
    parser.parse_identifier().map(folded)
}

/// Reads the table that a text names.
///
/// # Errors
/// Syntax.
pub fn table_in(text: &str) -> Result<TableReference> {
    let mut parser = Parser::new(&GenericDialect {})
        .try_with_sql(text)
        .map_err(DataFusionError::from)?;
    let table = table(&mut parser).map_err(DataFusionError::from)?;
    Ok(table)
}

/// Reads a statement of the program itself.
pub(super) fn statement_in(text: &str) -> Result<Ast> {
    let parser = Parser::new(&GenericDialect {}).try_with_sql(text);
    let statement = parser.and_then(|mut parser| parser.parse_statement());
    Ok(statement.map_err(DataFusionError::from)?)
}

/// Reads a query of the program itself.
pub(super) fn query_in(text: &str) -> Result<Box<Query>> {
    let parser = Parser::new(&GenericDialect {}).try_with_sql(text);
    let query = parser.and_then(|mut parser| parser.parse_query());
    Ok(query.map_err(DataFusionError::from)?)
}

/// Reads the name of a table or a 'file'.
pub(super) fn table(parser: &mut Parser<'_>) -> Parsed<TableReference> {
    reference(&parser.parse_object_name(true)?)
}

/// Reads a word that need not be a keyword of SQL.
pub(super) fn word(parser: &mut Parser<'_>, wanted: &str) -> Parsed<()> {
    let found = parser.next_token();
    match &found.token {
        Token::Word(word)
            if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted) =>
        {
            Ok(())
        }
        _ => parser.expected(wanted, found),
    }
}

/// Adds the usage of the statement to a syntax error.
pub(super) fn with_usage<T>(parsed: Parsed<T>, usage: &str) -> Parsed<T> {
    parsed.map_err(|error| match error {
        ParserError::ParserError(why) => {
            ParserError::ParserError(format!("{why}; the statement is {usage}"))
        }
        other => other,
    })
}

/// The table of a name. A quoted 'file' is one name, with its dots.
pub(super) fn reference(name: &ObjectName) -> Parsed<TableReference> {
    let parts = name.0.iter().filter_map(|part| part.as_ident().cloned());
    let parts: Vec<String> = parts.map(folded).collect();
    match parts.as_slice() {
        [table] => Ok(TableReference::bare(table.as_str())),
        [schema, table] => Ok(TableReference::partial(schema.as_str(), table.as_str())),
        [catalog, schema, table] => Ok(TableReference::full(
            catalog.as_str(),
            schema.as_str(),
            table.as_str(),
        )),
        _ => Err(ParserError::ParserError(format!(
            "'{name}' is not the name of a table"
        ))),
    }
}

/// `SELECT * FROM factor`.
pub(super) fn all_of(factor: TableFactor) -> Parsed<Box<Query>> {
    let mut query = Parser::new(&GenericDialect {})
        .try_with_sql("SELECT * FROM t")?
        .parse_query()?;
    if let SetExpr::Select(select) = query.body.as_mut()
        && let [from] = select.from.as_mut_slice()
    {
        from.relation = factor;
    }
    Ok(query)
}

/// `SELECT columns FROM name`; all columns if `columns` is empty.
pub(super) fn select(name: &ObjectName, columns: Vec<Ident>) -> Parsed<Box<Query>> {
    let factor = TableFactor::Table {
        name: name.clone(),
        alias: None,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    };
    let mut query = all_of(factor)?;
    if !columns.is_empty()
        && let SetExpr::Select(select) = query.body.as_mut()
    {
        let items = columns.into_iter().map(Expr::Identifier);
        select.projection = items.map(SelectItem::UnnamedExpr).collect();
    }
    Ok(query)
}
