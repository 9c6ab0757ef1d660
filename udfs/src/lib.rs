//! SQL functions that understand text, for any DataFusion program.
//!
//! The models run in this process through ONNX Runtime; no text leaves the
//! machine. (A program that wants ONNX Runtime's telemetry out of the way from
//! the first moment sets `ORT_DISABLE_TELEMETRY=1` before it starts threads, as
//! the shell does.)
//!
//! ```
//! use datafusion::prelude::SessionContext;
//!
//! # #[tokio::main]
//! # async fn main() -> datafusion::error::Result<()> {
//! let ctx = SessionContext::new();
//! semql_udfs::register_all(&ctx)?;
//!
//! // The default model needs `make setup` once; this one needs nothing and
//! // knows nothing, which is enough to see how the functions behave.
//! ctx.sql("SET ai.model = 'deterministic'").await?;
//! let answer = ctx
//!     .sql("SELECT ai_classify('a red cotton shirt', ['shirt', 'laptop']) AS label")
//!     .await?
//!     .collect()
//!     .await?;
//! assert_eq!(answer[0].num_rows(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! The folders: [`models`] finds and reads encoders, [`backend`] runs them,
//! [`inference`] batches texts and chooses labels, and `functions` holds one
//! file for each SQL function.

pub mod backend;
mod error;
mod evaluation;
mod functions;
pub mod index;
pub mod inference;
mod learning;
mod loading;
pub mod models;
pub mod options;
pub mod plan;
pub mod relations;
mod runtime;
mod shares;
mod taxonomy;
pub mod trained;
pub mod vector;
mod waiting;
mod words;

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::prelude::SessionContext;

pub use error::{Error, find as find_error, is_setup_error};
pub use functions::{aggregate_functions, scalar_functions, window_functions};
pub use options::AiOptions;
pub use runtime::{ModelFacts, Progress, Runtime, Step};
pub use taxonomy::{Example, Label, PRODUCT_CATEGORY_YAML, Taxonomy};

/// Adds the AI functions and the settings `ai.*` to a session, with a
/// [`Runtime`] of its own.
///
/// # Errors
/// Only if DataFusion refuses a registration.
pub fn register_all(ctx: &SessionContext) -> Result<()> {
    register_with(ctx, Arc::new(Runtime::new()))
}

/// The same with a [`Runtime`] that several sessions share, so that a model is
/// in memory once.
pub fn register_with(ctx: &SessionContext, runtime: Arc<Runtime>) -> Result<()> {
    register_functions(ctx, runtime)?;
    plan::install(ctx);
    relations::install(ctx)
}

/// Adds the functions and settings alone, and leaves the session's planning as
/// it is. Answers are the same; a call is then computed wherever, and as often
/// as, the expression it stands in.
pub fn register_functions(ctx: &SessionContext, runtime: Arc<Runtime>) -> Result<()> {
    let options = AiOptions::new(runtime);
    ctx.state_ref()
        .write()
        .config_mut()
        .options_mut()
        .extensions
        .insert(options.clone());
    functions::register(ctx, &options)
}

/// The runtime behind a session; a new, unconnected one where
/// [`register_all`] was not called on it.
pub fn runtime(ctx: &SessionContext) -> Arc<Runtime> {
    AiOptions::of(ctx).map_or_else(|| Arc::new(Runtime::new()), |options| options.runtime)
}
