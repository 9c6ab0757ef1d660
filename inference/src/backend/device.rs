//! Values of `ai.device`.

use std::fmt;
use std::str::FromStr;

/// Device selected with `SET ai.device`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// The GPU if its provider loads, else the CPU.
    Auto,
    Cpu,
    /// CUDA execution provider on the GPU with this number.
    Cuda(i32),
    /// TensorRT execution provider on the GPU with this number.
    TensorRt(i32),
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        let (name, number) = match lower.split_once(':') {
            Some((name, number)) => (name, Some(number)),
            None => (lower.as_str(), None),
        };
        let id = match number {
            None => 0,
            Some(number) => number
                .parse::<i32>()
                .ok()
                .filter(|n| *n >= 0)
                .ok_or_else(|| format!("'{text}': the device number is not a whole number"))?,
        };
        match (name, number) {
            ("auto", None) => Ok(Device::Auto),
            ("cpu", None) => Ok(Device::Cpu),
            ("cuda", _) => Ok(Device::Cuda(id)),
            ("tensorrt", _) => Ok(Device::TensorRt(id)),
            _ => Err(format!(
                "unknown device '{text}'; write auto, cpu, cuda, cuda:N, tensorrt or tensorrt:N"
            )),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Auto => f.write_str("auto"),
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(id) => write!(f, "cuda:{id}"),
            Device::TensorRt(id) => write!(f, "tensorrt:{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_parse_what_they_display() {
        for text in ["auto", "cpu", "cuda:0", "cuda:3", "tensorrt:1"] {
            assert_eq!(text.parse::<Device>().unwrap().to_string(), text);
        }
        assert_eq!("CUDA".parse::<Device>(), Ok(Device::Cuda(0)));
        for text in ["", "gpu", "cpu:1", "cuda:-1", "cuda:x"] {
            assert!(text.parse::<Device>().is_err(), "{text}");
        }
    }
}
