//! CREATE TABLE, also from a query.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, Schema};
use datafusion::logical_expr::{CreateMemoryTable, DdlStatement, LogicalPlan};
use datafusion::physical_plan::collect_partitioned;
use datafusion::sql::sqlparser::ast::{
    CreateTable, CreateTableLike, CreateTableLikeDefaults, CreateTableLikeKind, CreateTableOptions,
    OnCommit, Statement as Ast,
};

use super::column_rules::{self, DeclaredColumn};
use super::constraint_rules::{self, DeclaredConstraint};
use super::object::ObjectPath;
use super::table_definition::{check_unique, constrain, rule_of, stored_field};
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::context::StatementContext;
use crate::statement::outcome::Outcome;
use crate::statement::planning::{ast_plan, physical_plan};
use crate::tables::{ColumnRule, StoredTable, TableDefinition, TemporaryTable};

/// Creates a table in memory.
///
/// # Errors
/// A name that exists; columns that are not supported; errors of the query.
pub async fn run(context: &StatementContext, create: &CreateTable) -> Result<Outcome> {
    let session = &context.session;
    let mut create = create.clone();
    let path = ObjectPath::of(session, &create.name)?;
    let is_temporary = std::mem::take(&mut create.temporary) || path.is_in_temporary_schema();
    let dropped_at_commit = dropped_at_commit(create.on_commit.take(), is_temporary)?;
    if create.if_not_exists && create.or_replace {
        return Err(ShellError::of_kind(
            ErrorKind::Syntax,
            "CREATE TABLE has either OR REPLACE or IF NOT EXISTS",
        ));
    }
    if exists(session, &path, is_temporary)? {
        if create.if_not_exists {
            return Ok(existing(&path));
        }
        if !create.or_replace {
            return Err(path.duplicate());
        }
    }
    let (or_replace, if_not_exists) = (create.or_replace, create.if_not_exists);
    let from_query = create.query.is_some();
    // Storage parameters of Postgres have no meaning here.
    if matches!(create.table_options, CreateTableOptions::With(_)) {
        create.table_options = CreateTableOptions::None;
    }
    let mut declared = Declared::default();
    let template = match create.like.take() {
        Some(CreateTableLikeKind::Parenthesized(like) | CreateTableLikeKind::Plain(like)) => {
            Some(of_template(session, &like).await?)
        }
        None => {
            declared = Declared::take(&mut create)?;
            None
        }
    };
    let (definition, partitions) = match template {
        Some(definition) => (definition, Vec::new()),
        None => {
            let planned = plan(session, create).await?;
            let definition = definition(session, &path, &planned, declared, from_query)?;
            (definition, rows(context, planned, from_query).await?)
        }
    };
    let count: usize = partitions.iter().flatten().map(RecordBatch::num_rows).sum();
    let table = StoredTable::new(&path.name.table, definition, partitions)?;
    let table = Arc::new(table);
    if is_temporary {
        let temporary = TemporaryTable {
            provider: table,
            dropped_at_commit,
        };
        session
            .tables
            .put_temporary(path.name.table.clone(), temporary);
    } else {
        let schema = path.schema(session)?;
        if exists(session, &path, false)? {
            // Another session may have created it while the query ran.
            if if_not_exists {
                return Ok(existing(&path));
            }
            if !or_replace {
                return Err(path.duplicate());
            }
            schema.deregister_table(&path.name.table)?;
        }
        schema.register_table(path.name.table.clone(), table)?;
    }
    Ok(Outcome::Done {
        message: format!("created table {}", path.shown),
        rows: from_query.then_some(count as u64),
    })
}

/// Columns and constraints that the engine does not read.
#[derive(Default)]
struct Declared {
    columns: Vec<DeclaredColumn>,
    constraints: Vec<DeclaredConstraint>,
}

impl Declared {
    /// Takes them from a statement, and leaves one that the engine reads.
    fn take(create: &mut CreateTable) -> Result<Self> {
        let mut constraints = Vec::new();
        let columns = create.columns.iter_mut();
        let columns = columns.map(|column| column_rules::take(column, &mut constraints));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        for constraint in std::mem::take(&mut create.constraints) {
            constraints.push(constraint_rules::of_table(constraint)?);
        }
        Ok(Self {
            columns,
            constraints,
        })
    }
}

