//! Parsed statements, with their effect and command tag.

use datafusion::common::TableReference;
use datafusion::sql::parser::{CopyToStatement, ExplainStatement, Statement as EngineStatement};
use datafusion::sql::sqlparser::ast::{
    CopyLegacyOption, CopyOption, ObjectName, Query, SetExpr, Statement as Ast,
};
use semql_udfs::create_model::CreateModel;

use crate::dialect::ColumnName;

use super::index_syntax::{CreateIndex, DropIndex};
use super::language_model_syntax::CreateLanguageModel;
use super::model_syntax::{DropModel, ExportModel};

/// Parsed statement. Its text is for logs, messages and history only.
#[derive(Clone, Debug)]
pub struct Statement {
    pub text: String,
    pub command: StatementCommand,
    /// Names that Postgres gives to the columns of a query; empty for all other statements.
    pub column_names: Vec<ColumnName>,
}

/// Command of a statement.
#[derive(Clone, Debug)]
pub enum StatementCommand {
    /// A query, DDL or DML that the engine plans.
    Engine(Box<EngineStatement>),
    Explain(Box<ExplainStatement>),
    CopyTo(Box<CopyToStatement>),
    Set {
        key: String,
        /// `None` is the default.
        value: Option<String>,
    },
    Reset {
        key: String,
    },
    /// `SHOW` of a setting, or of another name of the engine.
    Show {
        /// The words after SHOW, in lower case and with dots between.
        name: String,
        statement: Box<EngineStatement>,
    },
    ShowTables,
    ShowModels,
    ShowDevices,
    ShowIndexes(TableReference),
    Describe(DescribeSource),
    DescribeModel(String),
    /// A summary of a query; a table becomes `SELECT *` from it.
    Summarize(Box<Query>),
    CreateModel(Box<CreateModel>),
    CreateLanguageModel(Box<CreateLanguageModel>),
    DropModel(DropModel),
    ExportModel(ExportModel),
    CreateIndex(CreateIndex),
    DropIndex(DropIndex),
    /// `ALTER VIEW ... RENAME TO`.
    RenameView {
        name: ObjectName,
        to: ObjectName,
        if_exists: bool,
    },
    /// Runs in a connection of the server.
    Connection(ConnectionCommand),
}

/// A table, a file or a query.
#[derive(Clone, Debug)]
pub enum DescribeSource {
    Table(TableReference),
    Query(Box<Query>),
}

/// Command for a connection of the server: transactions, cursors, `COPY ... TO
/// STDOUT`.
#[derive(Clone, Debug)]
pub enum ConnectionCommand {
    Begin {
        /// `BEGIN` or `START TRANSACTION`.
        tag: &'static str,
        access: Option<Access>,
    },
    /// `COMMIT`, `END`, `ROLLBACK`, `ABORT`.
    End {
        tag: &'static str,
    },
    RollbackTo {
        savepoint: String,
    },
    Savepoint {
        name: String,
    },
    /// `RELEASE SAVEPOINT`.
    Release {
        savepoint: String,
    },
    SetTransaction {
        access: Option<Access>,
        /// Whether it applies to all later transactions.
        session: bool,
    },
    /// `SET ROLE`, `SET SESSION AUTHORIZATION`; `None` is the authenticated user.
    SetRole(Option<String>),
    Declare {
        name: String,
        query: Box<Statement>,
        /// Whether the cursor outlives its transaction, `WITH HOLD`.
        hold: bool,
    },
    Fetch {
        name: String,
        /// `None` is all remaining rows.
        count: Option<u64>,
        /// `FETCH` returns the rows, `MOVE` skips them.
        shown: bool,
    },
    /// Closes one cursor; all for `None`.
    Close {
        name: Option<String>,
    },
    CopyOut(Box<CopyOut>),
    CopyIn(Box<CopyIn>),
    DiscardAll,
    /// Accepted without effect: `UNLISTEN`, `SET CONSTRAINTS`.
    Ignored {
        tag: &'static str,
    },
}

/// Access mode of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    ReadOnly,
    ReadWrite,
}

/// `COPY (query | table) TO STDOUT`.
#[derive(Clone, Debug)]
pub struct CopyOut {
    pub query: Statement,
    pub options: Vec<CopyOption>,
    pub legacy_options: Vec<CopyLegacyOption>,
}

/// `COPY table FROM STDIN`.
#[derive(Clone, Debug)]
pub struct CopyIn {
    pub table: ObjectName,
    /// A query with the columns that get values.
    pub columns: Statement,
    pub options: Vec<CopyOption>,
    pub legacy_options: Vec<CopyLegacyOption>,
}

/// Side effect of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Reads only.
    Query,
    /// Changes the session only: settings, prepared statements, cursors.
    Settings,
    /// Writes files, or changes the data of other statements.
    Writes,
}

impl Statement {
    pub fn new(text: impl Into<String>, command: StatementCommand) -> Self {
        Self {
            text: text.into(),
            command,
            column_names: Vec::new(),
        }
    }

