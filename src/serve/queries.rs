//! The two ways in which clients ask: a text that is run at once, and a
//! statement that is prepared, bound and run.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::logical_expr::LogicalPlan;
use futures::{Sink, SinkExt};
use pgwire::api::portal::{Format, Portal};
use pgwire::api::query::{
    ExtendedQueryHandler, SimpleQueryHandler, send_describe_response, send_execution_response,
    send_query_response, send_ready_for_query,
};
use pgwire::api::results::{DescribePortalResponse, FieldInfo, Response};
use pgwire::api::stmt::QueryParser;
use pgwire::api::store::PortalStore;
use pgwire::api::{ClientInfo, ClientPortalStore, PgWireConnectionState, Type};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::extendedquery::{Describe, TARGET_TYPE_BYTE_PORTAL};
use pgwire::messages::response::{EmptyQueryResponse, TransactionStatus};
use pgwire::messages::simplequery::Query;
use pgwire::messages::startup::ParameterStatus;

use super::connection::{self, Connection, lock};
use super::cursor;
use super::dialect;
use super::errors::{self, State};
use super::parameters::Parameters;
use super::rows;
use super::settings;
use super::statement::{self as what, Reply, Statement, Transaction};
use crate::error::ShellError;
use crate::script::{self, Kind};
use crate::statement::{self, Effect};

/// Answers the questions of one connection.
pub struct Queries {
    connection: Arc<Connection>,
    parser: Arc<Preparing>,
}

impl Queries {
    pub fn new(connection: Arc<Connection>) -> Self {
        Self {
            parser: Arc::new(Preparing(Arc::clone(&connection))),
            connection,
        }
    }
}

/// The statements in a text.
fn statements(text: &str) -> PgWireResult<Vec<String>> {
    let (items, unfinished) = script::split(text);
    if let Some(unfinished) = unfinished {
        return Err(errors::error(State::Syntax, unfinished.message));
    }
    if let Some(command) = items.iter().find(|item| item.kind == Kind::Command) {
        let name = command.text.split_whitespace().next().unwrap_or_default();
        return Err(errors::error(
            State::Syntax,
            format!("{name} is a command of the prompt of semql; over this protocol there is SQL only"),
        ));
    }
    Ok(items.into_iter().map(|item| item.text).collect())
}

/// After an error nothing runs until the transaction ends, as clients expect.
fn refuse_in_failed(status: TransactionStatus, sql: &str) -> PgWireResult<()> {
    let ends = || matches!(Statement::read(sql), Ok(Statement::Transaction(Transaction::End, _)));
    match status {
        TransactionStatus::Error if !ends() => Err(errors::error(
            State::FailedTransaction,
            "the transaction has failed; nothing runs before ROLLBACK",
        )),
        _ => Ok(()),
    }
}

fn after(status: TransactionStatus, transaction: Transaction) -> TransactionStatus {
    match transaction {
        Transaction::Begin => status.to_in_transaction_state(),
        Transaction::End => status.to_idle_state(),
        Transaction::Within => status,
    }
}

/// Tells the client of a setting that has changed.
async fn report<C>(client: &mut C, changed: Option<(&'static str, String)>) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    if let Some((name, value)) = changed {
        let status = ParameterStatus::new(name.to_string(), value);
        client.feed(PgWireBackendMessage::ParameterStatus(status)).await?;
    }
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
        // Before anything is read of what is asked.
        self.connection.session()?;
        client.set_state(PgWireConnectionState::QueryInProgress);
        let asked = self.connection.stop.begin();
        let statements = statements(&query.query)?;
        if statements.is_empty() {
            client.feed(PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new())).await?;
        }
        for sql in statements {
            refuse_in_failed(client.transaction_status(), &sql)?;
            match self.connection.reply(&sql, asked.clone()).await? {
                Reply::Rows(rows) => {
                    send_query_response(client, rows.response(&Format::UnifiedText)?, true).await?;
                }
                Reply::Copy(copy) => {
                    let tag = copy.send(client).await?;
                    send_execution_response(client, tag).await?;
                }
                Reply::Transaction(transaction, tag) => {
                    send_execution_response(client, tag).await?;
                    client.set_transaction_status(after(client.transaction_status(), transaction));
                }
                Reply::Done { tag, report: changed } => {
                    report(client, changed).await?;
                    send_execution_response(client, tag).await?;
                }
            }
        }
        client.set_state(PgWireConnectionState::ReadyForQuery);
        send_ready_for_query(client, client.transaction_status()).await
    }

    /// Not asked: `on_query` does it all.
    async fn do_query<C>(&self, _: &mut C, _: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        Err(errors::internal())
    }
}

