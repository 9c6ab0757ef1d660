//! Attributes that texts have, without labels: `discover_attributes`.
//!
//! | file | purpose |
//! |---|---|
//! | `tokenized_rows.rs` | Sampled rows as tokens of one vocabulary |
//! | `row_groups.rs` | Rows by category, or by cluster |
//! | `phrases.rs` | Words and pairs of words that may be values |
//! | `slot_similarity.rs` | Phrases that stand in the same places of texts and rarely in the same row |
//! | `value_sets.rs` | Closed value sets: groups of such phrases |
//! | `set_names.rs` | Name of a value set |
//! | `known_values.rs` | Values of attributes that are known by name |
//! | `leading_names.rs` | Brands: names that texts begin with |
//! | `measures.rs` | Quantities by dimension |
//! | `counted_words.rs` | Numbers with words that are no units: `3 ply`, `SPF 30` |
//! | `codes.rs` | Model numbers and other codes, by shape |
//! | `cues.rs` | Values after a cue: `Color: red` |
//! | `candidate.rs` | A possible attribute with its values by row |
//! | `definition.rs` | The entry of an attribute in a dictionary |
//! | `discover.rs` | All of these: [`discover_attributes`] |

mod candidate;
mod codes;
mod counted_words;
mod cues;
mod definition;
mod discover;
mod known_values;
mod leading_names;
mod measures;
mod phrases;
mod row_groups;
mod set_names;
mod slot_similarity;
mod tokenized_rows;
mod value_sets;

pub use candidate::DiscoveredKind;
pub use discover::{
    DiscoveredAttribute, DiscoveryOptions, DiscoverySource, ValueExample, discover_attributes,
};
