//! `DESCRIBE`: the columns of a table, a file or a query, with what the data
//! dictionary or the data itself says about them; and the list of tables.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::common::stats::Precision;
use datafusion::logical_expr::{LogicalPlan, TableType};
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::prelude::SessionContext;
use semql_udfs::provenance;

use crate::dictionary::annotate::DESCRIPTION;
use crate::dictionary::types::sql_name;
use crate::dictionary::{Dictionary, DictionaryTable, missing_data_message};
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::diagnose;
use crate::statement::outcome::Outcome;

/// `DESCRIBE table`: one row a column. The name may be a table's, a view's or
/// a file's.
///
/// # Errors
/// If there is no such table, or its data cannot be opened.
pub async fn run(session: &Session, table: &TableReference) -> Result<Outcome> {
    match table_columns(&session.ctx, &session.dictionary, table).await {
        Ok(columns) => Ok(Outcome::of_batch(columns)),
        Err(error) if error.kind == ErrorKind::Statement => {
            diagnose::check_table(session, table).await?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

async fn table_columns(
    ctx: &SessionContext,
    dictionary: &Dictionary,
    table: &TableReference,
) -> Result<RecordBatch> {
    let provider = match ctx.table_provider(table.clone()).await {
        Ok(provider) => provider,
        Err(e) => {
            let known = declared(ctx, dictionary, table);
            let absent = known.and_then(|known| missing_data_message(dictionary, &known.name));
            return Err(absent.map_or_else(
                || e.into(),
                |why| ShellError::of_kind(ErrorKind::UndefinedTable, why),
            ));
        }
    };
    columns(&provider.schema(), declared(ctx, dictionary, table))
}

/// `DESCRIBE SELECT ...`: one row for each column of the query, which is planned
/// but not run.
///
/// # Errors
/// If the rows cannot be made.
pub fn query(plan: &LogicalPlan) -> Result<Outcome> {
    Ok(Outcome::of_batch(columns(plan.schema().as_arrow(), None)?))
}

/// `\d`: the tables with their descriptions, and the row counts that statistics
/// give.
pub async fn list_tables(session: &Session) -> Result<Outcome> {
    let tables = tables(&session.ctx, &session.dictionary).await?;
    Ok(Outcome::of_batch(tables))
}

/// The dictionary's entry for a table of the default schema, or for a file
/// that one of its tables lies in.
fn declared<'a>(
    ctx: &SessionContext,
    dictionary: &'a Dictionary,
    table: &TableReference,
) -> Option<&'a DictionaryTable> {
    let state = ctx.state();
    let schema = &state.config_options().catalog.default_schema;
    if table.schema().is_some_and(|named| named != schema) {
        return None;
    }
    dictionary
        .table(table.table())
        .or_else(|| dictionary.table_at(table.table()))
}

fn columns(schema: &Schema, known: Option<&DictionaryTable>) -> Result<RecordBatch> {
    let fields = schema.fields();
    let names: StringArray = fields.iter().map(|field| Some(field.name())).collect();
    let types: StringArray = fields
        .iter()
        .map(|field| Some(sql_name(field.data_type())))
        .collect();
    let nullable: BooleanArray = fields
        .iter()
        .map(|field| Some(field.is_nullable()))
        .collect();
    let described: StringArray = fields
        .iter()
        .map(|field| description(field, known))
        .collect();
    batch(vec![
        ("column_name", Arc::new(names)),
        ("data_type", Arc::new(types)),
        ("is_nullable", Arc::new(nullable)),
        ("description", Arc::new(described)),
    ])
}

/// The dictionary's words, else the data's own; then how a vector was made.
fn description(field: &Field, known: Option<&DictionaryTable>) -> Option<String> {
    let words = known
        .and_then(|table| table.column(field.name())?.description.clone())
        .or_else(|| field.metadata().get(DESCRIPTION).cloned());
    match (words, provenance(field)) {
        (Some(words), Some(made)) => Some(format!("{words} ({made})")),
        (words, made) => words.or(made),
    }
}

fn provenance(field: &Field) -> Option<String> {
    let mut parts: Vec<String> = field
        .metadata()
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(provenance::PREFIX)?, value)))
        .map(|(key, value)| format!("{key} {value}"))
        .collect();
    // The model first, the rest by name.
    parts.sort_by_key(|part| (!part.starts_with("model "), part.clone()));
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Row of the list of tables.
struct ListedTable {
    name: String,
    kind: &'static str,
    rows: Option<i64>,
    description: Option<String>,
}

async fn tables(ctx: &SessionContext, dictionary: &Dictionary) -> Result<RecordBatch> {
    let state = ctx.state();
    let names = &state.config_options().catalog;
    let schema = ctx
        .catalog(&names.default_catalog)
        .and_then(|catalog| catalog.schema(&names.default_schema));
    let mut present = schema
        .as_ref()
        .map(|schema| schema.table_names())
        .unwrap_or_default();
    present.sort();
    let mut listed = Vec::new();
    for name in present {
        let Some(schema) = &schema else { break };
        let known = dictionary.table(&name);
        let remote = known
            .and_then(|table| table.location.as_ref())
            .is_some_and(|location| location.local_path().is_none());
        let mut line = ListedTable {
            kind: "table",
            rows: None,
            description: known.and_then(|table| table.description.clone()),
            name,
        };
        // The list of tables makes no network request.
        if !remote {
            match schema.table(&line.name).await {
                Ok(Some(provider)) => {
                    line.kind = kind(provider.table_type());
                    line.rows = row_count(ctx, &provider).await;
                }
                Ok(None) => continue,
                Err(_) => line.kind = "unreadable",
            }
        }
        listed.push(line);
    }
    let absent = dictionary.tables().iter().filter(|table| {
        table.location.is_some() && !listed.iter().any(|line| line.name == table.name)
    });
    let absent: Vec<ListedTable> = absent
        .map(|table| ListedTable {
            name: table.name.clone(),
            kind: "no data yet",
            rows: None,
            description: table.description.clone(),
        })
        .collect();
    listed.extend(absent);
    let names: StringArray = listed.iter().map(|line| Some(&line.name)).collect();
    let kinds: StringArray = listed.iter().map(|line| Some(line.kind)).collect();
    let rows: Int64Array = listed.iter().map(|line| line.rows).collect();
    let described: StringArray = listed
        .iter()
        .map(|line| line.description.as_ref())
        .collect();
    batch(vec![
        ("table_name", Arc::new(names)),
        ("kind", Arc::new(kinds)),
        ("rows", Arc::new(rows)),
        ("description", Arc::new(described)),
    ])
}

fn kind(table_type: TableType) -> &'static str {
    match table_type {
        TableType::Base => "table",
        TableType::View => "view",
        TableType::Temporary => "temporary",
    }
}

/// Exact number of rows, if the statistics of a scan have it.
async fn row_count(ctx: &SessionContext, provider: &Arc<dyn TableProvider>) -> Option<i64> {
    if provider.table_type() != TableType::Base {
        return None;
    }
    let state = ctx.state();
    let plan = provider.scan(&state, None, &[], None).await.ok()?;
    let statistics = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new());
    match statistics.ok()?.num_rows {
        Precision::Exact(rows) => i64::try_from(rows).ok(),
        Precision::Inexact(_) | Precision::Absent => None,
    }
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    let nullable = columns.into_iter().map(|(name, array)| (name, array, true));
    Ok(RecordBatch::try_from_iter_with_nullable(nullable)?)
}

#[cfg(test)]
mod tests;
