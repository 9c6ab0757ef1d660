//! Graphs for ONNX Runtime: published ones, and those that semql builds from the
//! weights and caches.

mod activation;
mod architecture;
mod attention;
mod build_options;
mod builder;
mod encoder;
mod exports;
mod external_data;
mod families;
mod graph_cache;
mod head;
mod inline;
mod int8;
mod int8_encoder;
mod linear;
mod position_bias;
mod precision;
pub mod proto;
mod quantization_check;
mod shared_positions;
mod transpose;

pub use build_options::GraphStyle;
pub use exports::Export;
pub(super) use external_data::external_locations;
pub use external_data::{ExternalFile, external_files};
pub use graph_cache::{GraphCache, INT8_KERNELS_VERSION};
pub use inline::{ExternalContents, inline_small_tensors};
pub use int8::ActivationRanges;
pub use precision::{Precision, PrecisionSetting};
pub use quantization_check::{QuantizationCheck, calibration_texts, check_texts};
