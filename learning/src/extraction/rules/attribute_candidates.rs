//! Candidates of an attribute of any kind.

use super::attribute_set::AttributeKind;
use super::candidate::Candidate;
use super::code_values::{canonical_code, code_values};
use super::compiled_attribute::CompiledAttribute;
use super::context::{AttributePhrases, WordsOfText};
use super::leading_words::leading_words;
use super::pattern;
use super::quantities::Quantity;
use super::quantity_values::quantity_values;
use super::text_values::{cued_values, listed_values};

/// Score of a match of a pattern.
const PATTERN_SCORE: f32 = 1.0;

/// A text with its words and quantities.
pub struct TextSource<'a> {
    pub words: WordsOfText<'a>,
    pub quantities: &'a [Quantity],
    /// Whether it is the first text of the row that is not NULL.
    pub is_first: bool,
}

/// Adds the candidates of `attribute` in a text. `other_start` tells whether a value of
/// another attribute starts with a word.
pub fn add_candidates(
    attribute: &CompiledAttribute,
    phrases: &AttributePhrases,
    source: &TextSource<'_>,
    other_start: &dyn Fn(usize) -> bool,
    candidates: &mut Vec<Candidate>,
    is_cancelled: &(dyn Fn() -> bool + Sync),
) {
    let words = source.words;
    if attribute.kind == AttributeKind::Quantity {
        quantity_values(attribute, phrases, words, source.quantities, candidates);
        return;
    }
    listed_values(attribute, phrases, words, source.is_first, candidates);
    candidates.retain(|candidate| !is_unit(candidate, source.quantities));
    if let Some(pattern) = &attribute.pattern {
        let is_code = attribute.kind == AttributeKind::Code;
        for (start, end) in pattern::value_places(pattern, words.text, is_cancelled) {
            candidates.push(Candidate {
                start,
                end,
                score: PATTERN_SCORE,
                normalized: is_code.then(|| canonical_code(&words.text[start..end])),
            });
        }
    }
    if attribute.kind == AttributeKind::Code {
        if attribute.pattern.is_none() && attribute.values.is_empty() {
            code_values(phrases, words, source.quantities, candidates);
        }
        return;
    }
    cued_values(attribute, phrases, words, other_start, candidates);
    if attribute.has_leading_words && source.is_first {
        leading_words(attribute, phrases, words, other_start, candidates);
    }
}

/// Whether a value is the unit of a quantity, such as the HP of `0.5 HP`.
fn is_unit(candidate: &Candidate, quantities: &[Quantity]) -> bool {
    let at = quantities.partition_point(|quantity| quantity.end <= candidate.start);
    let quantity = quantities.get(at);
    quantity
        .is_some_and(|quantity| quantity.start < candidate.start && candidate.end <= quantity.end)
}

#[cfg(test)]
mod tests {
    use crate::extraction::Extractor;
    use crate::extraction::rules::{AttributeSet, RuleExtractor};

    /// Values with their scores.
    fn values(yaml: &str, text: &str) -> Vec<(String, f32)> {
        let set = format!("name: s\nattributes:\n  - {{ name: a, {yaml} }}");
        let set: AttributeSet = serde_saphyr::from_str(&set).unwrap();
        let rows = [vec![Some(text)]];
        let spans = RuleExtractor::new(&set)
            .unwrap()
            .extract(&rows, &|| false)
            .unwrap();
        let spans = spans.iter().flatten();
        spans
            .map(|span| (span.value(&rows[0]).unwrap().to_string(), span.score))
            .collect()
    }

    #[test]
    fn patterns_are_exact_and_cues_are_guesses() {
        let code = r"type: code, pattern: 'ISBN ([0-9-]+)'";
        assert_eq!(
            values(code, "ISBN 12-3, XY1234Z"),
            [("12-3".to_string(), 1.0)]
        );
        let found = values("type: code, cues: [model]", "model 1234, XY1234Z");
        assert!(found[0].1 > found[1].1 && found[1].1 < 1.0, "{found:?}");
    }

    #[test]
    fn units_are_not_listed_values() {
        assert_eq!(values("values: [HP]", "0.5 HP pump"), []);
        assert_eq!(values("values: [HP]", "HP 5 kg"), [("HP".to_string(), 1.0)]);
    }
}