/// A prepared statement.
#[derive(Clone)]
pub struct Prepared {
    sql: String,
    /// The plan with its parameters open; `None` where the text is run.
    plan: Option<Arc<LogicalPlan>>,
    parameters: Parameters,
    /// The columns of its answer; `None` if it gives no rows.
    schema: Option<SchemaRef>,
    /// An answer that had to be worked out to know its columns. The first run
    /// takes it.
    ready: Arc<Mutex<Option<Reply>>>,
}

/// Prepares statements for one connection.
pub struct Preparing(Arc<Connection>);

impl Preparing {
    async fn prepare(&self, sql: String) -> PgWireResult<Prepared> {
        let session = self.0.session()?;
        let mut prepared = Prepared {
            sql,
            plan: None,
            parameters: Parameters::default(),
            schema: None,
            ready: Arc::default(),
        };
        let asked = self.0.stop.begin();
        let sql = prepared.sql.clone();
        let plan_of = match Statement::read(&sql).map_err(errors::wire)? {
            Statement::Setting(settings::Ask::Show(_)) => {
                prepared.work_out(&self.0, asked.clone()).await?;
                None
            }
            Statement::Cursor(cursor::Ask::Fetch { name, shown: true, .. }) => {
                prepared.schema = Some(lock(&self.0.cursors).schema(&name)?);
                None
            }
            Statement::Ours => {
                self.0.admit(&sql)?;
                match (statement::is_own(&sql), statement::effect(&sql)) {
                    (_, Effect::Nothing) | (true, Effect::Planned) => {
                        prepared.work_out(&self.0, asked.clone()).await?;
                        None
                    }
                    (false, Effect::Planned) => Some(sql),
                    (_, Effect::Settings | Effect::Writes) => None,
                }
            }
            _ => None,
        };
        let Some(sql) = plan_of else {
            return Ok(prepared);
        };
        let allow_writes = self.0.house.allow_writes;
        let plan = connection::run(asked, async move {
            let plan = dialect::plan(&session, &sql)
                .await
                .map_err(|error| statement::help(&session, error))?;
            if let Some(plan) = &plan {
                what::verify(plan, allow_writes)?;
            }
            Ok(plan)
        });
        if let Some(plan) = plan.await? {
            prepared.parameters = Parameters::of(&plan).map_err(errors::wire)?;
            prepared.schema = answer_of(&plan);
            prepared.plan = Some(Arc::new(plan));
        }
        Ok(prepared)
    }
}

/// The columns of a plan's answer, as far as it has one.
fn answer_of(plan: &LogicalPlan) -> Option<SchemaRef> {
    let rows = !matches!(
        plan,
        LogicalPlan::Ddl(_) | LogicalPlan::Dml(_) | LogicalPlan::Copy(_) | LogicalPlan::Statement(_)
    );
    rows.then(|| rows::presentable(plan.schema().as_arrow()))
}

