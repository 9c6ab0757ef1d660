//! Cursors: rows that a client takes in parts.

use std::collections::HashMap;

use arrow::datatypes::SchemaRef;
use pgwire::error::{PgWireError, PgWireResult};

use super::errors::{self, SqlState};
use super::rows::Rows;

/// Cursors that one client may have open.
const MAX_CURSORS: usize = 100;

/// The cursors of one client.
#[derive(Default)]
pub struct Cursors(HashMap<String, Rows>);

impl Cursors {
    /// # Errors
    /// If there is such a cursor, or too many.
    pub fn is_free(&self, name: &str) -> PgWireResult<()> {
        if self.0.contains_key(name) {
            return Err(errors::error(
                SqlState::DuplicateCursor,
                format!("there is a cursor {name:?} already"),
            ));
        }
        if self.0.len() >= MAX_CURSORS {
            return Err(errors::error(
                SqlState::DuplicateCursor,
                format!("there are {MAX_CURSORS} cursors open; close some (CLOSE ALL)"),
            ));
        }
        Ok(())
    }

    pub fn put(&mut self, name: String, rows: Rows) {
        self.0.insert(name, rows);
    }

    /// # Errors
    /// If there is no such cursor.
    pub fn take(&mut self, name: &str) -> PgWireResult<Rows> {
        self.0.remove(name).ok_or_else(|| missing(name))
    }

    /// The columns of a cursor.
    ///
    /// # Errors
    /// If there is no such cursor.
    pub fn schema(&self, name: &str) -> PgWireResult<SchemaRef> {
        self.0
            .get(name)
            .map(Rows::schema)
            .ok_or_else(|| missing(name))
    }
}

fn missing(name: &str) -> PgWireError {
    errors::error(
        SqlState::UndefinedCursor,
        format!("there is no cursor {name:?}"),
    )
}
