//! The extended protocol: a statement that is prepared, bound and executed.

use std::fmt::Debug;
use std::ops::DerefMut;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{Sink, SinkExt};
use pgwire::api::portal::{Format, Portal, PortalExecutionState};
use pgwire::api::query::{ExtendedQueryHandler, send_ready_for_query};
use pgwire::api::results::Response as WireResponse;
use pgwire::api::store::{Entry, PortalStore};
use pgwire::api::{ClientInfo, ClientPortalStore, DEFAULT_NAME, PgWireConnectionState};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::extendedquery::{
    Bind, BindComplete, Describe, Execute, PortalSuspended, Sync as PgSync,
    TARGET_TYPE_BYTE_PORTAL, TARGET_TYPE_BYTE_STATEMENT,
};
use pgwire::messages::response::{EmptyQueryResponse, TransactionStatus};

use super::bind::{check_count, check_formats};
use super::portals::{self, NamedPortals};
use super::prepared::{PreparedStatement, StatementPreparer};
use super::send;
use crate::serve::connection::Connection;
use crate::serve::errors;
use crate::serve::execute::response::Response;
use crate::serve::execute::transaction::{TransactionEffect, check_status};
use crate::serve::parameters::wire_types;
use semql_udfs::inference::sync::lock;

/// Handler of the extended protocol for one connection.
pub struct ExtendedQueries {
    connection: Arc<Connection>,
    preparer: Arc<StatementPreparer>,
    portals: Arc<NamedPortals>,
}

impl ExtendedQueries {
    pub fn new(connection: Arc<Connection>, portals: Arc<NamedPortals>) -> Self {
        Self {
            preparer: Arc::new(StatementPreparer::new(Arc::clone(&connection))),
            connection,
            portals,
        }
    }
}

#[async_trait]
impl ExtendedQueryHandler for ExtendedQueries {
    type Statement = PreparedStatement;
    type QueryParser = StatementPreparer;

    fn query_parser(&self) -> Arc<StatementPreparer> {
        Arc::clone(&self.preparer)
    }

    /// Describes a statement or a portal; a cursor is a portal of the same name.
    /// A statement without rows has no columns to describe.
    async fn on_describe<C>(&self, client: &mut C, message: Describe) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = PreparedStatement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        let schema = match message.target_type {
            TARGET_TYPE_BYTE_STATEMENT => match client.portal_store().get_statement(name) {
                Some(Entry::Value(stored)) => {
                    let prepared = &stored.statement;
                    let types = wire_types(prepared.parameters(), &stored.parameter_types);
                    send::parameter_types(client, &types).await?;
                    prepared.schema.clone()
                }
                Some(Entry::Empty) => {
                    send::parameter_types(client, &[]).await?;
                    None
                }
                None => return Err(PgWireError::StatementNotFound(name.to_owned())),
            },
            TARGET_TYPE_BYTE_PORTAL => {
                let cursor = lock(&self.connection.cursors).schema(name).ok();
                match (cursor, client.portal_store().get_portal(name)) {
                    (Some(schema), _) => Some(schema),
                    (None, Some(Entry::Value(portal))) => {
                        let schema = portal.statement.statement.schema.clone();
                        let format = &portal.result_column_format;
                        return send::description(client, schema.as_deref(), format).await;
                    }
                    (None, Some(Entry::Empty)) => None,
                    (None, None) => return Err(PgWireError::PortalNotFound(name.to_owned())),
                }
            }
            other => return Err(PgWireError::InvalidTargetType(other)),
        };
        send::description(client, schema.as_deref(), &Format::UnifiedText).await
    }

    /// Binds values after checks of their number and formats: pgwire looks
    /// formats up by position later.
    async fn on_bind<C>(&self, client: &mut C, message: Bind) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = PreparedStatement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.statement_name.as_deref().unwrap_or(DEFAULT_NAME);
        let given = message.parameters.len();
        check_formats("parameter", &message.parameter_format_codes, given)?;
        match client.portal_store().get_statement(name) {
            Some(Entry::Value(stored)) => {
                let prepared = &stored.statement;
                check_count(given, prepared.parameters().len())?;
                if let Some(schema) = &prepared.schema {
                    let columns = schema.fields().len();
                    check_formats("result", &message.result_column_format_codes, columns)?;
                }
                let portal = Arc::new(Portal::try_new(&message, stored)?);
                self.portals.add(&portal);
                client.portal_store().put_portal(portal);
            }
            Some(Entry::Empty) => {
                check_count(given, 0)?;
                let portal = message.portal_name.as_deref().unwrap_or(DEFAULT_NAME);
                client.portal_store().put_empty_portal(portal);
            }
            None => return Err(PgWireError::StatementNotFound(name.to_owned())),
        }
        client
            .feed(PgWireBackendMessage::BindComplete(BindComplete::new()))
            .await?;
        Ok(())
    }

    /// The unnamed portal lasts until its transaction ends.
    async fn on_sync<C>(&self, client: &mut C, _: PgSync) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = PreparedStatement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let status = client.transaction_status();
        if status != TransactionStatus::Transaction {
            client.portal_store().rm_portal(DEFAULT_NAME);
        }
        send_ready_for_query(client, status).await
    }

    /// Executes a portal, or resumes a suspended one. Rows are streamed to the
    /// client, never collected.
    async fn on_execute<C>(&self, client: &mut C, message: Execute) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = PreparedStatement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if !matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            return Err(PgWireError::NotReadyForQuery);
        }
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        let portal = match client.portal_store().get_portal(name) {
            Some(Entry::Value(portal)) => portal,
            Some(Entry::Empty) => {
                client
                    .feed(PgWireBackendMessage::EmptyQueryResponse(
                        EmptyQueryResponse::new(),
                    ))
                    .await?;
                return Ok(());
            }
            None => return Err(PgWireError::PortalNotFound(name.to_owned())),
        };
        client.set_state(PgWireConnectionState::QueryInProgress);
        let statement = Arc::clone(&portal.statement.statement.statement);
        let log = self.connection.log(statement.tag(), &statement.text);
        // Postgres takes 0 and less for all rows.
        let max_rows = usize::try_from(message.max_rows).unwrap_or(0);
        match self.execute_portal(client, &portal, max_rows).await {
            Ok(rows) => log.done(rows),
            Err(error) => return Err(log.failed(error)),
        }
        if !matches!(client.state(), PgWireConnectionState::CopyInProgress(_)) {
            client.set_state(PgWireConnectionState::ReadyForQuery);
        }
        Ok(())
    }

    /// Not called, because `on_execute` is overridden.
    async fn do_query<C>(
        &self,
        _: &mut C,
        _: &Portal<PreparedStatement>,
        _: usize,
    ) -> PgWireResult<WireResponse>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = PreparedStatement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        Err(errors::internal())
    }
}

