//! The graph that ONNX Runtime runs: the publisher's, or one that semql builds
//! from the weights and keeps.

mod attention;
mod bert;
mod builder;
mod int8;
mod kept;
mod linear;
mod precision;
pub(crate) mod proto;
mod verdict;

pub use int8::Ranges;
use int8::greatest_weight;
pub use kept::Graphs;
pub use precision::{Precision, WantedPrecision};
pub use verdict::{Verdict, calibration_texts, check_texts};

/// Raised whenever the graph that is built changes, so that kept ones of an
/// older semql are not used.
const BUILDER_VERSION: u32 = 2;

/// Which operators a graph is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Those that are fastest on the CPU.
    Cpu,
    /// ONNX Runtime's fused ones, which its CUDA provider has in 16 bits.
    Cuda,
    /// Standard ones only, for TensorRT to fuse as it likes.
    Plain,
}

impl Style {
    /// The version of the standard operators it needs.
    fn opset(self) -> i64 {
        match self {
            Style::Cpu => 24,
            Style::Cuda | Style::Plain => 20,
        }
    }
}

/// What a graph computes in.
enum Numbers {
    Fp32,
    Fp16,
    Int8(Int8),
    /// fp32, with the ranges of activations as further outputs.
    Calibration,
}

struct Int8 {
    ranges: Ranges,
    /// See [`greatest_weight`].
    greatest_weight: i8,
}

/// Everything but the model that a graph depends on.
struct Recipe {
    style: Style,
    numbers: Numbers,
}
