//! The two protocols of queries: a text that is run at once, and a statement
//! that is prepared, bound and executed.

use std::fmt::Debug;
use std::ops::DerefMut;
use std::sync::{Arc, Mutex};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::logical_expr::LogicalPlan;
use futures::{Sink, SinkExt, StreamExt};
use pgwire::api::portal::{Format, Portal, PortalExecutionState};
use pgwire::api::query::{
    ExtendedQueryHandler, SimpleQueryHandler, send_describe_response, send_execution_response,
    send_ready_for_query,
};
use pgwire::api::results::{
    DescribePortalResponse, FieldInfo, QueryResponse, Response as WireResponse, Tag,
};
use pgwire::api::stmt::QueryParser;
use pgwire::api::store::{Entry, PortalStore};
use pgwire::api::{ClientInfo, ClientPortalStore, DEFAULT_NAME, PgWireConnectionState, Type};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::data::RowDescription;
use pgwire::messages::extendedquery::{
    Bind, BindComplete, Describe, Execute, PortalSuspended, Sync as PgSync, TARGET_TYPE_BYTE_PORTAL,
};
use pgwire::messages::response::{EmptyQueryResponse, TransactionStatus};
use pgwire::messages::simplequery::Query;
use pgwire::messages::startup::ParameterStatus;

use super::cancel::CancelToken;
use super::connection::{Connection, lock};
use super::dialect;
use super::errors::{self, SqlState};
use super::execute::{Response, Transaction};
use super::log::StatementLog;
use super::parameters::Parameters;
use super::rows;
use crate::error::{ErrorKind, ShellError};
use crate::statement::parsed::{Command, ConnectionCommand};
use crate::statement::{Effect, Statement};

/// Answers the queries of one connection.
pub struct Queries {
    connection: Arc<Connection>,
    parser: Arc<StatementParser>,
}

impl Queries {
    pub fn new(connection: Arc<Connection>) -> Self {
        Self {
            parser: Arc::new(StatementParser(Arc::clone(&connection))),
            connection,
        }
    }
}

/// After an error nothing runs until the transaction ends, as clients expect.
fn refuse_in_failed(status: TransactionStatus, statement: &Statement) -> PgWireResult<()> {
    let ends = matches!(
        statement.command,
        Command::Connection(ConnectionCommand::End { .. } | ConnectionCommand::RollbackTo)
    );
    match status {
        TransactionStatus::Error if !ends => Err(errors::error(
            SqlState::FailedTransaction,
            "the transaction has failed; nothing runs before ROLLBACK",
        )),
        _ => Ok(()),
    }
}

fn after(status: TransactionStatus, transaction: Transaction) -> TransactionStatus {
    match transaction {
        Transaction::Begin => status.to_in_transaction_state(),
        Transaction::End => status.to_idle_state(),
        Transaction::RollbackTo if status == TransactionStatus::Idle => status,
        Transaction::RollbackTo => TransactionStatus::Transaction,
        Transaction::Within => status,
    }
}

/// Checks the formats of a Bind: none, one for all, or one for each of `count`.
fn check_formats(what: &str, codes: &[i16], count: usize) -> PgWireResult<()> {
    if let Some(code) = codes.iter().find(|code| !matches!(code, 0 | 1)) {
        return Err(errors::error(
            SqlState::ProtocolViolation,
            format!("the {what} format {code} is neither text (0) nor binary (1)"),
        ));
    }
    match codes.len() {
        0 | 1 => Ok(()),
        given if given == count => Ok(()),
        given => Err(errors::error(
            SqlState::ProtocolViolation,
            format!("the message has {given} {what} formats for {count} values"),
        )),
    }
}

fn check_count(given: usize, wanted: usize) -> PgWireResult<()> {
    match given == wanted {
        true => Ok(()),
        false => Err(errors::error(
            SqlState::ProtocolViolation,
            format!("the message has {given} parameters, and the statement takes {wanted}"),
        )),
    }
}

/// Reports a setting that has changed to the client.
async fn report<C>(client: &mut C, changed: Option<(&'static str, String)>) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    if let Some((name, value)) = changed {
        let status = ParameterStatus::new(name.to_string(), value);
        client
            .feed(PgWireBackendMessage::ParameterStatus(status))
            .await?;
    }
    Ok(())
}

