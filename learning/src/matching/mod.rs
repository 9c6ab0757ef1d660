//! Rows of a table that are one product.
//!
//! | files | purpose |
//! |---|---|
//! | `record`, `facts`, `product_codes`, `vectors` | A row, and what it states |
//! | `word_weights`, `comparison`, `pair_features` | How two records compare |
//! | `pair_scorer` | The log-odds that a pair is one product, with weights that need no training |
//! | `candidate_pairs` | The pairs that are compared: few for each record |
//! | `rivals`, `clustering` | Products: clusters of records without a contradiction |
//! | `labelled_pairs`, `pair_folds`, `scorer_training`, `matcher_training` | Training of a scorer on labelled pairs |
//! | `trained_matcher` | A trained scorer, and its file |
//! | `resolution`, `reason` | All of it: the product of each row, and why |

mod candidate_pairs;
mod clustering;
mod comparison;
mod facts;
mod labelled_pairs;
mod matcher_training;
mod pair_features;
mod pair_folds;
mod pair_scorer;
mod product_codes;
mod reason;
mod record;
mod resolution;
mod rivals;
mod scorer_training;
mod trained_matcher;
mod vectors;
mod word_weights;

pub use labelled_pairs::{LabelledPairs, LabelledPairsBuilder, LabelledProduct};
pub use matcher_training::{MatcherInput, train_matcher};
pub use pair_scorer::PairScorer;
pub use record::ProductRecord;
pub use resolution::{ResolveOptions, ResolvedRow, resolve};
pub use trained_matcher::{MatcherMetadata, PairQuality, TrainedMatcher};
