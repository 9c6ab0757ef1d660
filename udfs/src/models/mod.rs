//! Encoders on disk: which there are, where they lie, how they are read.

pub mod catalogue;
mod error;
mod graph;
pub mod hub;
mod resolve;
mod spec;
mod tokenizer;
pub mod weights;

use std::path::PathBuf;

pub use error::ModelError;
pub(crate) use graph::proto;
pub use graph::{
    Graphs, Precision, Ranges, Style, Verdict, WantedPrecision, calibration_texts, check_texts,
};
pub use resolve::{DETERMINISTIC, Location, Source, fetch, locate, locate_within};
pub use spec::{ModelSpec, Pooling};
pub use tokenizer::{Tokenized, Tokenizer};

use crate::error::Error;

impl From<ModelError> for Error {
    fn from(error: ModelError) -> Self {
        let message = error.to_string();
        match error {
            ModelError::Cancelled { .. } => Error::Interrupted,
            ModelError::TooLarge { .. } | ModelError::Forbidden(_) => Error::Forbidden(message),
            _ => Error::Setup(message),
        }
    }
}

/// semql's folder on this machine: `SEMQL_HOME`, or `semql` in the user's data
/// folder. It holds `onnxruntime/`, `models/` and `graphs/`.
pub fn home() -> PathBuf {
    let from = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    from("SEMQL_HOME")
        .or_else(|| from("XDG_DATA_HOME").map(|data| data.join("semql")))
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/share/semql")))
        .unwrap_or_else(|| PathBuf::from(".semql"))
}
