//! Linear-chain conditional random field.

mod labels;
mod lattice;
mod sequences;
mod spans;
mod training;
mod weights;

pub use labels::{LabelSet, OUTSIDE, begin, inside, label_count};
pub use lattice::Lattice;
pub use sequences::{FeatureRows, LabelledSequence};
pub use spans::probable_spans;
pub use training::{CrfOptions, train_weights};
pub use weights::{TransitionFactors, Weights};
