//! The simple protocol: a text of statements that is run at once.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{Sink, SinkExt};
use pgwire::api::portal::{Format, Portal};
use pgwire::api::query::{SimpleQueryHandler, send_ready_for_query};
use pgwire::api::results::{Response as WireResponse, Tag};
use pgwire::api::store::PortalStore;
use pgwire::api::{ClientInfo, ClientPortalStore, PgWireConnectionState};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::data::RowDescription;
use pgwire::messages::response::EmptyQueryResponse;
use pgwire::messages::simplequery::Query;

use super::portals::{self, NamedPortals};
use super::prepared::PreparedStatement;
use super::send;
use crate::serve::connection::Connection;
use crate::serve::dialect;
use crate::serve::errors::{self, SqlState};
use crate::serve::execute::response::Response;
use crate::serve::execute::transaction::check_status;
use crate::statement::Statement;
use crate::statement::parsed::{ConnectionCommand, StatementCommand};
use crate::statement::prepared_statements::{PreparedStatementCommand, of};

/// Handler of the simple protocol for one connection.
pub struct SimpleQueries {
    connection: Arc<Connection>,
    portals: Arc<NamedPortals>,
}

impl SimpleQueries {
    pub fn new(connection: Arc<Connection>, portals: Arc<NamedPortals>) -> Self {
        Self {
            connection,
            portals,
        }
    }
}

#[async_trait]
impl SimpleQueryHandler for SimpleQueries {
    /// One statement after the other, each answered before the next begins.
    async fn on_query<C>(&self, client: &mut C, query: Query) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if !matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            return Err(PgWireError::NotReadyForQuery);
        }
        // Refuses clients that have not authenticated.
        self.connection.session()?;
        client.set_state(PgWireConnectionState::QueryInProgress);
        let statements = dialect::parse(&query.query).map_err(|error| {
            self.connection
                .log("UNKNOWN", &query.query)
                .failed(errors::wire(error))
        })?;
        if statements.is_empty() {
            client
                .feed(PgWireBackendMessage::EmptyQueryResponse(
                    EmptyQueryResponse::new(),
                ))
                .await?;
        }
        check_copies(&statements)?;
        for statement in &statements {
            let log = self.connection.log(statement.tag(), &statement.text);
            let answered = match deallocates(client, statement) {
                true => send::done(client, Tag::new(statement.tag()), None)
                    .await
                    .map(|()| 0),
                false => self.answer(client, statement).await,
            };
            match answered {
                Ok(rows) => log.done(rows),
                Err(error) => return Err(log.failed(error)),
            }
        }
        // The client sends rows first.
        if matches!(client.state(), PgWireConnectionState::CopyInProgress(_)) {
            return Ok(());
        }
        client.set_state(PgWireConnectionState::ReadyForQuery);
        send_ready_for_query(client, client.transaction_status()).await
    }

    /// Not called, because `on_query` is overridden.
    async fn do_query<C>(&self, _: &mut C, _: &str) -> PgWireResult<Vec<WireResponse>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        Err(errors::internal())
    }
}

/// Removes the statement of the extended protocol that DEALLOCATE names, and returns
/// whether there was one. Statements of SQL and of the protocol share their names in
/// Postgres.
fn deallocates<C>(client: &C, statement: &Statement) -> bool
where
    C: ClientInfo + ClientPortalStore,
    C::PortalStore: PortalStore,
{
    let Some(PreparedStatementCommand::Deallocate { name: Some(name) }) = of(statement) else {
        return false;
    };
    let store = client.portal_store();
    if check_status(client.transaction_status(), statement).is_err()
        || store.get_statement(&name).is_none()
    {
        return false;
    }
    store.rm_statement(&name);
    true
}

/// Refuses statements behind `COPY ... FROM STDIN`, since the rows come next.
fn check_copies(statements: &[Statement]) -> PgWireResult<()> {
    let all_but_last = statements
        .split_last()
        .map_or(&[][..], |(_, others)| others);
    let is_copy = |statement: &Statement| {
        matches!(
            statement.command,
            StatementCommand::Connection(ConnectionCommand::CopyIn(_))
        )
    };
    match all_but_last.iter().any(is_copy) {
        false => Ok(()),
        true => Err(errors::error(
            SqlState::NotSupported,
            "COPY ... FROM STDIN must be the last statement of its text",
        )),
    }
}

impl SimpleQueries {
    /// The portal that MOVE names, and the number of rows.
    fn moved_portal(
        &self,
        statement: &Statement,
    ) -> Option<(Arc<Portal<PreparedStatement>>, Option<u64>)> {
        match &statement.command {
            StatementCommand::Connection(ConnectionCommand::Fetch {
                name,
                count,
                shown: false,
            }) => Some((self.portals.get(name)?, *count)),
            _ => None,
        }
    }

    /// Executes a statement, sends its response, and gives the number of rows.
    async fn answer<C>(&self, client: &mut C, statement: &Statement) -> PgWireResult<usize>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        check_status(client.transaction_status(), statement)?;
        let token = self.connection.begin();
        if let Some((portal, count)) = self.moved_portal(statement) {
            let skipped = portals::skip(&self.connection, &portal, count, &token).await?;
            send::complete(client, statement.tag(), skipped).await?;
            return Ok(0);
        }
        match self.connection.execute(statement, &token).await? {
            Response::Rows(rows) => {
                let mut response = rows.response(&Format::UnifiedText)?;
                let fields = response.row_schema();
                let description = RowDescription::new(fields.iter().map(Into::into).collect());
                client
                    .feed(PgWireBackendMessage::RowDescription(description))
                    .await?;
                let sent = send::rows(client, &mut response, 0);
                let (count, _) = token.unless_cancelled(sent).await?;
                send::complete(client, response.command_tag(), count).await?;
                Ok(count)
            }
            Response::Copy(copy) => send::copy(client, copy, &token).await,
            Response::CopyIn(copy) => {
                send::copy_in(client, &self.connection, *copy, false).await?;
                Ok(0)
            }
            Response::Transaction(effect, tag) => {
                send::transaction(client, &self.connection, effect, tag).await?;
                Ok(0)
            }
            Response::Done { tag, report } => {
                send::done(client, tag, report).await?;
                Ok(0)
            }
        }
    }
}
