//! Attributes from rules: values, quantities and patterns of a dictionary, without
//! training.
//!
//! | file or folder | purpose |
//! |---|---|
//! | `attribute_set.rs`, `attribute_value.rs` | Definitions, as YAML has them |
//! | `validation.rs` | Problems of a definition |
//! | `words.rs`, `phrase_matcher.rs` | Words of a text, and the phrases among them |
//! | `quantities/` | Numbers with units, ranges, dimensions, pack sizes |
//! | `roles.rs`, `context.rs` | What phrases mean for an attribute, and the words next to a value |
//! | `text_values.rs`, `quantity_values.rs`, `code_values.rs`, `leading_words.rs`, `pattern.rs` | Candidates of one attribute |
//! | `attribute_candidates.rs`, `candidate.rs` | Candidates of an attribute of any kind, and the best of them |
//! | `compiled_attribute.rs` | An attribute, ready for texts |
//! | `rule_extractor.rs` | All attributes over all texts |
//! | `value_normalizer.rs` | Canonical form of values from other extractors |

mod attribute_candidates;
mod attribute_set;
mod attribute_value;
mod candidate;
mod code_values;
mod compiled_attribute;
mod context;
mod leading_words;
mod pattern;
mod phrase_matcher;
pub mod quantities;
mod quantity_values;
mod roles;
mod rule_extractor;
mod text_values;
mod validation;
mod value_normalizer;
mod words;

pub use attribute_set::{
    AttributeDefinition, AttributeKind, AttributeSet, LeadingWords, PRODUCT_ATTRIBUTES_YAML,
};
pub use attribute_value::AttributeValue;
pub use rule_extractor::RuleExtractor;
pub use value_normalizer::ValueNormalizer;
