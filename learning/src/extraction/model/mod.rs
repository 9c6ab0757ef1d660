//! Extractors that learn from labelled rows: a linear-chain CRF over words, with the
//! values of other rows as a dictionary.

mod aligned_rows;
mod alignment;
mod boosting;
mod candidates;
mod columns;
mod context;
mod core;
mod corpus;
mod crf;
mod evaluation;
mod examples;
mod feature_index;
mod features;
mod format;
mod hashing;
mod held_out;
mod layout;
mod lexicon;
mod metadata;
mod ranking;
mod spans;
mod summary;
#[cfg(test)]
mod test_rows;
mod token_hashes;
mod tokens;
mod trained_extractor;
mod training;

pub use examples::{ExtractionExamples, ExtractionFeatures, ExtractionOptions};
pub use metadata::{
    AttributeQuality, ExtractorColumn, ExtractorMetadata, MisalignedValue, Quality,
};
pub use trained_extractor::TrainedExtractor;
pub use training::train_extractor;
