//! Attribute values from texts, with the place that each value comes from.
//!
//! | folder | purpose |
//! |---|---|
//! | `model/` | Learns from labelled rows: alignment, features, a linear-chain CRF, the model file |
//! | `rules/` | Attributes from a dictionary: values, quantities, patterns; no training |
//! | `normalization/` | Canonical values from the variants of a column |
//! | `discovery/` | Attributes that texts have, without labels |

pub mod discovery;
mod extractor;
pub mod model;
pub mod normalization;
pub mod rules;
mod span;

pub use extractor::Extractor;
pub use span::{SourceTexts, Span, best_span, has_text};