/// Sends up to `max_rows` rows of a response, one after the other; all for 0.
/// Gives their number, and whether there may be more.
async fn send_rows<C>(
    client: &mut C,
    response: &mut QueryResponse,
    max_rows: usize,
) -> PgWireResult<(usize, bool)>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let mut count = 0;
    while max_rows == 0 || count < max_rows {
        let Some(row) = response.data_rows().next().await else {
            return Ok((count, false));
        };
        client.feed(PgWireBackendMessage::DataRow(row?)).await?;
        count += 1;
    }
    Ok((count, true))
}

async fn send_complete<C>(client: &mut C, tag: &str, rows: usize) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let tag = Tag::new(tag).with_rows(rows);
    client
        .feed(PgWireBackendMessage::CommandComplete(tag.into()))
        .await?;
    Ok(())
}

#[async_trait]
impl SimpleQueryHandler for Queries {
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
        // Before the text is read.
        self.connection.session()?;
        client.set_state(PgWireConnectionState::QueryInProgress);
        let statements = dialect::parse(&query.query).map_err(|error| {
            StatementLog::begin(&self.connection, "UNKNOWN", &query.query)
                .failed(errors::wire(error))
        })?;
        if statements.is_empty() {
            client
                .feed(PgWireBackendMessage::EmptyQueryResponse(
                    EmptyQueryResponse::new(),
                ))
                .await?;
        }
        for statement in &statements {
            let log = StatementLog::begin(&self.connection, statement.tag(), &statement.text);
            match self.answer(client, statement).await {
                Ok(rows) => log.done(rows),
                Err(error) => return Err(log.failed(error)),
            }
        }
        client.set_state(PgWireConnectionState::ReadyForQuery);
        send_ready_for_query(client, client.transaction_status()).await
    }

    /// Not called: `on_query` does it all.
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

impl Queries {
    /// Executes a statement of the simple protocol and sends what it gives; the
    /// number of rows.
    async fn answer<C>(&self, client: &mut C, statement: &Statement) -> PgWireResult<usize>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        refuse_in_failed(client.transaction_status(), statement)?;
        let token = self.connection.begin();
        match self.connection.execute(statement, &token).await? {
            Response::Rows(rows) => {
                let mut response = rows.response(&Format::UnifiedText)?;
                let fields = response.row_schema();
                let description = RowDescription::new(fields.iter().map(Into::into).collect());
                client
                    .feed(PgWireBackendMessage::RowDescription(description))
                    .await?;
                let sent = send_rows(client, &mut response, 0);
                let (count, _) = token.unless_cancelled(sent).await?;
                send_complete(client, response.command_tag(), count).await?;
                Ok(count)
            }
            Response::Copy(copy) => {
                let (tag, rows) = token.unless_cancelled(copy.send(client)).await?;
                send_execution_response(client, tag).await?;
                Ok(rows)
            }
            Response::Transaction(transaction, tag) => {
                send_execution_response(client, tag).await?;
                client.set_transaction_status(after(client.transaction_status(), transaction));
                Ok(0)
            }
            Response::Done {
                tag,
                report: changed,
            } => {
                report(client, changed).await?;
                send_execution_response(client, tag).await?;
                Ok(0)
            }
        }
    }
}

/// A prepared statement.
#[derive(Clone)]
pub struct Prepared {
    statement: Arc<Statement>,
    /// The plan with its parameters open; `None` where the statement is run as a
    /// whole.
    plan: Option<Arc<LogicalPlan>>,
    parameters: Parameters,
    /// The columns of its answer; `None` if it gives no rows.
    schema: Option<SchemaRef>,
    /// An answer that had to be worked out to know its columns. The first
    /// execution takes it.
    ready: Arc<Mutex<Option<Response>>>,
}

/// Prepares the statements of one connection.
pub struct StatementParser(Arc<Connection>);

impl StatementParser {
    async fn prepare(&self, statement: Statement) -> PgWireResult<Prepared> {
        let connection = &self.0;
        let token = connection.begin();
        let mut prepared = Prepared {
            statement: Arc::new(statement),
            plan: None,
            parameters: Parameters::default(),
            schema: None,
            ready: Arc::default(),
        };
        let statement = Arc::clone(&prepared.statement);
        match &statement.command {
            Command::Connection(ConnectionCommand::Fetch {
                name, shown: true, ..
            }) => prepared.schema = Some(lock(&connection.cursors).schema(name)?),
            Command::Connection(_) | Command::Set { .. } | Command::Reset { .. } => {}
            Command::Engine(_) | Command::Explain(_) => {
                if let Some(plan) = connection.plan(&statement, &token).await? {
                    prepared.parameters = Parameters::of(&plan).map_err(errors::wire)?;
                    prepared.schema = answer_of(&plan);
                    prepared.plan = Some(Arc::new(plan));
                }
            }
            _ if statement.effect() == Effect::Writes => connection.check(&statement)?,
            // Statements of semql's own that only read: their columns show when
            // they have run.
            _ => {
                let response = connection.execute(&statement, &token).await?;
                if let Response::Rows(rows) = &response {
                    prepared.schema = Some(rows.schema());
                }
                *lock(&prepared.ready) = Some(response);
            }
        }
        Ok(prepared)
    }
}

