//! The arithmetic that a graph computes in, and what users may ask for.

use std::fmt;
use std::str::FromStr;

/// The arithmetic of a graph's matrix products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    Fp32,
    /// 8-bit weights and activations, 32-bit sums; the rest is fp32.
    Int8,
    /// 16-bit floats, on a GPU; pooling is fp32.
    Fp16,
}

impl Precision {
    /// As settings, file names and the metadata of vectors write it.
    pub fn name(self) -> &'static str {
        match self {
            Precision::Fp32 => "fp32",
            Precision::Int8 => "int8",
            Precision::Fp16 => "fp16",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the user asked for with `SET ai.precision`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WantedPrecision {
    /// fp16 on a GPU; on the CPU int8 where it was seen to be as good as fp32
    /// for that model on this machine, fp32 otherwise.
    #[default]
    Auto,
    /// This one, or an error.
    Exactly(Precision),
}

impl FromStr for WantedPrecision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "fp32" => Ok(Self::Exactly(Precision::Fp32)),
            "int8" => Ok(Self::Exactly(Precision::Int8)),
            "fp16" => Ok(Self::Exactly(Precision::Fp16)),
            _ => Err(format!(
                "'{text}' is no precision; write auto, fp32, int8 or fp16"
            )),
        }
    }
}

impl fmt::Display for WantedPrecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Exactly(precision) => precision.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precisions_read_as_they_are_written() {
        for text in ["auto", "fp32", "int8", "fp16"] {
            assert_eq!(text.parse::<WantedPrecision>().unwrap().to_string(), text);
        }
        assert!("int4".parse::<WantedPrecision>().is_err());
    }
}
