//! Portals with names, which are also cursors: MOVE skips their rows.

use std::collections::HashMap;
use std::ops::DerefMut;
use std::sync::{Arc, Mutex, Weak};

use futures::StreamExt;
use pgwire::api::DEFAULT_NAME;
use pgwire::api::portal::{Format, Portal, PortalExecutionState};
use pgwire::error::PgWireResult;

use super::bind::check_formats;
use super::prepared::PreparedStatement;
use crate::serve::cancel::CancelToken;
use crate::serve::connection::Connection;
use crate::serve::errors::{self, SqlState};
use crate::serve::execute::response::Response;
use semql_udfs::inference::sync::lock;

/// Portals with names that one client has bound and not closed.
#[derive(Default)]
pub struct NamedPortals(Mutex<HashMap<String, Weak<Portal<PreparedStatement>>>>);

impl NamedPortals {
    /// Notes a portal that was bound.
    pub fn add(&self, portal: &Arc<Portal<PreparedStatement>>) {
        if portal.name == DEFAULT_NAME {
            return;
        }
        let mut portals = lock(&self.0);
        portals.retain(|_, portal| portal.strong_count() > 0);
        portals.insert(portal.name.clone(), Arc::downgrade(portal));
    }

    /// The portal of a name; `None` once it is closed.
    pub fn get(&self, name: &str) -> Option<Arc<Portal<PreparedStatement>>> {
        lock(&self.0).get(name)?.upgrade()
    }
}

/// Executes a portal that was not executed yet. A response without rows is
/// returned; rows become the state of the portal.
///
/// # Errors
/// As [`PreparedStatement::execute`].
pub async fn start(
    connection: &Arc<Connection>,
    portal: &Portal<PreparedStatement>,
    state: &mut PortalExecutionState,
    token: &CancelToken,
) -> PgWireResult<Option<Response>> {
    if !matches!(state, PortalExecutionState::Initial) {
        return Ok(None);
    }
    let prepared = &portal.statement.statement;
    match prepared.execute(connection, portal, token).await? {
        Response::Rows(rows) => {
            // The columns may have changed since Bind, such as those of a cursor that
            // was declared again.
            if let Format::Individual(codes) = &portal.result_column_format {
                check_formats("result", codes, rows.schema().fields().len())?;
            }
            let response = rows.response(&portal.result_column_format)?;
            *state = PortalExecutionState::Suspended(response);
            Ok(None)
        }
        other => Ok(Some(other)),
    }
}

/// Skips the next `count` rows of a portal, or all for `None`, and returns their
/// number.
///
/// # Errors
/// Those of its query; a portal without rows.
pub async fn skip(
    connection: &Arc<Connection>,
    portal: &Portal<PreparedStatement>,
    count: Option<u64>,
    token: &CancelToken,
) -> PgWireResult<usize> {
    let state = portal.state();
    let mut state = state.lock().await;
    if start(connection, portal, &mut state, token)
        .await?
        .is_some()
    {
        return Err(errors::error(
            SqlState::UndefinedCursor,
            format!("portal {:?} has no rows", portal.name),
        ));
    }
    let PortalExecutionState::Suspended(response) = state.deref_mut() else {
        return Ok(0);
    };
    let count = count.map_or(usize::MAX, |count| {
        usize::try_from(count).unwrap_or(usize::MAX)
    });
    let skipped = async {
        let mut skipped = 0;
        while skipped < count {
            match response.data_rows().next().await {
                Some(row) => drop(row?),
                None => break,
            }
            skipped += 1;
        }
        Ok(skipped)
    };
    let skipped = token.unless_cancelled(skipped).await;
    if skipped.is_err() {
        // Dropping the response ends the query.
        *state = PortalExecutionState::Finished;
    }
    skipped
}
