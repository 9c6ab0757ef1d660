//! Files of sentence-transformers in a model folder: its modules, their
//! configurations, prompts and limits.

mod head;
mod modules;
mod pooling;
mod prompts;
mod text;

pub use head::{DenseModule, HeadModule};
pub use modules::{ModuleKind, read_modules};
pub use pooling::{Pooling, PoolingConfig, PoolingMode};
pub use prompts::SentenceSettings;
pub(in crate::models) use text::TRANSFORMER_CONFIGS;
pub use text::{TextSettings, TruncationSide};
