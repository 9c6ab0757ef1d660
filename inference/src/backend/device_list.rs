//! The devices of this machine, as `SHOW DEVICES` lists them.

use std::path::Path;

use ort::memory::DeviceType;

use super::device_memory::{gpu_memory, machine_memory, nvidia_memory};
use super::provider::{PROVIDERS, ProviderFacts};
use super::providers::check_provider;
use super::runtime_library::environment;
use super::{Device, Provider, plugins};
use crate::error::{Error, Result};

/// A device of this machine, or a provider without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDevice {
    /// Value of `ai.device`.
    pub device: Device,
    /// Name of the provider in ONNX Runtime; empty if it is not known.
    pub provider: String,
    /// `CPU`, `GPU` or `NPU`; `None` if it is not known.
    pub hardware: Option<&'static str>,
    /// Manufacturer of the hardware; `None` if it is not known.
    pub vendor: Option<String>,
    /// Memory in bytes; `None` if it is not known.
    pub memory: Option<u64>,
    /// Why the device cannot be used; `None` if it can, as far as is known without a
    /// session.
    pub unavailable: Option<String>,
}

/// The devices of this machine: the CPU, then those of each provider.
///
/// `library` is that of ONNX Runtime, `plugin` that of `ai.ep_library`.
pub fn list_devices(library: Option<&Path>, plugin: Option<&Path>) -> Vec<ListedDevice> {
    let mut devices = vec![processor(library)];
    if devices[0].unavailable.is_some() {
        return devices;
    }
    for facts in PROVIDERS {
        if facts.provider == Provider::Library && plugin.is_none() {
            continue;
        }
        let listed = match facts.plugin {
            true => of_plugin(facts, library, plugin),
            false => check_provider(facts.provider, library, plugin).map(|()| {
                // The providers in the library are for GPUs of NVIDIA.
                let memory = nvidia_memory();
                vec![ListedDevice {
                    memory,
                    ..built_in(facts)
                }]
            }),
        };
        devices.extend(listed.unwrap_or_else(|error| {
            vec![ListedDevice {
                hardware: None,
                unavailable: Some(error.to_string()),
                ..built_in(facts)
            }]
        }));
    }
    devices
}

fn processor(library: Option<&Path>) -> ListedDevice {
    let environment = environment(library);
    let vendor = environment.as_ref().ok().and_then(|environment| {
        let mut devices = environment.devices().map(|device| device.hardware_device());
        let processor = devices.find(|hardware| hardware.ty() == DeviceType::CPU)?;
        known(processor.vendor().ok()?)
    });
    ListedDevice {
        device: Device::Cpu,
        provider: super::placement::CPU_PROVIDER.to_string(),
        hardware: Some("CPU"),
        vendor,
        memory: machine_memory(),
        unavailable: environment.err().map(|error| error.to_string()),
    }
}

fn built_in(facts: &ProviderFacts) -> ListedDevice {
    ListedDevice {
        device: Device::first(facts.provider),
        provider: facts.runtime_name.to_string(),
        hardware: Some("GPU"),
        vendor: None,
        memory: None,
        unavailable: None,
    }
}

fn of_plugin(
    facts: &ProviderFacts,
    library: Option<&Path>,
    plugin: Option<&Path>,
) -> Result<Vec<ListedDevice>> {
    let devices = plugins::devices(environment(library)?, facts, plugin)?;
    if devices.is_empty() {
        return Err(Error::Setup("it finds no device".to_string()));
    }
    let devices = devices.into_iter().zip(0..).map(|(device, number)| {
        let hardware = device.hardware_device();
        ListedDevice {
            device: Device::Accelerator {
                provider: facts.provider,
                number,
            },
            provider: device.ep().unwrap_or_default().to_string(),
            hardware: Some(match hardware.ty() {
                DeviceType::CPU => "CPU",
                DeviceType::NPU => "NPU",
                _ => "GPU",
            }),
            vendor: hardware.vendor().ok().and_then(known),
            memory: match hardware.ty() {
                DeviceType::CPU => machine_memory(),
                _ => gpu_memory(hardware.id()),
            },
            unavailable: None,
        }
    });
    Ok(devices.collect())
}

fn known(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_string())
}
