//! Backends that run an encoder over token batches. The contract is [`Backend`].

mod deterministic;
mod device;
mod graph_signature;
mod onnx;
mod onnx_options;
mod providers;
mod runtime_library;
mod session;
mod session_pool;
mod token_batch;
mod traits;

pub use deterministic::DeterministicBackend;
pub use device::Device;
pub use onnx::{OnnxBackend, run_floats};
pub use onnx_options::{OnnxOptions, PublishedHead};
pub use runtime_library::{
    check_environment, environment, library_path, use_environment, version as library_version,
};
pub use token_batch::TokenBatch;
pub use traits::Backend;
