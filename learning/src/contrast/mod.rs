//! Terms that distinguish groups of texts.
//!
//! | file | purpose |
//! |---|---|
//! | `tokens.rs` | Words of a text without markup, and the breaks that phrases do not cross |
//! | `text_terms.rs` | Words and attribute values of one text |
//! | `grouped_texts.rs` | Distinct texts of groups as term ids, within a fixed budget of memory |
//! | `sequences.rs` | Sequences of two and three tokens in enough texts |
//! | `term_index.rs` | The words, phrases and attributes in enough texts to be tested |
//! | `hypergeometric.rs` | Fisher's exact test of one term in one group |
//! | `false_discovery.rs` | The Benjamini-Yekutieli procedure over all tests |
//! | `redundancy.rs` | Phrases that say no more than their parts, and words of phrases |
//! | `distinctive_terms.rs` | All of it: the distinctive terms of each group |

mod distinctive_terms;
mod false_discovery;
mod grouped_texts;
mod hypergeometric;
mod redundancy;
mod sequences;
mod term_index;
mod text_terms;
mod tokens;

pub use distinctive_terms::{ContrastOptions, DistinctiveTerm, GroupTerms, distinctive_terms};
pub use grouped_texts::{GroupedText, GroupedTexts, GroupedTextsParts, MAX_GROUPS};
pub use hypergeometric::TermCounts;
pub use sequences::MIN_TEXTS;
pub use term_index::TermKind;
