//! ON CONFLICT: rows whose key exists.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::{filter_record_batch, take_record_batch};
use datafusion::common::DFSchema;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::ExprSchemable;
use datafusion::sql::sqlparser::ast::{ConflictTarget, OnConflictAction, OnInsert};

use super::node::ConflictRule;
use super::returning::expression;
use super::target::WriteTarget;
use super::values::assigned;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::syntax::folded;
use crate::tables::TableChanges;

/// Name of the row that was to be inserted.
const EXCLUDED: &str = "excluded";

/// The rule of ON CONFLICT.
///
/// # Errors
/// Columns or a constraint without a key; values that cannot be planned.
pub fn rule(state: &SessionState, target: &WriteTarget, on: OnInsert) -> Result<ConflictRule> {
    let OnInsert::OnConflict(on) = on else {
        return Err(ShellError::of_kind(
            ErrorKind::NotSupported,
            "ON DUPLICATE KEY UPDATE is not supported; write ON CONFLICT (columns) DO UPDATE",
        ));
    };
    let keys = keys(target, on.conflict_target)?;
    let (update, condition) = match on.action {
        OnConflictAction::DoNothing => (None, None),
        OnConflictAction::DoUpdate(update) => {
            let [_] = keys.as_slice() else {
                return Err(ShellError::of_kind(
                    ErrorKind::Syntax,
                    "ON CONFLICT DO UPDATE needs the columns of one key: ON CONFLICT (columns) DO UPDATE",
                ));
            };
            let schema = both_rows(target)?;
            let fields = target.table.definition().schema.fields().clone();
            let values = assigned(target, update.assignments)?.into_iter();
            let values = values.map(|(column, value)| {
                let value = expression(state, &schema, value)?;
                let value = value.cast_to(fields[column].data_type(), &schema)?;
                Ok((column, value))
            });
            let values = values.collect::<Result<Vec<_>>>()?;
            let condition = update.selection;
            let condition = condition.map(|condition| expression(state, &schema, condition));
            (Some(values), condition.transpose()?)
        }
    };
    Ok(ConflictRule {
        keys,
        update,
        condition,
    })
}

/// Positions of the keys that ON CONFLICT names; all keys without a name.
fn keys(target: &WriteTarget, named: Option<ConflictTarget>) -> Result<Vec<usize>> {
    let definition = target.table.definition();
    let missing = |what: String| {
        ShellError::of_kind(
            ErrorKind::NotSupported,
            format!(
                "ON CONFLICT: table '{}' has no primary key or unique constraint {what}; create the table with one",
                target.name.table()
            ),
        )
    };
    let keys = definition.keys.iter().enumerate();
    match named {
        None if definition.keys.is_empty() => Err(missing("at all".into())),
        None => Ok((0..definition.keys.len()).collect()),
        Some(ConflictTarget::Columns(columns)) => {
            let names = columns.iter().map(ToString::to_string);
            let names = names.collect::<Vec<_>>().join(", ");
            let columns = columns.into_iter().map(|name| target.column(&folded(name)));
            let columns = columns.collect::<Result<HashSet<usize>>>()?;
            let mut keys = keys.filter(|(_, key)| {
                key.columns.len() == columns.len()
                    && key.columns.iter().all(|column| columns.contains(column))
            });
            let (at, _) = keys
                .next()
                .ok_or_else(|| missing(format!("on ({names})")))?;
            Ok(vec![at])
        }
        Some(ConflictTarget::OnConstraint(name)) => {
            let last = name.0.last().and_then(|part| part.as_ident()).cloned();
            let wanted = last.map_or_else(String::new, folded);
            let mut keys = keys.filter(|(_, key)| key.name == wanted);
            let (at, _) = keys
                .next()
                .ok_or_else(|| missing(format!("called '{wanted}'")))?;
            Ok(vec![at])
        }
    }
}

/// Schema of the existing row beside the excluded one.
fn both_rows(target: &WriteTarget) -> Result<DFSchema> {
    let schema = &target.table.definition().schema;
    let excluded = DFSchema::try_from_qualified_schema(EXCLUDED, schema)?;
    Ok(target.schema()?.join(&excluded)?)
}

/// Changes of an INSERT with ON CONFLICT: rows to add, and updates of existing rows.
///
/// # Errors
/// Values that do not conform; a row that the statement would change twice.
pub fn resolve(
    session: &Session,
    target: &WriteTarget,
    rule: &ConflictRule,
    rows: &RecordBatch,
) -> Result<TableChanges> {
    let table = &target.table;
    let version = table.version(Some(session.tables.versions()));
    let mut existing: Vec<Option<u64>> = vec![None; rows.num_rows()];
    let mut first = vec![true; rows.num_rows()];
    for key in &rule.keys {
        for (row, id) in table
            .find_key(&version, *key, rows)?
            .into_iter()
            .enumerate()
        {
            existing[row] = existing[row].or(id);
        }
        for (row, is_first) in table.is_first_of_key(*key, rows)?.into_iter().enumerate() {
            first[row] &= is_first;
        }
    }
    if rule.update.is_some() && first.contains(&false) {
        return Err(twice());
    }
    let added = existing
        .iter()
        .zip(&first)
        .map(|(id, first)| id.is_none() && *first);
    let added = BooleanArray::from(added.collect::<Vec<bool>>());
    let mut changes = TableChanges::insert(filter_record_batch(rows, &added)?);
    if let Some(values) = &rule.update {
        let conflicts = existing.iter().enumerate();
        let conflicts = conflicts.filter_map(|(row, id)| Some((row as u64, (*id)?)));
        let (positions, ids): (Vec<u64>, Vec<u64>) = conflicts.unzip();
        let excluded = take_record_batch(rows, &UInt64Array::from(positions))?;
        let present = version.rows(&table.definition().schema, &ids)?;
        let schema = both_rows(target)?;
        let columns = present.columns().iter().chain(excluded.columns()).cloned();
        let both = RecordBatch::try_new(Arc::clone(schema.inner()), columns.collect())?;
        let mut columns = present.columns().to_vec();
        for (column, value) in values {
            let value = session.ctx.create_physical_expr(value.clone(), &schema)?;
            columns[*column] = value.evaluate(&both)?.into_array(both.num_rows())?;
        }
        let updated = table.conform(&unnamed(target, columns)?)?;
        let applies = match &rule.condition {
            Some(condition) => {
                let condition = session
                    .ctx
                    .create_physical_expr(condition.clone(), &schema)?;
                condition.evaluate(&both)?.into_array(both.num_rows())?
            }
            None => Arc::new(BooleanArray::from(vec![true; both.num_rows()])) as ArrayRef,
        };
        let applies = applies.as_boolean();
        let mut positions = HashMap::new();
        for (at, id) in ids.into_iter().enumerate() {
            if applies.is_valid(at) && applies.value(at) && positions.insert(id, at).is_some() {
                return Err(twice());
            }
        }
        changes.updated = positions;
        changes.rows = Some(updated);
    }
    Ok(changes)
}

/// Rows of the table before their check: any column may hold NULL.
fn unnamed(target: &WriteTarget, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    let fields = target.table.definition().schema.fields().iter();
    let named = fields
        .zip(columns)
        .map(|(field, values)| (field.name().clone(), values, true));
    Ok(RecordBatch::try_from_iter_with_nullable(named)?)
}

fn twice() -> ShellError {
    ShellError::of_kind(
        ErrorKind::InvalidValue,
        "ON CONFLICT DO UPDATE cannot change a row a second time; rows of the statement have the same key",
    )
}
