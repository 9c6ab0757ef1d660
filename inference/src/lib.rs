//! Text embeddings and zero-shot classification in the process, through ONNX
//! Runtime.
//!
//! [`models`] finds and reads encoders, [`backend`] runs them on a device,
//! [`encoding`] batches texts, [`cache`] stores vectors, [`classifier`] scores
//! labels, [`vector`] has the kernels. [`InferenceRuntime`] is the shared state of
//! the requests of a process. The crate does not depend on SQL or Arrow.

pub mod atomic_file;
pub mod backend;
pub mod cache;
pub mod cancellation;
pub mod classifier;
pub mod encoding;
mod error;
pub mod file_lock;
mod limits;
mod loader;
pub mod models;
#[doc(hidden)]
pub mod mutations;
mod notices;
mod options;
pub mod parallel;
pub mod progress;
pub mod random;
mod registry;
mod runtime;
mod scheduler;
pub mod sync;
mod taxonomy;
pub mod vector;
pub mod vector_index;

pub use ort;

pub use error::{Error, Result};
pub use limits::{DEFAULT_MAX_DOWNLOAD_BYTES, DEFAULT_MAX_MODELS, RuntimeLimits};
pub use notices::Notices;
pub use options::{DEFAULT_DEVICE_MEMORY, InferenceOptions, ModelOptions, OnError};
pub use registry::{ModelFacts, ModelRegistry};
pub use runtime::{InferenceContext, InferenceRuntime};
pub use taxonomy::{Example, Label, MAX_LABELS, PRODUCT_CATEGORY_YAML, Taxonomy};