impl Prepared {
    /// Runs a statement that changes nothing, to know its columns.
    async fn work_out(&mut self, connection: &Arc<Connection>, asked: super::stop::Asked) -> PgWireResult<()> {
        let reply = connection.reply(&self.sql, asked).await?;
        if let Reply::Rows(rows) = &reply {
            self.schema = Some(rows.schema());
        }
        *lock(&self.ready) = Some(reply);
        Ok(())
    }

    async fn run(&self, connection: &Arc<Connection>, portal: &Portal<Self>) -> PgWireResult<Reply> {
        if let Some(reply) = lock(&self.ready).take() {
            return Ok(reply);
        }
        let asked = connection.stop.begin();
        let Some(plan) = &self.plan else {
            return connection.reply(&self.sql, asked).await;
        };
        connection.admit(&self.sql)?;
        let session = connection.session()?;
        let plan = plan.as_ref().clone();
        let plan = match self.parameters.is_empty() {
            true => plan,
            false => plan
                .replace_params_with_values(&self.parameters.values(portal)?)
                .map_err(|error| errors::wire(ShellError::from(error)))?,
        };
        let outcome = connection::run(asked.clone(), async move { what::run_plan(&session, plan).await });
        Ok(what::reply(&self.sql, outcome.await?, asked))
    }
}

#[async_trait]
impl QueryParser for Preparing {
    type Statement = Prepared;

    async fn parse_sql<C>(&self, client: &C, sql: &str, _: &[Option<Type>]) -> PgWireResult<Option<Prepared>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let mut statements = statements(sql)?;
        match (statements.pop(), statements.is_empty()) {
            (None, _) => Ok(None),
            (Some(sql), true) => {
                refuse_in_failed(client.transaction_status(), &sql)?;
                self.prepare(sql).await.map(Some)
            }
            (Some(_), false) => Err(errors::error(
                State::Syntax,
                "several statements cannot be prepared as one; send them one at a time",
            )),
        }
    }

    fn get_parameter_types(&self, statement: &Prepared) -> PgWireResult<Vec<Type>> {
        statement.parameters.wire()
    }

    fn get_result_schema(&self, statement: &Prepared, format: Option<&Format>) -> PgWireResult<Vec<FieldInfo>> {
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
    type QueryParser = Preparing;

    fn query_parser(&self) -> Arc<Preparing> {
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
            (TARGET_TYPE_BYTE_PORTAL, Some(name)) => lock(&self.connection.cursors).schema(name).ok(),
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

    async fn do_query<C>(&self, client: &mut C, portal: &Portal<Prepared>, _: usize) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let prepared = &portal.statement.statement;
        refuse_in_failed(client.transaction_status(), &prepared.sql)?;
        match prepared.run(&self.connection, portal).await? {
            Reply::Rows(rows) => Ok(Response::Query(rows.response(&portal.result_column_format)?)),
            Reply::Copy(copy) => Ok(Response::Execution(copy.send(client).await?)),
            Reply::Transaction(Transaction::Begin, tag) => Ok(Response::TransactionStart(tag)),
            Reply::Transaction(Transaction::End, tag) => Ok(Response::TransactionEnd(tag)),
            Reply::Transaction(Transaction::Within, tag) => Ok(Response::Execution(tag)),
            Reply::Done { tag, report: changed } => {
                report(client, changed).await?;
                Ok(Response::Execution(tag))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_hold_statements() {
        assert_eq!(statements("SELECT ';'; -- one\nSELECT 2").unwrap(), ["SELECT ';'", "SELECT 2"]);
        assert!(statements(" ; ;").unwrap().is_empty());
        assert!(statements("SELECT 'x").is_err());
        assert!(statements("\\d").is_err());
    }

    #[test]
    fn a_failed_transaction_only_ends() {
        assert!(refuse_in_failed(TransactionStatus::Error, "SELECT 1").is_err());
        assert!(refuse_in_failed(TransactionStatus::Error, "ROLLBACK").is_ok());
        assert!(refuse_in_failed(TransactionStatus::Transaction, "SELECT 1").is_ok());
    }
}
