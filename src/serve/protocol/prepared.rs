//! Prepared statements of the extended protocol.

use std::sync::{Arc, Mutex};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::logical_expr::LogicalPlan;
use pgwire::api::portal::{Format, Portal};
use pgwire::api::results::FieldInfo;
use pgwire::api::stmt::QueryParser;
use pgwire::api::{ClientInfo, Type};
use pgwire::error::PgWireResult;

use crate::error::{ErrorKind, ShellError};
use crate::serve::cancel::CancelToken;
use crate::serve::connection::Connection;
use crate::serve::dialect;
use crate::serve::errors;
use crate::serve::execute::response::Response;
use crate::serve::execute::transaction::check_status;
use crate::serve::parameters::Parameters;
use crate::serve::rows;
use crate::statement::parsed::{ConnectionCommand, StatementCommand};
use crate::statement::{Effect, Statement};
use semql_udfs::inference::sync::lock;

/// A prepared statement.
#[derive(Clone)]
pub struct PreparedStatement {
    pub statement: Arc<Statement>,
    /// Plan without values for its parameters; `None` for a statement without a
    /// plan.
    plan: Option<Arc<LogicalPlan>>,
    pub parameters: Parameters,
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

    async fn prepare(&self, statement: Statement) -> PgWireResult<PreparedStatement> {
        let connection = &self.0;
        let token = connection.begin();
        let mut prepared = PreparedStatement {
            statement: Arc::new(statement),
            plan: None,
            parameters: Parameters::default(),
            schema: None,
            ready: Arc::default(),
        };
        let statement = Arc::clone(&prepared.statement);
        match &statement.command {
            StatementCommand::Connection(ConnectionCommand::Fetch {
                name, shown: true, ..
            }) => prepared.schema = Some(lock(&connection.cursors).schema(name)?),
            StatementCommand::Connection(_)
            | StatementCommand::Set { .. }
            | StatementCommand::Reset { .. } => {}
            StatementCommand::Engine(_) | StatementCommand::Explain(_) => {
                if let Some(plan) = connection.plan(&statement, &token).await? {
                    prepared.parameters = Parameters::of(&plan).map_err(errors::wire)?;
                    prepared.schema = columns_of(&plan);
                    prepared.plan = Some(Arc::new(plan));
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

/// Columns of a plan's rows; `None` if it gives none.
fn columns_of(plan: &LogicalPlan) -> Option<SchemaRef> {
    let rows = !matches!(
        plan,
        LogicalPlan::Ddl(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::Statement(_)
    );
    rows.then(|| rows::presentable(plan.schema().as_arrow()))
}

impl PreparedStatement {
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
impl QueryParser for StatementPreparer {
    type Statement = PreparedStatement;

    async fn parse_sql<C>(
        &self,
        client: &C,
        sql: &str,
        _: &[Option<Type>],
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
                let prepared = self.prepare(statement).await;
                prepared.map(Some).map_err(|error| failed(kind, error))
            }
            (Some(_), false) => Err(errors::wire(ShellError::of_kind(
                ErrorKind::Syntax,
                "several statements cannot be prepared as one; send them one at a time",
            ))),
        }
    }

    fn get_parameter_types(&self, statement: &PreparedStatement) -> PgWireResult<Vec<Type>> {
        statement.parameters.wire()
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
