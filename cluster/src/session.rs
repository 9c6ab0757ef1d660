//! What the sessions of the scheduler and the executors begin with.

use std::sync::Arc;

use ballista_core::extension::SessionConfigExt;
use ballista_core::optimizer::ballista_default_optimizer_rules;
use ballista_core::registry::BallistaFunctionRegistry;
use datafusion::error::Result;
use datafusion::execution::object_store::DefaultObjectStoreRegistry;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use semql::ObjectStores;
use semql_udfs::AiOptions;

use crate::handshake::Handshake;

/// The configuration that a client's settings are put into. What is not
/// registered here would be dropped.
pub fn config(ai: AiOptions) -> SessionConfig {
    let mut config = SessionConfig::new_with_ballista()
        .with_option_extension(ai)
        .with_option_extension(Handshake::default());
    // The origin of vectors lives in the metadata of Parquet.
    config.options_mut().execution.parquet.skip_metadata = false;
    config
}

/// Files and stores as the shell reads them.
pub fn environment() -> RuntimeEnvBuilder {
    let stores = ObjectStores::new(Arc::new(DefaultObjectStoreRegistry::new()), Arc::default());
    RuntimeEnvBuilder::new()
        .with_object_store_registry(Arc::new(stores))
        // A folder's listing would be kept for good, also when files are added.
        .with_object_list_cache_limit(0)
}

/// A session with semql's functions, operators and rules on top of Ballista's.
///
/// # Errors
/// Only if DataFusion refuses a registration.
pub fn state(config: SessionConfig, ai: &AiOptions) -> Result<SessionState> {
    let state = SessionStateBuilder::new()
        .with_default_features()
        .with_config(config)
        .with_runtime_env(environment().build_arc()?)
        .with_optimizer_rules(ballista_default_optimizer_rules())
        .build();
    let ctx = SessionContext::new_with_state(state);
    // After DataFusion's own, of which some are replaced.
    semql_udfs::register_with(&ctx, Arc::clone(&ai.runtime))?;
    Ok(ctx.state())
}

/// The functions of such a session, as an executor wants them.
///
/// # Errors
/// Only if DataFusion refuses a registration.
pub fn functions(ai: &AiOptions) -> Result<BallistaFunctionRegistry> {
    let state = state(config(ai.clone()), ai)?;
    Ok(BallistaFunctionRegistry {
        scalar_functions: state.scalar_functions().clone(),
        aggregate_functions: state.aggregate_functions().clone(),
        window_functions: state.window_functions().clone(),
        higher_order_functions: state.higher_order_functions().clone(),
    })
}
