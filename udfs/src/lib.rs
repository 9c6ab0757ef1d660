//! SQL functions that understand text, for any DataFusion program.
//!
//! The models run in this process through ONNX Runtime; no text leaves the
//! machine.
//!
//! ```
//! use datafusion::prelude::SessionContext;
//!
//! # #[tokio::main]
//! # async fn main() -> datafusion::error::Result<()> {
//! let ctx = SessionContext::new();
//! semql_udfs::register_all(&ctx)?;
//!
//! // The default model needs `semql setup` once; this one needs nothing and
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
//! `examples/linking.rs` is a whole program.
//!
//! # Registration
//!
//! [`register_all`] is all that most programs need. It adds the functions, the
//! table functions and the settings `ai.*` to a session, and has the session
//! plan model calls as nodes, so that a call which is used in several places
//! runs once and cheap filters come first.
//!
//! - Several sessions share one [`Runtime`], and so a model is in memory once,
//!   where each is given it with [`register_with`].
//! - A program that plans by itself calls [`register_functions`], which leaves
//!   the session's planning as it is, and adds [`plan::LiftModelCalls`] to its
//!   optimizer rules and [`plan::InferPlanner`] to its planner's extensions.
//!   Without the two, answers are the same and come batch by batch.
//! - Errors come through DataFusion; [`find_error`] finds ours in them, and
//!   [`is_setup_error`] tells a machine that lacks something from a wrong query.
//! - The crate never prints. [`Runtime::progress`] and [`Runtime::take_notes`]
//!   are what there is to tell people.
//!
//! # Threads
//!
//! No async runtime is made here: queries run in the program's own. While a
//! model runs, tokio's multi-threaded runtime gets a thread for its other tasks;
//! the single-threaded one waits. Models have threads of their own, as many as
//! `ai.threads` says. The token [`AiOptions::cancel`] ends the work of one
//! session or query within a batch, and [`Runtime::interrupt`] that of all.
//! [`Runtime::set_limits`] narrows what the sessions may load and download.
//!
//! # ONNX Runtime
//!
//! The library is loaded at the first query that asks a model: from the setting
//! `ai.onnxruntime`, `ORT_DYLIB_PATH`, or semql's home ([`models::home`]), where
//! `semql setup` puts it. 1.24 and later will do. GPUs need no other build of
//! this crate, only ONNX Runtime's GPU build.
//!
//! A process can have one ONNX Runtime environment. A program that makes one for
//! sessions of its own hands it over before the first query; a program that
//! comes later asks for semql's with [`backend::environment`].
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use semql_udfs::ort;
//!
//! let environment = ort::init_from("/opt/onnxruntime/lib/libonnxruntime.so")?
//!     .with_name("mine")
//!     .build()?;
//! semql_udfs::use_environment(environment.clone());
//! // ... and the program's own sessions are built in `environment`.
//! # Ok(())
//! # }
//! ```
//!
//! A program that wants ONNX Runtime's telemetry out of the way from the first
//! moment sets `ORT_DISABLE_TELEMETRY=1` before it starts threads, as semql's
//! shell does.
//!
//! # Features
//!
//! | feature | default | what it is |
//! |---|---|---|
//! | `hub` | yes | models are fetched from the Hugging Face hub; without it there is no network code in this crate, and models are what is on the machine |
//!
//! SQLite, which keeps the cache of vectors, is compiled in: a program with an
//! SQLite of its own needs `rusqlite` of the version that this crate names,
//! since cargo links it once.
//!
//! # Versions
//!
//! Before 1.0 a new minor version may break programs, a new patch does not. What
//! counts is
//!
//! - the items at the root of this crate, and of [`plan`] those that are named
//!   above;
//! - SQL: names, arguments and types of functions, settings and their values.
//!   Answers of a model are as stable as model, precision and taxonomy are; a
//!   better taxonomy is no break;
//! - the versions of [`datafusion`] and [`ort`], whose types are in the
//!   signatures: the next major one of either is a minor one here. Both are
//!   exact requirements, so a program takes them from here or names the same.
//!
//! The modules are public for semql's shell, cluster and Python package, which
//! are released together with them. A program that reaches into them pins this
//! crate with `=`.
//!
//! # Where things are
//!
//! [`models`] finds and reads encoders, [`backend`] runs them, [`inference`]
//! batches texts and chooses labels, and `functions` holds one file for each SQL
//! function.

pub mod backend;
pub mod carry;
mod error;
mod evaluation;
mod files;
mod functions;
pub mod index;
pub mod inference;
mod learning;
mod limits;
mod loading;
mod lru;
pub mod models;
#[cfg(test)]
mod mutations;
pub mod options;
pub mod plan;
mod progress;
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

pub use {datafusion, ort};

pub use backend::use_environment;
pub use error::{Error, find as find_error, is_setup_error};
pub use functions::{aggregate_functions, model_argument, scalar_functions, window_functions};
pub use limits::{DEFAULT_MAX_DOWNLOAD_BYTES, DEFAULT_MAX_MODELS, RuntimeLimits};
pub use options::AiOptions;
pub use progress::{Progress, Step};
pub use runtime::{ModelFacts, Runtime};
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
///
/// # Errors
/// Only if DataFusion refuses a registration.
pub fn register_with(ctx: &SessionContext, runtime: Arc<Runtime>) -> Result<()> {
    register_functions(ctx, runtime)?;
    plan::install(ctx);
    relations::install(ctx)
}

/// Adds the functions and settings alone, and leaves the session's planning as
/// it is. Answers are the same; a call is then computed wherever, and as often
/// as, the expression it stands in. Settings `ai.*` that the session's
/// configuration has already are kept, and so is its token.
///
/// # Errors
/// Only if DataFusion refuses a registration.
pub fn register_functions(ctx: &SessionContext, runtime: Arc<Runtime>) -> Result<()> {
    let mut options = AiOptions::new(runtime);
    options.memory = Some(Arc::clone(&ctx.runtime_env().memory_pool));
    if let Some(own) = AiOptions::of(ctx) {
        options.settings = own.settings;
        options.cancel = own.cancel;
    }
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
