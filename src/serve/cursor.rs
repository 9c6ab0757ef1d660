//! Cursors, whose rows a client fetches in parts.

use std::collections::HashMap;

use arrow::datatypes::SchemaRef;
use pgwire::error::{PgWireError, PgWireResult};

use super::errors::{self, SqlState};
use super::rows::ClientRows;

/// Open cursors allowed per client.
const MAX_CURSORS: usize = 100;

/// Open cursors of one client.
#[derive(Default)]
pub struct Cursors {
    open: HashMap<String, OpenCursor>,
    in_transaction: bool,
}

/// Cursor with its remaining rows.
pub struct OpenCursor {
    pub rows: ClientRows,
    /// Whether it outlives a transaction that commits.
    hold: bool,
    /// Whether the current transaction has declared it.
    in_transaction: bool,
}

impl Cursors {
    /// Checks that a cursor of this name can be opened.
    ///
    /// # Errors
    /// [`SqlState::DuplicateCursor`], also for too many cursors.
    pub fn check_free(&self, name: &str) -> PgWireResult<()> {
        if self.open.contains_key(name) {
            return Err(errors::error(
                SqlState::DuplicateCursor,
                format!("cursor {name:?} already exists"),
            ));
        }
        if self.open.len() >= MAX_CURSORS {
            return Err(errors::error(
                SqlState::DuplicateCursor,
                format!("{MAX_CURSORS} cursors are open; close some (CLOSE ALL)"),
            ));
        }
        Ok(())
    }

    /// Opens a cursor.
    pub fn declare(&mut self, name: String, rows: ClientRows, hold: bool) {
        let cursor = OpenCursor {
            rows,
            hold,
            in_transaction: self.in_transaction,
        };
        self.open.insert(name, cursor);
    }

    /// Puts a cursor back that was taken.
    pub fn put(&mut self, name: String, cursor: OpenCursor) {
        self.open.insert(name, cursor);
    }

    /// Removes a cursor.
    ///
    /// # Errors
    /// [`SqlState::UndefinedCursor`].
    pub fn take(&mut self, name: &str) -> PgWireResult<OpenCursor> {
        self.open.remove(name).ok_or_else(|| missing(name))
    }

    /// Closes all cursors.
    pub fn close_all(&mut self) {
        self.open.clear();
    }

    /// Columns of a cursor.
    ///
    /// # Errors
    /// [`SqlState::UndefinedCursor`].
    pub fn schema(&self, name: &str) -> PgWireResult<SchemaRef> {
        self.open
            .get(name)
            .map(|cursor| cursor.rows.schema())
            .ok_or_else(|| missing(name))
    }

    /// Notes that a transaction begins.
    pub fn begin_transaction(&mut self) {
        self.in_transaction = true;
    }

    /// Closes the cursors that a transaction has declared. Those `WITH HOLD` stay open
    /// if it commits.
    pub fn end_transaction(&mut self, commits: bool) {
        self.in_transaction = false;
        self.open
            .retain(|_, cursor| !cursor.in_transaction || commits && cursor.hold);
        for cursor in self.open.values_mut() {
            cursor.in_transaction = false;
        }
    }
}

fn missing(name: &str) -> PgWireError {
    errors::error(
        SqlState::UndefinedCursor,
        format!("cursor {name:?} does not exist"),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Schema;

    use super::*;

    fn open(cursors: &Cursors) -> Vec<&str> {
        let mut names: Vec<&str> = cursors.open.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn cursors_end_with_their_transaction() {
        let rows = || ClientRows::ready_made(Arc::new(Schema::empty()), Vec::new());
        let mut cursors = Cursors::default();
        cursors.declare("before".to_string(), rows(), false);
        cursors.begin_transaction();
        cursors.declare("plain".to_string(), rows(), false);
        cursors.declare("held".to_string(), rows(), true);
        cursors.end_transaction(true);
        assert_eq!(open(&cursors), ["before", "held"]);
        cursors.begin_transaction();
        cursors.declare("undone".to_string(), rows(), true);
        cursors.end_transaction(false);
        assert_eq!(open(&cursors), ["before", "held"]);
        assert!(cursors.check_free("held").is_err());
        cursors.close_all();
        assert!(cursors.take("held").is_err());
    }
}
