//! Functions of the catalogue. `function` makes functions of the engine of the lists
//! in the other files.

mod advisory_locks;
mod definitions;
mod function;
mod objects;
mod privileges;
mod server;
mod session;
mod values;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;

use super::schema::CatalogContext;
use function::{CatalogFunction, CatalogUdf};

const FUNCTIONS: &[&[CatalogFunction]] = &[
    advisory_locks::FUNCTIONS,
    definitions::FUNCTIONS,
    objects::FUNCTIONS,
    privileges::FUNCTIONS,
    server::FUNCTIONS,
    session::FUNCTIONS,
];

/// Adds the functions to a session. They replace functions of the same names.
pub fn register(ctx: &SessionContext, context: &Arc<CatalogContext>) {
    server::record_start();
    for function in FUNCTIONS.iter().copied().flatten() {
        let function = CatalogUdf::new(*function, Arc::clone(context));
        ctx.register_udf(ScalarUDF::new_from_impl(function));
    }
}
