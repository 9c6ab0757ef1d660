//! Graphs for ONNX Runtime: published ones, and those that semql builds from the
//! weights and caches.

mod activation;
mod attention;
mod bert;
mod build_options;
mod builder;
mod external_data;
mod graph_cache;
mod head;
mod inline;
mod int8;
mod linear;
mod precision;
pub mod proto;
mod quantization_check;
mod transpose;

pub use build_options::GraphStyle;
pub use external_data::{ExternalFile, external_files};
pub use graph_cache::GraphCache;
pub use inline::{ExternalContents, inline_small_tensors};
pub use int8::ActivationRanges;
pub use precision::{Precision, PrecisionSetting};
pub use quantization_check::{QuantizationCheck, calibration_texts, check_texts};
