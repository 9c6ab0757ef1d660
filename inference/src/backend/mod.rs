//! Backends that run an encoder over batches of texts. The contract is [`Backend`].

mod batches;
mod deterministic;
mod device;
mod device_list;
mod device_memory;
mod graph_signature;
mod int8;
mod messages;
mod onnx;
mod onnx_options;
mod placement;
mod plugins;
mod provider;
mod providers;
mod runtime_library;
mod session;
mod session_pool;
mod token_batch;
mod traits;

pub use deterministic::DeterministicBackend;
pub use device::Device;
pub use device_list::{ListedDevice, list_devices};
pub use device_memory::machine_memory;
pub use int8::Int8Backend;
pub use onnx::{OnnxBackend, run_floats};
pub use onnx_options::{OnnxOptions, PublishedHead};
pub use placement::Placement;
pub use provider::Provider;
pub use runtime_library::{
    check_environment, environment, library_path, use_environment, version as library_version,
};
pub use token_batch::TokenBatch;
pub use traits::Backend;