fn existing(path: &ObjectPath) -> Outcome {
    Outcome::done(format!("table {} exists already", path.shown))
}

fn exists(session: &Session, path: &ObjectPath, is_temporary: bool) -> Result<bool> {
    match is_temporary {
        true => Ok(session.tables.temporary(&path.name.table).is_some()),
        false => Ok(path.schema(session)?.table_exist(&path.name.table)),
    }
}

/// Whether a temporary table ends with its transaction.
fn dropped_at_commit(on_commit: Option<OnCommit>, is_temporary: bool) -> Result<bool> {
    match on_commit {
        None | Some(OnCommit::PreserveRows) => Ok(false),
        Some(OnCommit::Drop) if is_temporary => Ok(true),
        Some(OnCommit::Drop) => Err(ShellError::of_kind(
            ErrorKind::Syntax,
            "ON COMMIT is for temporary tables",
        )),
        Some(OnCommit::DeleteRows) => Err(ShellError::of_kind(
            ErrorKind::NotSupported,
            "ON COMMIT DELETE ROWS is not supported; TRUNCATE the table before the COMMIT",
        )),
    }
}

async fn plan(session: &Session, create: CreateTable) -> Result<CreateMemoryTable> {
    match ast_plan(session, Ast::CreateTable(create)).await? {
        LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(planned)) => Ok(planned),
        _ => Err(ShellError::of_kind(
            ErrorKind::Internal,
            "the plan of CREATE TABLE has another form than expected",
        )),
    }
}

fn definition(
    session: &Session,
    path: &ObjectPath,
    planned: &CreateMemoryTable,
    declared: Declared,
    from_query: bool,
) -> Result<TableDefinition> {
    let schema = planned.input.schema().as_arrow();
    let mut fields: Vec<FieldRef> = Vec::with_capacity(schema.fields().len());
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let column = declared
            .columns
            .iter()
            .find(|column| column.name == *field.name());
        fields.push(stored_field(
            field,
            column.is_none_or(|column| !column.not_null),
        ));
        let mut defaults = planned.column_defaults.iter();
        let default = defaults.find(|(name, _)| name == field.name());
        let default = default.map(|(_, value)| value.clone());
        columns.push(match column {
            Some(column) => rule_of(column, default),
            None => ColumnRule::default(),
        });
    }
    check_unique(&fields)?;
    if fields.is_empty() && !from_query {
        return Err(ShellError::of_kind(
            ErrorKind::NotSupported,
            format!(
                "table '{}' has no columns; a table in memory needs one",
                path.shown
            ),
        ));
    }
    let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
    let mut definition = TableDefinition {
        columns,
        ..TableDefinition::of_schema(Arc::new(schema))
    };
    constrain(
        session,
        &mut definition,
        &path.name.table,
        declared.constraints,
    )?;
    Ok(definition)
}

/// The definition of `LIKE table`: its columns, and with INCLUDING DEFAULTS their
/// defaults.
async fn of_template(session: &Session, like: &CreateTableLike) -> Result<TableDefinition> {
    let path = ObjectPath::of(session, &like.name)?;
    let Some(table) = path.find(session).await? else {
        return Err(path.missing("table"));
    };
    let stored = table.downcast_ref::<StoredTable>();
    let mut definition = TableDefinition::of_schema(table.schema());
    let with_defaults = matches!(like.defaults, Some(CreateTableLikeDefaults::Including));
    if let Some(stored) = stored {
        let columns = stored.definition().columns.iter().cloned();
        let columns = columns.map(|rule| match with_defaults {
            true => rule,
            false => ColumnRule {
                default: None,
                default_sql: None,
                identity: None,
                ..rule
            },
        });
        definition.columns = columns.collect();
    }
    Ok(definition)
}

/// The rows of the query.
async fn rows(
    context: &StatementContext,
    planned: CreateMemoryTable,
    from_query: bool,
) -> Result<Vec<Vec<RecordBatch>>> {
    if !from_query {
        return Ok(Vec::new());
    }
    let plan = physical_plan(context, Arc::unwrap_or_clone(planned.input)).await?;
    let task = context.session.ctx.task_ctx();
    Ok(collect_partitioned(plan, task).await?)
}