impl ExtendedQueries {
    /// Executes a portal, sends its response, and gives the number of rows.
    async fn execute_portal<C>(
        &self,
        client: &mut C,
        portal: &Portal<PreparedStatement>,
        max_rows: usize,
    ) -> PgWireResult<usize>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = PreparedStatement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let prepared = &portal.statement.statement;
        check_status(client.transaction_status(), &prepared.statement)?;
        let token = self.connection.begin();
        let state = portal.state();
        let mut state = state.lock().await;
        match portals::start(&self.connection, portal, &mut state, &token).await? {
            None | Some(Response::Rows(_)) => {}
            Some(Response::Copy(copy)) => return send::copy(client, copy, &token).await,
            Some(Response::CopyIn(copy)) => {
                send::copy_in(client, &self.connection, *copy, true).await?;
                return Ok(0);
            }
            Some(Response::Transaction(effect, tag)) => {
                send::transaction(client, &self.connection, effect, tag).await?;
                if matches!(effect, TransactionEffect::End { .. }) {
                    client.portal_store().rm_portal(DEFAULT_NAME);
                }
                return Ok(0);
            }
            Some(Response::Done { tag, report }) => {
                send::done(client, tag, report).await?;
                return Ok(0);
            }
        }
        let PortalExecutionState::Suspended(response) = state.deref_mut() else {
            // All rows were sent before.
            send::complete(client, prepared.statement.tag(), 0).await?;
            return Ok(0);
        };
        let sent = send::rows(client, response, max_rows);
        let (count, more) = match token.unless_cancelled(sent).await {
            Ok(sent) => sent,
            Err(error) => {
                // Dropping the response ends the query.
                *state = PortalExecutionState::Finished;
                return Err(error);
            }
        };
        match more {
            true => {
                client
                    .feed(PgWireBackendMessage::PortalSuspended(PortalSuspended::new()))
                    .await?;
            }
            false => {
                send::complete(client, response.command_tag(), count).await?;
                *state = PortalExecutionState::Finished;
            }
        }
        Ok(count)
    }
}
