//! Prepared statements of the extended protocol.

use std::sync::{Arc, Mutex};

use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use datafusion::logical_expr::LogicalPlan;
use pgwire::api::portal::{Format, Portal};
use pgwire::api::results::FieldInfo;
use pgwire::api::stmt::QueryParser;
use pgwire::api::{ClientInfo, Type};
use pgwire::error::PgWireResult;

use crate::error::{ErrorKind, ShellError};
use crate::serve::cancel::CancelToken;
use crate::serve::catalog::mark_catalog_types;
use crate::serve::connection::Connection;
use crate::serve::dialect;
use crate::serve::errors;
use crate::serve::execute::response::Response;
use crate::serve::execute::transaction::check_status;
use crate::serve::parameters;
use crate::serve::rows;
use crate::statement::parsed::{ConnectionCommand, StatementCommand};
use crate::statement::prepared_statements::{PreparedStatementCommand, executed, of};
use crate::statement::{Effect, PreparedPlan, Statement, StatementParameter, query};
use semql_udfs::inference::sync::lock;

/// A prepared statement.
#[derive(Clone)]
pub struct PreparedStatement {
    pub statement: Arc<Statement>,
    /// `None` for a statement without a plan.
    plan: Option<Arc<PreparedPlan>>,
    /// Columns of the rows; `None` for a statement without rows.
    pub schema: Option<SchemaRef>,
    /// Response of a statement that ran while it was prepared, to find its
    /// columns. The first execution takes it.
    ready: Arc<Mutex<Option<Response>>>,
}

/// Parses and plans the statements of one connection.
pub struct StatementPreparer(Arc<Connection>);

impl StatementPreparer {
    pub fn new(connection: Arc<Connection>) -> Self {
        Self(connection)
    }

    async fn prepare(
        &self,
        statement: Statement,
        declared: Vec<Option<DataType>>,
    ) -> PgWireResult<PreparedStatement> {
        let connection = &self.0;
        let token = connection.begin();
        let mut prepared = PreparedStatement {
            statement: Arc::new(statement),
            plan: None,
            schema: None,
            ready: Arc::default(),
        };
        let statement = Arc::clone(&prepared.statement);
        match &statement.command {
            StatementCommand::Connection(ConnectionCommand::Fetch {
                name, shown: true, ..
            }) => prepared.schema = Some(lock(&connection.cursors).schema(name)?),
            StatementCommand::Connection(ConnectionCommand::Declare { query, .. }) => {
                let plan = connection.prepare_plan(query, declared, &token).await?;
                let plan = plan.filter(|plan| !plan.parameters().is_empty());
                prepared.plan = plan.map(Arc::new);
            }
            StatementCommand::Connection(_)
            | StatementCommand::Set { .. }
            | StatementCommand::Reset { .. } => {}
            StatementCommand::Engine(_) | StatementCommand::Explain(_)
                if !is_explained_execution(&statement) =>
            {
                let plan = connection.prepare_plan(&statement, declared, &token);
                if let Some(plan) = plan.await? {
                    prepared.schema = columns_of(plan.plan(), &statement);
                    prepared.plan = Some(Arc::new(plan));
                } else if let Some(named) = executed(connection.session()?.as_ref(), &statement) {
                    prepared.schema = columns_of(named.plan.plan(), &named.statement);
                }
            }
            _ if statement.effect() == Effect::Writes => connection.check(&statement)?,
            // Other statements that read: only their rows have the columns.
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

/// Whether a statement is `EXPLAIN EXECUTE`.
fn is_explained_execution(statement: &Statement) -> bool {
    matches!(
        of(statement),
        Some(PreparedStatementCommand::Explain { .. })
    )
}

/// Columns of a plan's rows; `None` if it gives none.
fn columns_of(plan: &LogicalPlan, statement: &Statement) -> Option<SchemaRef> {
    query::has_rows(plan).then(|| {
        let schema = rows::named(plan.schema().as_arrow(), &statement.column_names);
        rows::presentable(&mark_catalog_types(plan, &schema))
    })
}

impl PreparedStatement {
    /// Parameters in order.
    pub fn parameters(&self) -> &[StatementParameter] {
        match &self.plan {
            Some(plan) => plan.parameters(),
            None => &[],
        }
    }

    /// Executes the statement with the values of a portal.
    ///
    /// # Errors
    /// As [`Connection::execute`]; values that do not fit.
    pub async fn execute(
        &self,
        connection: &Arc<Connection>,
        portal: &Portal<Self>,
        token: &CancelToken,
    ) -> PgWireResult<Response> {
        if let Some(response) = lock(&self.ready).take() {
            return Ok(response);
        }
        match &self.plan {
            Some(plan) => {
                let values = parameters::values(portal, plan.parameters())?;
                let plan = Arc::clone(plan);
                let StatementCommand::Connection(ConnectionCommand::Declare { name, query, hold }) =
                    &self.statement.command
                else {
                    let response = connection.run_prepared(&self.statement, plan, values, token);
                    return Ok(match (response.await?, &self.schema) {
                        (Response::Rows(rows), Some(described)) => {
                            Response::Rows(rows.described(described))
                        }
                        (response, _) => response,
                    });
                };
                lock(&connection.cursors).check_free(name)?;
                let response = connection.run_prepared(query, plan, values, token).await?;
                let Response::Rows(rows) = response else {
                    return Err(errors::internal());
                };
                lock(&connection.cursors).declare(name.clone(), rows, *hold);
                Ok(Response::done(self.statement.tag()))
            }
            None => connection.execute(&self.statement, token).await,
        }
    }
}

#[async_trait]
impl QueryParser for StatementPreparer {
    type Statement = PreparedStatement;

    async fn parse_sql<C>(
        &self,
        client: &C,
        sql: &str,
        types: &[Option<Type>],
    ) -> PgWireResult<Option<PreparedStatement>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        self.0.session()?;
        let failed = |kind: &'static str, error| self.0.log(kind, sql).failed(error);
        let parsed = dialect::parse(sql);
        let mut statements = parsed.map_err(|error| failed("UNKNOWN", errors::wire(error)))?;
        match (statements.pop(), statements.is_empty()) {
            (None, _) => Ok(None),
            (Some(statement), true) => {
                check_status(client.transaction_status(), &statement)?;
                let kind = statement.tag();
                let prepared = self
                    .prepare(statement, parameters::declared_types(types))
                    .await;
                prepared.map(Some).map_err(|error| failed(kind, error))
            }
            (Some(_), false) => Err(errors::wire(ShellError::of_kind(
                ErrorKind::Syntax,
                "several statements cannot be prepared as one; send them one at a time",
            ))),
        }
    }

    fn get_parameter_types(&self, statement: &PreparedStatement) -> PgWireResult<Vec<Type>> {
        Ok(parameters::wire_types(statement.parameters(), &[]))
    }

    fn get_result_schema(
        &self,
        statement: &PreparedStatement,
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