    /// The statement with the names of its columns.
    pub fn with_column_names(self, column_names: Vec<ColumnName>) -> Self {
        Self {
            column_names,
            ..self
        }
    }

    /// Side effect of the statement.
    pub fn effect(&self) -> Effect {
        match &self.command {
            StatementCommand::Engine(statement) => effect_of_engine(statement),
            StatementCommand::Explain(explain) => effect_of_explain(explain),
            StatementCommand::Show { .. }
            | StatementCommand::ShowTables
            | StatementCommand::ShowModels
            | StatementCommand::ShowDevices
            | StatementCommand::ShowIndexes(_)
            | StatementCommand::Describe(_)
            | StatementCommand::DescribeModel(_)
            | StatementCommand::Summarize(_) => Effect::Query,
            StatementCommand::Set { .. } | StatementCommand::Reset { .. } => Effect::Settings,
            StatementCommand::CopyTo(_)
            | StatementCommand::CreateModel(_)
            | StatementCommand::CreateLanguageModel(_)
            | StatementCommand::DropModel(_)
            | StatementCommand::ExportModel(_)
            | StatementCommand::CreateIndex(_)
            | StatementCommand::DropIndex(_)
            | StatementCommand::RenameView { .. } => Effect::Writes,
            StatementCommand::Connection(command) => match command {
                ConnectionCommand::Declare { query, .. } => query.effect().max(Effect::Settings),
                ConnectionCommand::CopyOut(copy) => copy.query.effect(),
                ConnectionCommand::CopyIn(_) => Effect::Writes,
                _ => Effect::Settings,
            },
        }
    }

    /// Command tag, as Postgres sends it at the end of a statement.
    pub fn tag(&self) -> &'static str {
        match &self.command {
            StatementCommand::Engine(statement) => tag_of_engine(statement),
            StatementCommand::Explain(_) => "EXPLAIN",
            StatementCommand::CopyTo(_) => "COPY",
            StatementCommand::Set { .. } => "SET",
            StatementCommand::Reset { .. } => "RESET",
            StatementCommand::Show { .. }
            | StatementCommand::ShowTables
            | StatementCommand::ShowModels
            | StatementCommand::ShowDevices
            | StatementCommand::ShowIndexes(_) => "SHOW",
            StatementCommand::Describe(_) | StatementCommand::DescribeModel(_) => "DESCRIBE",
            StatementCommand::Summarize(_) => "SUMMARIZE",
            StatementCommand::CreateModel(_) => "CREATE MODEL",
            StatementCommand::CreateLanguageModel(_) => "CREATE EXTERNAL MODEL",
            StatementCommand::DropModel(_) => "DROP MODEL",
            StatementCommand::ExportModel(_) => "EXPORT MODEL",
            StatementCommand::CreateIndex(_) => "CREATE INDEX",
            StatementCommand::DropIndex(_) => "DROP INDEX",
            StatementCommand::RenameView { .. } => "ALTER VIEW",
            StatementCommand::Connection(command) => match command {
                ConnectionCommand::Begin { tag, .. }
                | ConnectionCommand::End { tag }
                | ConnectionCommand::Ignored { tag } => tag,
                ConnectionCommand::RollbackTo { .. } => "ROLLBACK",
                ConnectionCommand::Savepoint { .. } => "SAVEPOINT",
                ConnectionCommand::Release { .. } => "RELEASE",
                ConnectionCommand::SetTransaction { .. } | ConnectionCommand::SetRole(_) => "SET",
                ConnectionCommand::Declare { .. } => "DECLARE CURSOR",
                ConnectionCommand::Fetch { shown: true, .. } => "FETCH",
                ConnectionCommand::Fetch { shown: false, .. } => "MOVE",
                ConnectionCommand::Close { .. } => "CLOSE CURSOR",
                ConnectionCommand::CopyOut(_) | ConnectionCommand::CopyIn(_) => "COPY",
                ConnectionCommand::DiscardAll => "DISCARD ALL",
            },
        }
    }

    /// Command tag of a statement that has run. As in Postgres, that of `CREATE
    /// TABLE ... AS` counts the rows of its query.
    pub fn completion_tag(&self) -> &'static str {
        match &self.command {
            StatementCommand::Engine(statement) => match statement.as_ref() {
                EngineStatement::Statement(ast) => match ast.as_ref() {
                    Ast::CreateTable(create) if create.query.is_some() => "SELECT",
                    _ => self.tag(),
                },
                _ => self.tag(),
            },
            _ => self.tag(),
        }
    }

    /// Whether the statement is `EXPLAIN`.
    pub fn is_explain(&self) -> bool {
        matches!(self.command, StatementCommand::Explain(_))
    }

    /// Whether its rows become the table `_` of the prompt.
    pub fn keeps_result(&self) -> bool {
        match &self.command {
            StatementCommand::Summarize(_) => true,
            StatementCommand::Engine(_) => self.effect() < Effect::Writes,
            _ => false,
        }
    }
}

