//! Values of `ai.device`.

use std::fmt;
use std::str::FromStr;

use super::provider::{PROVIDERS, Provider};

/// Device selected with `SET ai.device`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// The first accelerator that works, else the CPU.
    Auto,
    Cpu,
    /// Device number `number` of a provider.
    Accelerator {
        provider: Provider,
        number: u32,
    },
}

impl Device {
    /// The first device of `provider`.
    pub fn first(provider: Provider) -> Self {
        Device::Accelerator {
            provider,
            number: 0,
        }
    }

    /// Whether the device is named and is not the CPU.
    pub fn is_accelerator(self) -> bool {
        matches!(self, Device::Accelerator { .. })
    }
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        let (name, number) = match lower.split_once(':') {
            Some((name, number)) => (name, Some(number)),
            None => (lower.as_str(), None),
        };
        match (name, number) {
            ("auto", None) => return Ok(Device::Auto),
            ("cpu", None) => return Ok(Device::Cpu),
            _ => {}
        }
        let Some(facts) = PROVIDERS.iter().find(|facts| facts.name == name) else {
            let names = PROVIDERS.iter().map(|facts| facts.name);
            return Err(format!(
                "unknown device '{text}'; write auto, cpu, or one of {}, with the number of a \
                 device where there are several, as in cuda:1",
                names.collect::<Vec<_>>().join(", ")
            ));
        };
        let number = number.unwrap_or("0").parse();
        let number =
            number.map_err(|_| format!("'{text}': the device number is not a whole number"))?;
        Ok(Device::Accelerator {
            provider: facts.provider,
            number,
        })
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Auto => f.write_str("auto"),
            Device::Cpu => f.write_str("cpu"),
            Device::Accelerator { provider, number } => write!(f, "{}:{number}", provider.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_parse_what_they_display() {
        for text in ["auto", "cpu", "cuda:0", "cuda:3", "tensorrt:1", "webgpu:0"] {
            assert_eq!(text.parse::<Device>().unwrap().to_string(), text);
        }
        assert_eq!("CUDA".parse(), Ok(Device::first(Provider::Cuda)));
        assert_eq!(" WebGPU ".parse(), Ok(Device::first(Provider::WebGpu)));
        for text in [
            "", "gpu", "cpu:1", "auto:0", "cuda:-1", "cuda:x", "cuda:0:0",
        ] {
            assert!(text.parse::<Device>().is_err(), "{text}");
        }
    }
}
