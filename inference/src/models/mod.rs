//! Encoders on disk: the catalogue, their location, their files.

pub mod catalogue;
mod error;
mod graph;
mod home;
pub mod hub;
mod pooling;
mod resolve;
mod spec;
mod tokenizer;
pub mod weights;

pub use error::ModelError;
pub use graph::proto;
pub use graph::{
    ActivationRanges, GraphCache, GraphStyle, Precision, PrecisionSetting, QuantizationCheck,
    calibration_texts, check_texts,
};
pub use home::home;
pub use pooling::Pooling;
pub use resolve::{DETERMINISTIC, ModelLocation, ModelSource, fetch, locate, locate_within};
pub use spec::ModelSpec;
pub use tokenizer::{Tokenized, Tokenizer};
