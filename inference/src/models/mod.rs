//! Encoders on disk: the catalogue, their location, their files.

mod activation;
pub mod catalogue;
mod config;
mod error;
mod graph;
mod home;
pub mod hub;
mod json;
mod model_files;
mod resolve;
mod sentence_transformers;
mod spec;
mod tokenizer;
pub mod weights;

pub use error::ModelError;
pub use graph::proto;
pub use graph::{
    ActivationRanges, Export, ExternalContents, ExternalFile, GraphCache, GraphStyle,
    INT8_KERNELS_VERSION, Precision, PrecisionSetting, QuantizationCheck, calibration_texts,
    check_texts, external_files, inline_small_tensors,
};
pub use home::home;
pub use resolve::{DETERMINISTIC, ModelLocation, ModelSource, fetch, locate, locate_within};
pub use sentence_transformers::{Pooling, PoolingMode};
pub use spec::ModelSpec;
pub use tokenizer::{Tokenized, Tokenizer, TokenizerOptions};
