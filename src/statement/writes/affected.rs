//! Changes of a table by the rows of a write's query.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::{Int64Type, SchemaRef, UInt64Type};

use super::conflict;
use super::node::{MergeStep, WriteKind, WriteNode};
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::tables::TableChanges;

/// Changes, with the rows for RETURNING and their number.
pub struct AffectedRows {
    pub changes: TableChanges,
    /// New rows, or deleted ones.
    pub rows: RecordBatch,
}

/// The changes by the rows of a write's query.
///
/// # Errors
/// Values that do not conform to the table.
pub fn affected(session: &Session, node: &WriteNode, rows: &[RecordBatch]) -> Result<AffectedRows> {
    let table = &node.target.table;
    let schema = &table.definition().schema;
    let Some(first) = rows.first() else {
        return Ok(AffectedRows {
            changes: TableChanges::default(),
            rows: RecordBatch::new_empty(Arc::clone(schema)),
        });
    };
    // A parameter may have another type than the plan says.
    let rows = concat_batches(&first.schema(), rows)?;
    match node.kind {
        WriteKind::Insert => {
            let rows = table.conform(&rows)?;
            let changes = match &node.conflict {
                Some(rule) => conflict::resolve(session, &node.target, rule, &rows)?,
                None => TableChanges::insert(rows),
            };
            new_rows(schema, changes)
        }
        WriteKind::Update => {
            let (rows, positions) = distinct(&rows)?;
            let changes = TableChanges {
                updated: positions,
                rows: Some(table.conform(&without(&rows, 1)?)?),
                ..TableChanges::default()
            };
            new_rows(schema, changes)
        }
        WriteKind::Delete => {
            let (_, positions) = distinct(&rows)?;
            let mut ids: Vec<u64> = positions.into_keys().collect();
            ids.sort_unstable();
            let version = table.version(Some(session.tables.versions()));
            let rows = version.rows(schema, &ids)?;
            let changes = TableChanges {
                removed: ids.into_iter().collect(),
                ..TableChanges::default()
            };
            Ok(AffectedRows { changes, rows })
        }
        WriteKind::Merge => {
            let steps = rows.column(1).as_primitive::<Int64Type>().clone();
            let of = |step: MergeStep| {
                let chosen = steps.iter().map(|other| other == Some(step as i64));
                let chosen = BooleanArray::from(chosen.collect::<Vec<bool>>());
                filter_record_batch(&rows, &chosen)
            };
            let (updated, removed) = (of(MergeStep::Update)?, of(MergeStep::Delete)?);
            let count = updated.num_rows() + removed.num_rows();
            let (updated, positions) = distinct(&updated)?;
            let removed: Vec<u64> = distinct(&removed)?.1.into_keys().collect();
            let is_twice = removed.iter().any(|id| positions.contains_key(id));
            if is_twice || positions.len() + removed.len() != count {
                return Err(ShellError::of_kind(
                    ErrorKind::InvalidValue,
                    "MERGE cannot change a row a second time; several rows of its source match it",
                ));
            }
            let inserted = table.conform(&without(&of(MergeStep::Insert)?, 2)?)?;
            let changes = TableChanges {
                updated: positions,
                rows: Some(table.conform(&without(&updated, 2)?)?),
                removed: removed.into_iter().collect(),
                inserted: Some(inserted),
            };
            new_rows(schema, changes)
        }
    }
}

impl AffectedRows {
    /// Number of inserted, updated and deleted rows.
    pub fn count(&self) -> u64 {
        let inserted = self.changes.inserted.as_ref();
        let inserted = inserted.map_or(0, RecordBatch::num_rows);
        (inserted + self.changes.updated.len() + self.changes.removed.len()) as u64
    }
}

/// Changes with their new rows: the updated ones, then the inserted ones.
fn new_rows(schema: &SchemaRef, changes: TableChanges) -> Result<AffectedRows> {
    let mut parts = Vec::new();
    if let Some(rows) = &changes.rows {
        let mut positions: Vec<u64> = changes.updated.values().map(|at| *at as u64).collect();
        positions.sort_unstable();
        parts.push(take_record_batch(rows, &UInt64Array::from(positions))?);
    }
    parts.extend(changes.inserted.clone());
    let rows = concat_batches(schema, &parts)?;
    Ok(AffectedRows { changes, rows })
}

/// The first row of each id, and the positions of ids. As in Postgres, a row that a
/// join gives several times is changed once.
fn distinct(rows: &RecordBatch) -> Result<(RecordBatch, HashMap<u64, usize>)> {
    let ids = rows.column(0).as_primitive::<UInt64Type>();
    let mut positions = HashMap::new();
    let mut kept = Vec::new();
    for (row, id) in ids.iter().enumerate() {
        if let Some(id) = id
            && !positions.contains_key(&id)
        {
            positions.insert(id, kept.len());
            kept.push(row as u64);
        }
    }
    let rows = take_record_batch(rows, &UInt64Array::from(kept))?;
    Ok((rows, positions))
}

/// Rows without their first columns.
fn without(rows: &RecordBatch, columns: usize) -> Result<RecordBatch> {
    let others: Vec<usize> = (columns..rows.num_columns()).collect();
    Ok(rows.project(&others)?)
}
