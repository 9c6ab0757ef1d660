//! Planning of calls in FROM.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{TableReference, plan_err};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast::{ObjectName, TableFactor};
use futures::FutureExt;

use super::arguments::RelationArguments;
use super::list::RELATIONS;
use crate::blocking::blocking;
use crate::options::AiOptions;

/// Relation planner of calls of [`RELATIONS`].
pub struct RelationCallPlanner {
    /// Returns the current state of the session. It holds a weak reference, since the
    /// session owns this planner.
    session: Box<dyn Fn() -> Option<SessionState> + Send + Sync>,
}

impl fmt::Debug for RelationCallPlanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelationCallPlanner")
    }
}

impl RelationCallPlanner {
    pub fn new(ctx: &SessionContext) -> Self {
        let weak = ctx.state_weak_ref();
        let session = move || weak.upgrade().map(|state| state.read().clone());
        Self {
            session: Box::new(session),
        }
    }

    /// Whether the name belongs to semql in the session, and not to a table function of the
    /// host program.
    fn plans(&self, name: &str) -> bool {
        let state = (self.session)();
        state.is_none_or(|state| RelationName::is_registered(&state, name))
    }

    /// A table that only an argument names, so that DataFusion has not resolved it.
    fn table(&self, name: TableReference) -> Result<LogicalPlan> {
        let Some(state) = (self.session)() else {
            return plan_err!("cannot find the table '{name}': the session is closed");
        };
        let schema = state.schema_for_ref(name.clone())?;
        let provider = match schema.table(name.table()).now_or_never() {
            Some(provider) => provider?,
            // The columns of a file are read from the disk or the network.
            None => blocking(|| match tokio::runtime::Handle::try_current() {
                Ok(runtime) => runtime.block_on(schema.table(name.table())),
                Err(_) => futures::executor::block_on(schema.table(name.table())),
            })?,
        };
        match provider {
            Some(provider) => {
                LogicalPlanBuilder::scan(name, provider_as_source(provider), None)?.build()
            }
            None => plan_err!("table '{name}' not found"),
        }
    }
}

/// The reference of a name in SQL, which is in lower case unless it is quoted.
fn reference(name: &ObjectName) -> Result<TableReference> {
    let idents = name.0.iter().filter_map(|part| part.as_ident());
    let parts: Vec<String> = idents
        .map(|ident| match ident.quote_style {
            Some(_) => ident.value.clone(),
            None => ident.value.to_lowercase(),
        })
        .collect();
    match parts.as_slice() {
        [table] => Ok(TableReference::bare(table.as_str())),
        [schema, table] => Ok(TableReference::partial(schema.as_str(), table.as_str())),
        [catalog, schema, table] => Ok(TableReference::full(
            catalog.as_str(),
            schema.as_str(),
            table.as_str(),
        )),
        _ => plan_err!("'{name}' is not the name of a table"),
    }
}

impl RelationPlanner for RelationCallPlanner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let called = match &relation {
            TableFactor::Table {
                name,
                args: Some(_),
                ..
            } => RELATIONS.iter().find(|relation| {
                name.to_string()
                    .eq_ignore_ascii_case(relation.signature().name)
            }),
            _ => None,
        };
        let called = called.filter(|relation| self.plans(relation.signature().name));
        let (
            Some(called),
            TableFactor::Table {
                args: Some(args),
                alias,
                ..
            },
        ) = (called, relation.clone())
        else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let extensions = &context.context_provider().options().extensions;
        let Some(options) = extensions.get::<AiOptions>().cloned() else {
            return plan_err!("ai.* is not registered in this session");
        };
        let lookup = |name: &ObjectName| self.table(reference(name)?);
        let arguments = RelationArguments::read(called.signature(), args.args, context, &lookup)?;
        let plan = called.plan(arguments, &options)?;
        // As with other table functions, the name qualifies the columns.
        let plan = LogicalPlanBuilder::from(plan)
            .alias(called.signature().name)?
            .build()?;
        let planned = PlannedRelation::new(plan, alias);
        Ok(RelationPlanning::Planned(Box::new(planned)))
    }
}

/// Entry of a relation in the list of table functions of a session. The relation planner
/// plans its calls.
#[derive(Debug)]
pub struct RelationName(pub &'static str);

impl TableFunctionImpl for RelationName {
    fn call_with_args(&self, _: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        plan_err!(
            "the relation planner of {} is not registered in this session: call register_all",
            self.0
        )
    }
}

impl RelationName {
    /// Whether the table function `name` of the session is a relation of semql.
    pub fn is_registered(state: &SessionState, name: &str) -> bool {
        state.table_functions().get(name).is_some_and(|function| {
            let implementation: &dyn Any = function.function().as_ref();
            implementation.is::<Self>()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_planner_does_not_keep_its_session_alive() {
        let ctx = SessionContext::new();
        let planner = RelationCallPlanner::new(&ctx);
        drop(ctx);
        assert!((planner.session)().is_none());
    }
}
