//! Sessions of the scheduler and the executors.

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

/// Configuration that a client's settings are applied to. Ballista drops
/// settings of extensions that are not registered here.
pub fn config(ai: AiOptions) -> SessionConfig {
    let mut config = SessionConfig::new_with_ballista()
        .with_option_extension(ai)
        .with_option_extension(Handshake::default());
    // The metadata of Parquet files names the model of a vector.
    config.options_mut().execution.parquet.skip_metadata = false;
    config
}

/// Object stores of the shell.
pub fn environment() -> RuntimeEnvBuilder {
    let stores = ObjectStores::new(Arc::new(DefaultObjectStoreRegistry::new()), Arc::default());
    RuntimeEnvBuilder::new()
        .with_object_store_registry(Arc::new(stores))
        // The cache has no expiry, and would hide files that are added later.
        .with_object_list_cache_limit(0)
}

/// A session with semql's functions, operators and rules on top of Ballista's.
///
/// # Errors
/// DataFusion refuses a registration.
pub fn state(config: SessionConfig, ai: &AiOptions) -> Result<SessionState> {
    let state = SessionStateBuilder::new()
        .with_default_features()
        .with_config(config)
        .with_runtime_env(environment().build_arc()?)
        .with_optimizer_rules(ballista_default_optimizer_rules())
        .build();
    let ctx = SessionContext::new_with_state(state);
    // After DataFusion's functions, some of which they replace.
    semql::register_functions(&ctx)?;
    semql_udfs::register_with(&ctx, Arc::clone(&ai.runtime))?;
    Ok(ctx.state())
}

/// Function registry of an executor.
///
/// # Errors
/// DataFusion refuses a registration.
pub fn functions(ai: &AiOptions) -> Result<BallistaFunctionRegistry> {
    let state = state(config(ai.clone()), ai)?;
    Ok(BallistaFunctionRegistry {
        scalar_functions: state.scalar_functions().clone(),
        aggregate_functions: state.aggregate_functions().clone(),
        window_functions: state.window_functions().clone(),
        higher_order_functions: state.higher_order_functions().clone(),
    })
}
