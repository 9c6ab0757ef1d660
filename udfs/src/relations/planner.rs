//! From a call in FROM to its plan.

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

use super::{Arguments, RELATIONS};
use crate::options::AiOptions;
use crate::runtime::blocking;

/// Plans calls of [`RELATIONS`].
pub struct Relations {
    /// The session as it is now; weak behind it, since the session holds this.
    session: Box<dyn Fn() -> Option<SessionState> + Send + Sync>,
}

impl std::fmt::Debug for Relations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Relations")
    }
}

impl Relations {
    pub fn new(ctx: &SessionContext) -> Self {
        let weak = ctx.state_weak_ref();
        let session = move || weak.upgrade().map(|state| state.read().clone());
        Self {
            session: Box::new(session),
        }
    }

    /// A table that the statement does not name among its tables, so that
    /// DataFusion has not looked it up.
    fn table(&self, name: TableReference) -> Result<LogicalPlan> {
        let Some(state) = (self.session)() else {
            return plan_err!("the session is gone");
        };
        let schema = state.schema_for_ref(name.clone())?;
        let provider = match schema.table(name.table()).now_or_never() {
            Some(provider) => provider?,
            // A file's columns are read from the disk or the net.
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

/// A name as SQL has it: in lower case where it is not quoted.
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
        _ => plan_err!("'{name}' names no table"),
    }
}

impl RelationPlanner for Relations {
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
            } => RELATIONS
                .iter()
                .find(|relation| name.to_string().eq_ignore_ascii_case(relation.shape().name)),
            _ => None,
        };
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
        let arguments = Arguments::read(called.shape(), args.args, context, &lookup)?;
        let plan = called.plan(arguments, &options)?;
        // As other table functions have it, columns are found under its name.
        let plan = LogicalPlanBuilder::from(plan)
            .alias(called.shape().name)?
            .build()?;
        let planned = PlannedRelation::new(plan, alias);
        Ok(RelationPlanning::Planned(Box::new(planned)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_not_kept_alive() {
        let ctx = SessionContext::new();
        let relations = Relations::new(&ctx);
        drop(ctx);
        assert!((relations.session)().is_none());
    }
}
