//! Precision of a graph, and the values of `ai.precision`.

use std::fmt;
use std::str::FromStr;

/// Precision of the matrix products of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    Fp32,
    /// 8-bit weights and activations, 32-bit sums; all else is fp32.
    Int8,
    /// 16-bit floats, on a GPU; pooling is fp32.
    Fp16,
}

impl Precision {
    /// Name in settings, file names and the metadata of vectors.
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

/// Precision selected with `SET ai.precision`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PrecisionSetting {
    /// fp16 on a GPU; on the CPU int8 if it passed the quantization check of the
    /// model on this machine, else fp32.
    #[default]
    Auto,
    /// This precision, or an error.
    Exactly(Precision),
}

impl FromStr for PrecisionSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "fp32" => Ok(Self::Exactly(Precision::Fp32)),
            "int8" => Ok(Self::Exactly(Precision::Int8)),
            "fp16" => Ok(Self::Exactly(Precision::Fp16)),
            _ => Err(format!(
                "unknown precision '{text}'; write auto, fp32, int8 or fp16"
            )),
        }
    }
}

impl fmt::Display for PrecisionSetting {
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
    fn precisions_parse_what_they_display() {
        for text in ["auto", "fp32", "int8", "fp16"] {
            assert_eq!(text.parse::<PrecisionSetting>().unwrap().to_string(), text);
        }
        assert!("int4".parse::<PrecisionSetting>().is_err());
    }
}
