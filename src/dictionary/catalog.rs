//! The dictionary's tables in the SQL catalogue.

mod missing_data_planner;
mod schema;

use std::sync::Arc;

use datafusion::prelude::SessionContext;

use super::model::Dictionary;
use crate::error::ShellError;
use missing_data_planner::MissingDataPlanner;
use schema::{CurrentSession, DictionarySchema};

/// Adds the dictionary's tables to the session's default schema.
///
/// # Errors
/// A session without a default schema.
pub fn register(ctx: &SessionContext, dictionary: &Arc<Dictionary>) -> crate::error::Result<()> {
    let state = ctx.state();
    let names = &state.config_options().catalog;
    let catalog = ctx
        .catalog(&names.default_catalog)
        .ok_or_else(|| ShellError::setup("the session has no default catalogue"))?;
    let inner = catalog
        .schema(&names.default_schema)
        .ok_or_else(|| ShellError::setup("the session has no default schema"))?;
    // The reference is weak: the session owns the provider through its catalogue.
    let weak = ctx.state_weak_ref();
    let session: CurrentSession =
        Box::new(move || weak.upgrade().map(|state| state.read().clone()));
    let schema = DictionarySchema::new(inner, Arc::clone(dictionary), session);
    let schema = Arc::new(schema);
    catalog.register_schema(&names.default_schema, Arc::clone(&schema) as _)?;
    let planner = Arc::new(MissingDataPlanner {
        default_schema: names.default_schema.clone(),
        schema,
    });
    ctx.state_ref().write().register_relation_planner(planner)?;
    Ok(())
}

#[cfg(test)]
mod tests;
