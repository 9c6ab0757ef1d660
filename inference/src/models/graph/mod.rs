//! Graphs for ONNX Runtime: published ones, and those that semql builds from the
//! weights and caches.

mod attention;
mod bert;
mod build_options;
mod builder;
mod graph_cache;
mod int8;
mod linear;
mod precision;
pub mod proto;
mod quantization_check;

pub use build_options::GraphStyle;
pub use graph_cache::GraphCache;
pub use int8::ActivationRanges;
pub use precision::{Precision, PrecisionSetting};
pub use quantization_check::{QuantizationCheck, calibration_texts, check_texts};
