//! Configuration of ONNX Runtime's execution providers.

use ort::ep::{self, ArenaExtendStrategy, ExecutionProvider, ExecutionProviderDispatch};

use super::{Device, OnnxOptions};
use crate::models::{Precision, home};

/// Whether the loaded library contains the provider of `device`. Only opening
/// a session shows whether the provider works.
pub(super) fn has_provider(device: Device) -> bool {
    let available = match device {
        Device::Auto | Device::Cpu => Ok(true),
        Device::Cuda(_) => ep::CUDA::is_available(),
        Device::TensorRt(_) => ep::TensorRT::is_available(),
    };
    available.unwrap_or(false)
}

/// Providers of a session on `device`, in order of preference; empty for the
/// CPU, which is always available.
///
/// A provider that does not load fails the session. By default, ONNX Runtime
/// would silently fall back to the CPU.
pub(super) fn providers(device: Device, options: &OnnxOptions) -> Vec<ExecutionProviderDispatch> {
    match device {
        Device::Auto | Device::Cpu => Vec::new(),
        Device::Cuda(id) => vec![cuda(id, options)],
        // CUDA runs the nodes that TensorRT does not support.
        Device::TensorRt(id) => vec![tensor_rt(id, options), cuda(id, options)],
    }
}

fn cuda(id: i32, options: &OnnxOptions) -> ExecutionProviderDispatch {
    let mut provider = ep::CUDA::default()
        .with_device_id(id)
        // Doubling the arena would exceed the limit too early.
        .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested)
        // fp32 means fp32: TF32 keeps 10 bits of the mantissa.
        .with_tf32(false);
    if let Some(bytes) = options.device_memory {
        provider = provider.with_memory_limit(bytes);
    }
    provider.build().error_on_failure()
}

fn tensor_rt(id: i32, options: &OnnxOptions) -> ExecutionProviderDispatch {
    // Building an engine takes minutes, so it is cached.
    let engines = home().join("engines");
    let mut provider = ep::TensorRT::default()
        .with_device_id(id)
        .with_fp16(options.precision == Precision::Fp16);
    if let Some(bytes) = options.device_memory {
        provider = provider.with_max_workspace_size(bytes / 2);
    }
    if std::fs::create_dir_all(&engines).is_ok() {
        provider = provider
            .with_engine_cache(true)
            .with_engine_cache_path(engines.display())
            .with_timing_cache(true)
            .with_timing_cache_path(engines.display());
    }
    provider.build().error_on_failure()
}
