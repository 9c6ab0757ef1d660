//! SQL functions that understand text, for any DataFusion program.
//!
//! The models run in the process through ONNX Runtime. No text leaves the machine.
//!
//! ```
//! use datafusion::prelude::SessionContext;
//!
//! # #[tokio::main]
//! # async fn main() -> datafusion::error::Result<()> {
//! let ctx = SessionContext::new();
//! semql_udfs::register_all(&ctx)?;
//!
//! // The default model needs `semql setup` once. This one needs no files, and its
//! // vectors have no meaning: enough to see how the functions behave.
//! ctx.sql("SET ai.model = 'deterministic'").await?;
//! let batches = ctx
//!     .sql("SELECT ai_classify('a red cotton shirt', ['shirt', 'laptop']) AS label")
//!     .await?
//!     .collect()
//!     .await?;
//! assert_eq!(batches[0].num_rows(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! `examples/linking.rs` is a complete program.
//!
//! # Registration
//!
//! Most programs need [`register_all`] only. It adds the functions, the table
//! functions and the settings `ai.*` to a session. It also adds optimizer rules that
//! plan model calls as nodes: a call that a query uses several times runs once, and
//! cheap filters run first.
//!
//! - [`register_with`] takes a [`Runtime`] that several sessions share, so that a model
//!   is in memory once.
//! - [`register_functions`] leaves the planning of the session unchanged. A program with
//!   its planner adds [`plan::LiftModelCalls`] to the optimizer rules and
//!   [`plan::InferPlanner`] to the extension planners. Without the two, results are the
//!   same, and each batch runs by itself.
//! - Registering twice changes nothing. Functions of the program keep their names: only
//!   functions of DataFusion, such as `cosine_distance`, are replaced by faster ones. The
//!   query planner of the session is wrapped ([`AiQueryPlanner`]).
//! - Errors are DataFusion errors. [`find_error`] returns the semql error in one, and
//!   [`is_setup_error`] distinguishes a missing library or model from a wrong query.
//! - The crate never prints. [`Runtime::progress`] and [`Runtime::take_notices`] return
//!   what a program may show.
//!
//! # Threads
//!
//! Queries run in the async runtime of the program. While a model runs, a
//! multi-threaded tokio runtime moves its other tasks to other threads; a
//! single-threaded one waits. Models have `ai.threads` threads. The token
//! [`AiOptions::cancel`] cancels the work of one session or query within a batch, and
//! [`Runtime::interrupt`] that of all sessions. [`Runtime::set_limits`] limits what
//! sessions may load and download.
//!
//! # ONNX Runtime
//!
//! The first query that needs a model loads the library: from the setting
//! `ai.onnxruntime`, from `ORT_DYLIB_PATH`, or from the folder of `semql setup`
//! ([`models::home`]). The minimum version is 1.24. GPUs need the GPU build of ONNX
//! Runtime, and the same build of this crate.
//!
//! A process can have one ONNX Runtime environment. A program that creates one passes
//! it to semql before the first query. After that, [`backend::environment`] returns the
//! environment of semql.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use semql_udfs::ort;
//!
//! let environment = ort::init_from("/opt/onnxruntime/lib/libonnxruntime.so")?
//!     .with_name("mine")
//!     .build()?;
//! semql_udfs::use_environment(environment.clone());
//! // ... and the program builds its sessions in `environment`.
//! # Ok(())
//! # }
//! ```
//!
//! To disable the telemetry of ONNX Runtime from the start, a program sets
//! `ORT_DISABLE_TELEMETRY=1` before it starts threads, as the shell of semql does.
//!
//! # Features
//!
//! | feature | default | purpose |
//! |---|---|---|
//! | `hub` | yes | downloads models from the Hugging Face hub; without it the crate has no network code and uses models on the machine |
//! | `disk-cache` | yes | `ai.cache` accepts a folder, whose file SQLite keeps; without it SQLite is not compiled in |
//!
//! Cargo links SQLite once. With `disk-cache`, a program that also uses SQLite
//! needs the version of `rusqlite` that `semql-inference` names.
//!
//! # Versions
//!
//! Before 1.0, minor versions may break programs and patch versions do not. The stable
//! interface is
//!
//! - the items at the root of this crate, and the two items of [`plan`] named above;
//! - SQL: names, arguments and types of functions, settings and their values. Results
//!   depend on model, precision and taxonomy; a better taxonomy is not a break;
//! - the versions of [`datafusion`] and [`ort`], whose types are in the signatures: a
//!   major version of either is a minor version here. Both are exact requirements, so a
//!   program uses these re-exports or requires the same versions.
//!
//! The modules are public for the shell, cluster and Python package of semql, which are
//! released together with them. A program that uses the modules pins this crate with
//! `=`.
//!
//! # Modules
//!
//! `functions` has one file for each SQL function, [`relations`] one for each table
//! function. [`plan`] has the nodes, rules and operators of model calls, [`index`] and
//! [`create_model`] the statements `CREATE INDEX` and `CREATE MODEL`.
//!
//! [`inference`] and [`learning`] are the crates below this one: the first finds, loads
//! and runs encoders, the second learns from texts and vectors. [`models`], [`backend`]
//! and [`vector`] are modules of `inference`.

mod answer_caches;
mod attribute_sets;
mod blocking;
mod call_budgets;
pub mod create_model;
mod error;
mod functions;
pub mod index;
mod language_sample;
mod literal_lists;
pub mod options;
mod per_query;
pub mod plan;
pub mod plan_serde;
pub mod provenance;
mod query_planner;
mod registration;
pub mod relations;
mod row_sample;
mod runtime;
mod settings;
mod tracking_target;

pub use semql_inference::{backend, models, ort, vector};
pub use {
    datafusion, semql_inference as inference, semql_language_models as language_models,
    semql_learning as learning,
};

pub use backend::use_environment;
pub use error::{Error, find as find_error, is_setup_error};
pub use functions::{
    aggregate_functions, model_argument, parameter_names, scalar_functions, window_functions,
};
pub use options::AiOptions;
pub use query_planner::AiQueryPlanner;
pub use registration::{register_all, register_functions, register_with, runtime};
pub use runtime::Runtime;
pub use semql_inference::progress::{Progress, Step};
pub use semql_inference::{
    DEFAULT_MAX_DOWNLOAD_BYTES, DEFAULT_MAX_MODELS, Example, Label, ModelFacts,
    PRODUCT_CATEGORY_YAML, RuntimeLimits, Taxonomy,
};
pub use settings::Settings;
