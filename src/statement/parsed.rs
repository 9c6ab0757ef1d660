//! A statement as the parser gives it, and what it does.

use datafusion::common::TableReference;
use datafusion::sql::parser::{CopyToStatement, ExplainStatement, Statement as EngineStatement};
use datafusion::sql::sqlparser::ast::{
    CopyLegacyOption, CopyOption, Query, SetExpr, Statement as Ast,
};
use semql_udfs::trained::CreateModel;

use super::index::{CreateIndex, DropIndex};
use super::model::{DropModel, ExportModel};

/// One statement, parsed once. Every front end passes this value on; its text
/// is for logs, messages and history only.
#[derive(Clone, Debug)]
pub struct Statement {
    pub text: String,
    pub command: Command,
}

/// What a statement asks for.
#[derive(Clone, Debug)]
pub enum Command {
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
    /// A setting, or what else the engine shows by a name.
    Show {
        /// The words after SHOW, in lower case and with dots between.
        name: String,
        statement: Box<EngineStatement>,
    },
    ShowTables,
    ShowModels,
    ShowIndexes(TableReference),
    Describe(Source),
    DescribeModel(String),
    /// `SUMMARIZE` of a table is that of all its columns.
    Summarize(Box<Query>),
    CreateModel(Box<CreateModel>),
    DropModel(DropModel),
    ExportModel(ExportModel),
    CreateIndex(CreateIndex),
    DropIndex(DropIndex),
    /// Answered by a connection of the server.
    Connection(ConnectionCommand),
}

/// A table, a file or a query.
#[derive(Clone, Debug)]
pub enum Source {
    Table(TableReference),
    Query(Box<Query>),
}

/// A statement that concerns a connection of the server: transactions, cursors,
/// `COPY ... TO STDOUT`.
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
    RollbackTo,
    /// `SAVEPOINT`, `RELEASE`.
    Savepoint {
        tag: &'static str,
    },
    SetTransaction {
        access: Option<Access>,
        /// Whether it holds for the transactions to come.
        session: bool,
    },
    /// `SET ROLE`, `SET SESSION AUTHORIZATION`; `None` is the user who has
    /// logged in.
    SetRole(Option<String>),
    Declare {
        name: String,
        query: Box<Statement>,
    },
    Fetch {
        name: String,
        /// `None` is all that are left.
        count: Option<u64>,
        /// `FETCH` shows the rows, `MOVE` passes over them.
        shown: bool,
    },
    /// One cursor, or all.
    Close {
        name: Option<String>,
    },
    CopyOut(Box<CopyOut>),
    DiscardAll,
    /// Tidying up where there is nothing to tidy: `UNLISTEN`, `SET CONSTRAINTS`.
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

/// What a statement does besides answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It only reads.
    Query,
    /// It changes the session alone: settings, prepared statements, cursors.
    Settings,
    /// It writes files, or changes what other statements find.
    Writes,
}

impl Statement {
    pub fn new(text: impl Into<String>, command: Command) -> Self {
        Self {
            text: text.into(),
            command,
        }
    }

    /// What the statement does besides answering.
    pub fn effect(&self) -> Effect {
        match &self.command {
            Command::Engine(statement) => effect_of_engine(statement),
            Command::Explain(explain) => effect_of_explain(explain),
            Command::Show { .. }
            | Command::ShowTables
            | Command::ShowModels
            | Command::ShowIndexes(_)
            | Command::Describe(_)
            | Command::DescribeModel(_)
            | Command::Summarize(_) => Effect::Query,
            Command::Set { .. } | Command::Reset { .. } => Effect::Settings,
            Command::CopyTo(_)
            | Command::CreateModel(_)
            | Command::DropModel(_)
            | Command::ExportModel(_)
            | Command::CreateIndex(_)
            | Command::DropIndex(_) => Effect::Writes,
            Command::Connection(command) => match command {
                ConnectionCommand::Declare { query, .. } => query.effect().max(Effect::Settings),
                ConnectionCommand::CopyOut(copy) => copy.query.effect(),
                _ => Effect::Settings,
            },
        }
    }

    /// Command tag, as Postgres gives it at the end of a statement.
    pub fn tag(&self) -> &'static str {
        match &self.command {
            Command::Engine(statement) => tag_of_engine(statement),
            Command::Explain(_) => "EXPLAIN",
            Command::CopyTo(_) => "COPY",
            Command::Set { .. } => "SET",
            Command::Reset { .. } => "RESET",
            Command::Show { .. }
            | Command::ShowTables
            | Command::ShowModels
            | Command::ShowIndexes(_) => "SHOW",
            Command::Describe(_) | Command::DescribeModel(_) => "DESCRIBE",
            Command::Summarize(_) => "SUMMARIZE",
            Command::CreateModel(_) => "CREATE MODEL",
            Command::DropModel(_) => "DROP MODEL",
            Command::ExportModel(_) => "EXPORT MODEL",
            Command::CreateIndex(_) => "CREATE INDEX",
            Command::DropIndex(_) => "DROP INDEX",
            Command::Connection(command) => match command {
                ConnectionCommand::Begin { tag, .. }
                | ConnectionCommand::End { tag }
                | ConnectionCommand::Savepoint { tag }
                | ConnectionCommand::Ignored { tag } => tag,
                ConnectionCommand::RollbackTo => "ROLLBACK",
                ConnectionCommand::SetTransaction { .. } | ConnectionCommand::SetRole(_) => "SET",
                ConnectionCommand::Declare { .. } => "DECLARE CURSOR",
                ConnectionCommand::Fetch { shown: true, .. } => "FETCH",
                ConnectionCommand::Fetch { shown: false, .. } => "MOVE",
                ConnectionCommand::Close { .. } => "CLOSE CURSOR",
                ConnectionCommand::CopyOut(_) => "COPY",
                ConnectionCommand::DiscardAll => "DISCARD ALL",
            },
        }
    }

    /// Whether its rows become the table `_` of the prompt.
    pub fn keeps_result(&self) -> bool {
        match &self.command {
            Command::Summarize(_) => true,
            Command::Engine(_) => self.effect() < Effect::Writes,
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

/// `EXPLAIN` plans, and `EXPLAIN ANALYZE` runs.
fn effect_of_explain(explain: &ExplainStatement) -> Effect {
    match explain.options.analyze {
        true => effect_of_engine(&explain.statement),
        false => Effect::Query,
    }
}

/// What is not known to read only, writes.
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
        // SELECT INTO; INSERT, UPDATE, DELETE and MERGE in the place of a query.
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
            ObjectType::Database => "DROP DATABASE",
            _ => "DROP TABLE",
        },
        Ast::AlterTable(_) => "ALTER TABLE",
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
