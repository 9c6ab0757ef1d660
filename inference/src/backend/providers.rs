//! Providers of a session.

use std::path::Path;

use ort::ep::{self, ArenaExtendStrategy, ExecutionProvider, ExecutionProviderDispatch};
use ort::session::builder::SessionBuilder;

use super::messages::device_error;
use super::runtime_library::environment;
use super::{Device, OnnxOptions, Provider, plugins};
use crate::error::{Error, Result};
use crate::models::{Precision, home};

/// Whether `provider` is there: in the loaded library, or as an installed plugin
/// with a GPU or an NPU. Only a session shows whether it works.
///
/// # Errors
/// [`Error::Setup`] if it is not there.
pub(super) fn check_provider(
    provider: Provider,
    library: Option<&Path>,
    plugin: Option<&Path>,
) -> Result<()> {
    let environment = environment(library)?;
    let facts = provider.facts();
    if facts.plugin {
        let devices = plugins::devices(environment, facts, plugin)?;
        return match devices.iter().any(plugins::is_accelerator) {
            true => Ok(()),
            false => Err(Error::Setup("it finds no device".to_string())),
        };
    }
    let available = match provider {
        Provider::Cuda => ep::CUDA::is_available(),
        Provider::TensorRt => ep::TensorRT::is_available(),
        _ => Ok(false),
    };
    match available {
        Ok(true) => Ok(()),
        _ => Err(Error::Setup(
            "this build of ONNX Runtime does not have it".to_string(),
        )),
    }
}

/// The builder with the provider of `device`; none for the CPU.
///
/// A provider that does not load fails the session. By default, ONNX Runtime
/// would silently fall back to the CPU.
///
/// # Errors
/// [`Error::Setup`] for a provider or a device that is not there.
pub(super) fn with_provider(
    builder: SessionBuilder,
    device: Device,
    options: &OnnxOptions,
) -> Result<SessionBuilder> {
    let Device::Accelerator { provider, number } = device else {
        return Ok(builder);
    };
    let facts = provider.facts();
    if facts.plugin {
        let environment = environment(options.library.as_deref())?;
        let devices = plugins::devices(environment, facts, options.provider_library.as_deref())
            .map_err(|e| device_error(device, &e.to_string()))?;
        let count = devices.len();
        let found = devices
            .into_iter()
            .nth(number as usize)
            .ok_or_else(|| device_error(device, &format!("the provider finds {count} devices")))?;
        let prefix = found.ep().unwrap_or_default();
        let options: Vec<(String, String)> = facts
            .options
            .iter()
            .map(|(key, value)| (format!("{prefix}.{key}"), value.to_string()))
            .collect();
        return builder
            .with_devices([found], Some(&options))
            .map_err(|e| device_error(device, &e.to_string()));
    }
    let id = i32::try_from(number).unwrap_or(i32::MAX);
    let providers = match provider {
        // CUDA runs the nodes that TensorRT does not support.
        Provider::TensorRt => vec![tensor_rt(id, options), cuda(id, options)],
        _ => vec![cuda(id, options)],
    };
    builder
        .with_execution_providers(providers)
        .map_err(|e| device_error(device, &e.to_string()))
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