/// The columns of a plan's answer, as far as it has one.
fn answer_of(plan: &LogicalPlan) -> Option<SchemaRef> {
    let rows = !matches!(
        plan,
        LogicalPlan::Ddl(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::Statement(_)
    );
    rows.then(|| rows::presentable(plan.schema().as_arrow()))
}

impl Prepared {
    async fn execute(
        &self,
        connection: &Arc<Connection>,
        portal: &Portal<Self>,
        token: &CancelToken,
    ) -> PgWireResult<Response> {
        if let Some(response) = lock(&self.ready).take() {
            return Ok(response);
        }
        let Some(plan) = &self.plan else {
            return connection.execute(&self.statement, token).await;
        };
        let plan = plan.as_ref().clone();
        let plan = match self.parameters.is_empty() {
            true => plan,
            false => plan
                .replace_params_with_values(&self.parameters.values(portal)?)
                .map_err(|error| errors::wire(ShellError::from(error)))?,
        };
        connection.run_plan(&self.statement, plan, token).await
    }
}

#[async_trait]
impl QueryParser for StatementParser {
    type Statement = Prepared;

    async fn parse_sql<C>(
        &self,
        client: &C,
        sql: &str,
        _: &[Option<Type>],
    ) -> PgWireResult<Option<Prepared>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        self.0.session()?;
        let failed =
            |kind: &'static str, error| StatementLog::begin(&self.0, kind, sql).failed(error);
        let parsed = dialect::parse(sql);
        let mut statements = parsed.map_err(|error| failed("UNKNOWN", errors::wire(error)))?;
        match (statements.pop(), statements.is_empty()) {
            (None, _) => Ok(None),
            (Some(statement), true) => {
                refuse_in_failed(client.transaction_status(), &statement)?;
                let kind = statement.tag();
                let prepared = self.prepare(statement).await;
                prepared.map(Some).map_err(|error| failed(kind, error))
            }
            (Some(_), false) => Err(errors::wire(ShellError::of_kind(
                ErrorKind::Syntax,
                "several statements cannot be prepared as one; send them one at a time",
            ))),
        }
    }

    fn get_parameter_types(&self, statement: &Prepared) -> PgWireResult<Vec<Type>> {
        statement.parameters.wire()
    }

    fn get_result_schema(
        &self,
        statement: &Prepared,
        format: Option<&Format>,
    ) -> PgWireResult<Vec<FieldInfo>> {
        match &statement.schema {
            Some(schema) => {
                let fields = rows::fields(schema, format.unwrap_or(&Format::UnifiedText))?;
                Ok(fields.as_ref().clone())
            }
            None => Ok(Vec::new()),
        }
    }
}

#[async_trait]
impl ExtendedQueryHandler for Queries {
    type Statement = Prepared;
    type QueryParser = StatementParser;

    fn query_parser(&self) -> Arc<StatementParser> {
        Arc::clone(&self.parser)
    }

