//! Canonical values from the variants of a column: `normalize_values`.
//!
//! | file | purpose |
//! |---|---|
//! | `folded_value.rs` | A value without case, diacritics, punctuation and plural; its letter keys |
//! | `quantity_key.rs` | Key of a value that is a quantity, equal in all units |
//! | `spelling.rs` | Frequent values that a rare one misspells |
//! | `meaning.rs` | Mutual nearest neighbours among the vectors of values |
//! | `value_groups.rs` | Groups of values, with the evidence for each member |
//! | `propose.rs` | All of these, in order: [`propose_canonical_values`] |
//! | `values_yaml.rs` | Accepted values in the form of a dictionary |

mod folded_value;
mod meaning;
mod propose;
mod quantity_key;
mod spelling;
mod value_groups;
mod values_yaml;

pub(crate) use folded_value::FoldedValue;
pub use meaning::TextEncoder;
pub use propose::{CanonicalValue, NormalizationOptions, propose_canonical_values};
pub use value_groups::Evidence;
pub use values_yaml::values_yaml;