fn effect_of_engine(statement: &EngineStatement) -> Effect {
    match statement {
        EngineStatement::Statement(ast) => effect_of(ast),
        EngineStatement::Explain(explain) => effect_of_explain(explain),
        EngineStatement::Reset(_) => Effect::Settings,
        EngineStatement::CreateExternalTable(_) | EngineStatement::CopyTo(_) => Effect::Writes,
    }
}

/// `EXPLAIN` only plans; `EXPLAIN ANALYZE` runs.
fn effect_of_explain(explain: &ExplainStatement) -> Effect {
    match explain.options.analyze {
        true => effect_of_engine(&explain.statement),
        false => Effect::Query,
    }
}

/// An unknown statement counts as a write.
fn effect_of(ast: &Ast) -> Effect {
    match ast {
        Ast::Query(query) => effect_of_query(query),
        Ast::ShowTables { .. }
        | Ast::ShowColumns { .. }
        | Ast::ShowFunctions { .. }
        | Ast::ShowVariable { .. }
        | Ast::ShowCreate { .. }
        | Ast::ExplainTable { .. } => Effect::Query,
        Ast::Explain {
            analyze, statement, ..
        } => match analyze {
            true => effect_of(statement),
            false => Effect::Query,
        },
        Ast::Set(_) | Ast::Deallocate { .. } | Ast::Execute { .. } => Effect::Settings,
        Ast::Prepare { statement, .. } => effect_of(statement).max(Effect::Settings),
        _ => Effect::Writes,
    }
}

fn effect_of_query(query: &Query) -> Effect {
    let with = query.with.iter().flat_map(|with| &with.cte_tables);
    let of_tables = with.map(|table| effect_of_query(&table.query)).max();
    effect_of_set(&query.body).max(of_tables.unwrap_or(Effect::Query))
}

fn effect_of_set(body: &SetExpr) -> Effect {
    match body {
        SetExpr::Select(select) if select.into.is_none() => Effect::Query,
        SetExpr::Query(query) => effect_of_query(query),
        SetExpr::SetOperation { left, right, .. } => effect_of_set(left).max(effect_of_set(right)),
        SetExpr::Values(_) | SetExpr::Table(_) => Effect::Query,
        // SELECT INTO; INSERT, UPDATE, DELETE and MERGE as a query.
        _ => Effect::Writes,
    }
}

fn tag_of_engine(statement: &EngineStatement) -> &'static str {
    match statement {
        EngineStatement::Statement(ast) => tag_of(ast),
        EngineStatement::Explain(_) => "EXPLAIN",
        EngineStatement::Reset(_) => "RESET",
        EngineStatement::CreateExternalTable(_) => "CREATE TABLE",
        EngineStatement::CopyTo(_) => "COPY",
    }
}

fn tag_of(ast: &Ast) -> &'static str {
    use datafusion::sql::sqlparser::ast::ObjectType;
    match ast {
        Ast::Query(query) => match query.body.as_ref() {
            SetExpr::Insert(inner)
            | SetExpr::Update(inner)
            | SetExpr::Delete(inner)
            | SetExpr::Merge(inner) => tag_of(inner),
            _ => "SELECT",
        },
        Ast::Insert(_) => "INSERT",
        Ast::Update(_) => "UPDATE",
        Ast::Delete(_) => "DELETE",
        Ast::Merge(_) => "MERGE",
        Ast::Truncate(_) => "TRUNCATE TABLE",
        Ast::CreateTable(_) => "CREATE TABLE",
        Ast::CreateView(_) => "CREATE VIEW",
        Ast::CreateSchema { .. } => "CREATE SCHEMA",
        Ast::CreateDatabase { .. } => "CREATE DATABASE",
        Ast::CreateFunction(_) => "CREATE FUNCTION",
        Ast::DropFunction(_) => "DROP FUNCTION",
        Ast::Drop { object_type, .. } => match object_type {
            ObjectType::View => "DROP VIEW",
            ObjectType::Schema => "DROP SCHEMA",
            ObjectType::Index => "DROP INDEX",
            ObjectType::Database => "DROP DATABASE",
            _ => "DROP TABLE",
        },
        Ast::AlterTable(_) => "ALTER TABLE",
        Ast::CreateIndex(_) => "CREATE INDEX",
        Ast::Comment { .. } => "COMMENT",
        Ast::Grant(_) => "GRANT",
        Ast::Revoke(_) => "REVOKE",
        Ast::Prepare { .. } => "PREPARE",
        Ast::Deallocate { .. } => "DEALLOCATE",
        Ast::Set(_) => "SET",
        Ast::ShowTables { .. }
        | Ast::ShowColumns { .. }
        | Ast::ShowFunctions { .. }
        | Ast::ShowVariable { .. } => "SHOW",
        Ast::ExplainTable { .. } => "DESCRIBE",
        _ => "SELECT",
    }
}