    /// To Postgres' clients a cursor is a portal of its name.
    async fn on_describe<C>(&self, client: &mut C, message: Describe) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let cursor = match (message.target_type, &message.name) {
            (TARGET_TYPE_BYTE_PORTAL, Some(name)) => {
                lock(&self.connection.cursors).schema(name).ok()
            }
            _ => None,
        };
        match cursor {
            Some(schema) => {
                let fields = rows::fields(&schema, &Format::UnifiedText)?;
                let described = DescribePortalResponse::new(fields.as_ref().clone());
                send_describe_response(client, &described).await
            }
            None => self._on_describe(client, message).await,
        }
    }

    /// Binds values, after their number and formats have been checked: pgwire
    /// takes them as they are, and looks formats up by position later.
    async fn on_bind<C>(&self, client: &mut C, message: Bind) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.statement_name.as_deref().unwrap_or(DEFAULT_NAME);
        let given = message.parameters.len();
        check_formats("parameter", &message.parameter_format_codes, given)?;
        match client.portal_store().get_statement(name) {
            Some(Entry::Value(stored)) => {
                let prepared = &stored.statement;
                check_count(given, prepared.parameters.len())?;
                if let Some(schema) = &prepared.schema {
                    let columns = schema.fields().len();
                    check_formats("result", &message.result_column_format_codes, columns)?;
                }
                let portal = Portal::try_new(&message, stored)?;
                client.portal_store().put_portal(Arc::new(portal));
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
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let status = client.transaction_status();
        if status != TransactionStatus::Transaction {
            client.portal_store().rm_portal(DEFAULT_NAME);
        }
        send_ready_for_query(client, status).await
    }

    /// Executes a portal, or goes on with one that is suspended. Rows are sent
    /// as they come and never collected.
    async fn on_execute<C>(&self, client: &mut C, message: Execute) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
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
        let log = StatementLog::begin(&self.connection, statement.tag(), &statement.text);
        // Postgres takes 0 and less for all rows.
        let max_rows = usize::try_from(message.max_rows).unwrap_or(0);
        match self.execute_portal(client, &portal, max_rows).await {
            Ok(rows) => log.done(rows),
            Err(error) => return Err(log.failed(error)),
        }
        client.set_state(PgWireConnectionState::ReadyForQuery);
        Ok(())
    }

    /// Not called: `on_execute` does it all.
    async fn do_query<C>(
        &self,
        _: &mut C,
        _: &Portal<Prepared>,
        _: usize,
    ) -> PgWireResult<WireResponse>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        Err(errors::internal())
    }
}

impl Queries {
    /// Executes a portal and sends what it gives; the number of rows.
    async fn execute_portal<C>(
        &self,
        client: &mut C,
        portal: &Portal<Prepared>,
        max_rows: usize,
    ) -> PgWireResult<usize>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let prepared = &portal.statement.statement;
        refuse_in_failed(client.transaction_status(), &prepared.statement)?;
        let token = self.connection.begin();
        let state = portal.state();
        let mut state = state.lock().await;
        if matches!(*state, PortalExecutionState::Initial) {
            match prepared.execute(&self.connection, portal, &token).await? {
                Response::Rows(rows) => {
                    // The columns may be others than those that were known when
                    // the portal was bound, such as those of a new cursor.
                    if let Format::Individual(codes) = &portal.result_column_format {
                        check_formats("result", codes, rows.schema().fields().len())?;
                    }
                    let response = rows.response(&portal.result_column_format)?;
                    *state = PortalExecutionState::Suspended(response);
                }
                Response::Copy(copy) => {
                    let (tag, rows) = token.unless_cancelled(copy.send(client)).await?;
                    send_execution_response(client, tag).await?;
                    return Ok(rows);
                }
                Response::Transaction(transaction, tag) => {
                    send_execution_response(client, tag).await?;
                    client.set_transaction_status(after(client.transaction_status(), transaction));
                    if transaction == Transaction::End {
                        client.portal_store().rm_portal(DEFAULT_NAME);
                    }
                    return Ok(0);
                }
                Response::Done {
                    tag,
                    report: changed,
                } => {
                    report(client, changed).await?;
                    send_execution_response(client, tag).await?;
                    return Ok(0);
                }
            }
        }
        let PortalExecutionState::Suspended(response) = state.deref_mut() else {
            // It has given all its rows before.
            send_complete(client, prepared.statement.tag(), 0).await?;
            return Ok(0);
        };
        let sent = send_rows(client, response, max_rows);
        let (count, more) = match token.unless_cancelled(sent).await {
            Ok(sent) => sent,
            Err(error) => {
                // What produces the rows ends with them.
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
                send_complete(client, response.command_tag(), count).await?;
                *state = PortalExecutionState::Finished;
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::parser::parse_one;

    #[test]
    fn a_failed_transaction_only_ends() {
        let refused =
            |status, sql: &str| refuse_in_failed(status, &parse_one(sql).unwrap()).is_err();
        assert!(refused(TransactionStatus::Error, "SELECT 1"));
        assert!(!refused(TransactionStatus::Error, "ROLLBACK TO s"));
        assert!(!refused(TransactionStatus::Error, "ROLLBACK"));
        assert!(!refused(TransactionStatus::Transaction, "SELECT 1"));
    }
}
