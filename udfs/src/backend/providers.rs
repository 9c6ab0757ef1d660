//! ONNX Runtime's execution providers, as semql sets them up.

use ort::ep::{self, ArenaExtendStrategy, ExecutionProvider, ExecutionProviderDispatch};

use super::{Device, OnnxOptions};
use crate::models::{Precision, home};

/// Whether the loaded library has the provider of `device` at all. That it
/// serves shows only when a session is opened on it.
pub(super) fn compiled_in(device: Device) -> bool {
    let there = match device {
        Device::Auto | Device::Cpu => Ok(true),
        Device::Cuda(_) => ep::CUDA::is_available(),
        Device::TensorRt(_) => ep::TensorRT::is_available(),
    };
    there.unwrap_or(false)
}

/// The providers of a session on `device`, in order; none for the CPU, which
/// is always there.
///
/// Each fails the session if it does not load: without that ONNX Runtime would
/// fall back to the CPU in silence.
pub(super) fn providers(device: Device, options: &OnnxOptions) -> Vec<ExecutionProviderDispatch> {
    match device {
        Device::Auto | Device::Cpu => Vec::new(),
        Device::Cuda(id) => vec![cuda(id, options)],
        // What TensorRT leaves over goes to CUDA rather than to the CPU.
        Device::TensorRt(id) => vec![tensor_rt(id, options), cuda(id, options)],
    }
}

fn cuda(id: i32, options: &OnnxOptions) -> ExecutionProviderDispatch {
    let mut provider = ep::CUDA::default()
        .with_device_id(id)
        // Doubling would overshoot the limit long before it is reached.
        .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested)
        // fp32 means fp32: TF32 keeps 10 bits of the mantissa.
        .with_tf32(false);
    if let Some(bytes) = options.device_memory {
        provider = provider.with_memory_limit(bytes);
    }
    provider.build().error_on_failure()
}

fn tensor_rt(id: i32, options: &OnnxOptions) -> ExecutionProviderDispatch {
    // Building an engine takes minutes, so it is kept.
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
