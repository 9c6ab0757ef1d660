//! Changes of a table by one statement.

use std::collections::{HashMap, HashSet};

use arrow::array::RecordBatch;

/// Changes of one statement. Rows conform to the table's definition.
#[derive(Debug, Default)]
pub struct TableChanges {
    /// Ids of deleted rows.
    pub removed: HashSet<u64>,
    /// Ids of updated rows, with the positions of their new values in `rows`.
    pub updated: HashMap<u64, usize>,
    pub rows: Option<RecordBatch>,
    pub inserted: Option<RecordBatch>,
}

impl TableChanges {
    /// Changes that add rows only.
    pub fn insert(rows: RecordBatch) -> Self {
        Self {
            inserted: Some(rows),
            ..Self::default()
        }
    }

    /// Whether rows of the table are deleted or updated.
    pub fn rewrites(&self) -> bool {
        !self.removed.is_empty() || !self.updated.is_empty()
    }
}
