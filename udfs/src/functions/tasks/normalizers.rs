//! One form for the variants of a value.

use semql_learning::extraction::rules::ValueNormalizer;
use semql_learning::extraction::{SourceTexts, Span};

/// By attribute of a call: how its values get one form.
#[derive(Debug, Default)]
pub struct AttributeNormalizers(Vec<Option<ValueNormalizer>>);

impl AttributeNormalizers {
    pub fn new(normalizers: Vec<Option<ValueNormalizer>>) -> Self {
        Self(normalizers)
    }

    /// Fills the canonical forms that the extractor left open. A value without a rule
    /// keeps its letters; white space becomes single spaces.
    pub fn apply(&self, spans: &mut [Span], texts: &SourceTexts<'_>) {
        for span in spans.iter_mut().filter(|span| span.normalized.is_none()) {
            let Some(value) = span.value(texts) else {
                continue;
            };
            let normalizer = self.0.get(span.attribute).and_then(Option::as_ref);
            let normalized = normalizer.and_then(|normalizer| normalizer.normalize(value));
            span.normalized = Some(normalized.unwrap_or_else(|| {
                let words: Vec<&str> = value.split_whitespace().collect();
                words.join(" ")
            }));
        }
    }
}
