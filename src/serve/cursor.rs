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
pub struct Cursors(HashMap<String, ClientRows>);

impl Cursors {
    /// Checks that a cursor of this name can be opened.
    ///
    /// # Errors
    /// [`SqlState::DuplicateCursor`], also for too many cursors.
    pub fn check_free(&self, name: &str) -> PgWireResult<()> {
        if self.0.contains_key(name) {
            return Err(errors::error(
                SqlState::DuplicateCursor,
                format!("cursor {name:?} already exists"),
            ));
        }
        if self.0.len() >= MAX_CURSORS {
            return Err(errors::error(
                SqlState::DuplicateCursor,
                format!("{MAX_CURSORS} cursors are open; close some (CLOSE ALL)"),
            ));
        }
        Ok(())
    }

    /// Adds a cursor.
    pub fn put(&mut self, name: String, rows: ClientRows) {
        self.0.insert(name, rows);
    }

    /// Removes a cursor.
    ///
    /// # Errors
    /// [`SqlState::UndefinedCursor`].
    pub fn take(&mut self, name: &str) -> PgWireResult<ClientRows> {
        self.0.remove(name).ok_or_else(|| missing(name))
    }

    /// Columns of a cursor.
    ///
    /// # Errors
    /// [`SqlState::UndefinedCursor`].
    pub fn schema(&self, name: &str) -> PgWireResult<SchemaRef> {
        self.0
            .get(name)
            .map(ClientRows::schema)
            .ok_or_else(|| missing(name))
    }
}

fn missing(name: &str) -> PgWireError {
    errors::error(
        SqlState::UndefinedCursor,
        format!("cursor {name:?} does not exist"),
    )
}
