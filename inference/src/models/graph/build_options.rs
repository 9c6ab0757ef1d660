//! Options that a graph is built with.

use super::int8::ActivationRanges;

/// Version of the graphs that [`build`](super::encoder::build) makes. Raise it with
/// every change to them, so that cached graphs of older versions are not used.
pub(super) const BUILDER_VERSION: u32 = 5;

/// Set of operators that a graph consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphStyle {
    /// The operators that are fastest on the CPU.
    Cpu,
    /// Fused operators of ONNX Runtime, which its providers for GPUs have in 16 bits.
    Fused,
    /// The fused operators of ONNX Runtime's WebGPU provider, without its attention.
    WebGpu,
    /// Standard operators only, which compilers of graphs fuse.
    Plain,
}

impl GraphStyle {
    /// Whether sums, biases and the operators after them are fused.
    pub(super) fn fuses(self) -> bool {
        matches!(self, GraphStyle::Fused | GraphStyle::WebGpu)
    }

    /// Required version of the standard operators.
    pub(super) fn opset(self) -> i64 {
        match self {
            GraphStyle::Cpu => 24,
            GraphStyle::Fused | GraphStyle::WebGpu | GraphStyle::Plain => 20,
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
