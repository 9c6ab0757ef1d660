//! Options that a graph is built with.

use super::int8::ActivationRanges;

/// Version of the graphs that [`build`](super::encoder::build) makes. Raise it with
/// every change to them, so that cached graphs of older versions are not used.
pub(super) const BUILDER_VERSION: u32 = 4;

/// Set of operators that a graph consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphStyle {
    /// The operators that are fastest on the CPU.
    Cpu,
    /// Fused operators of ONNX Runtime, which its CUDA provider has in 16 bits.
    Cuda,
    /// Standard operators only, which TensorRT fuses.
    Plain,
}

impl GraphStyle {
    /// Required version of the standard operators.
    pub(super) fn opset(self) -> i64 {
        match self {
            GraphStyle::Cpu => 24,
            GraphStyle::Cuda | GraphStyle::Plain => 20,
        }
    }
}

/// Arithmetic of a graph.
pub(super) enum Arithmetic {
    Fp32,
    Fp16,
    Int8(Int8Parameters),
    /// fp32, with the ranges of the activations as additional outputs.
    Calibration,
}

pub(super) struct Int8Parameters {
    pub(super) ranges: ActivationRanges,
    /// See [`max_int8_weight`](super::int8::max_int8_weight).
    pub(super) max_weight: i8,
}

/// Everything but the model that a graph depends on.
pub(super) struct BuildOptions {
    pub(super) style: GraphStyle,
    pub(super) arithmetic: Arithmetic,
}
