//! Choice of the values of a row from probable spans.

use std::collections::BTreeMap;

use crate::extraction::span::{SourceTexts, Span};

/// Probable span of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    pub attribute: usize,
    pub column: usize,
    /// Bytes of the text.
    pub start: usize,
    pub end: usize,
    pub probability: f64,
}

/// The spans of values whose probability reaches `threshold`.
///
/// A value's probability is that at least one of its places is right. Spans of one
/// attribute do not overlap within a text: the more probable value stays.
pub fn choose_spans(
    candidates: &[Candidate],
    texts: &SourceTexts<'_>,
    threshold: f64,
) -> Vec<Span> {
    let value = |one: &Candidate| {
        let text = texts.get(one.column).copied().flatten()?;
        Some(text.get(one.start..one.end)?.trim().to_lowercase())
    };
    // By attribute and value: the probability that all places are wrong.
    let mut wrong: BTreeMap<(usize, String), f64> = BTreeMap::new();
    let mut valued: Vec<(&Candidate, String)> = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let Some(value) = value(candidate) else {
            continue;
        };
        *wrong
            .entry((candidate.attribute, value.clone()))
            .or_insert(1.0) *= 1.0 - candidate.probability;
        valued.push((candidate, value));
    }
    let mut scored: Vec<(f64, &Candidate)> = valued
        .into_iter()
        .map(|(candidate, value)| (1.0 - wrong[&(candidate.attribute, value)], candidate))
        .filter(|(score, _)| *score >= threshold)
        .collect();
    scored.sort_by(|(a, one), (b, other)| {
        let place = |of: &Candidate| (of.attribute, of.column, of.start, of.end);
        b.total_cmp(a)
            .then(other.probability.total_cmp(&one.probability))
            .then(place(one).cmp(&place(other)))
    });
    let mut spans: Vec<Span> = Vec::new();
    for (score, candidate) in scored {
        let overlaps = |span: &Span| {
            span.attribute == candidate.attribute
                && span.column == candidate.column
                && span.start < candidate.end
                && candidate.start < span.end
        };
        if !spans.iter().any(overlaps) {
            spans.push(Span {
                attribute: candidate.attribute,
                column: candidate.column,
                start: candidate.start,
                end: candidate.end,
                score: score as f32,
                normalized: None,
            });
        }
    }
    spans.sort_by_key(|span| (span.attribute, span.column, span.start));
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(attribute: usize, start: usize, end: usize, probability: f64) -> Candidate {
        Candidate {
            attribute,
            column: 0,
            start,
            end,
            probability,
        }
    }

    #[test]
    fn places_of_a_value_support_each_other() {
        let texts = vec![Some("red dress, Red; blue")];
        let candidates = [
            candidate(0, 0, 3, 0.3),
            candidate(0, 11, 14, 0.3),
            candidate(0, 16, 20, 0.4),
            candidate(0, 0, 9, 0.35),
        ];
        let spans = choose_spans(&candidates, &texts, 0.38);
        let places: Vec<_> = spans.iter().map(|span| (span.start, span.end)).collect();
        assert_eq!(places, [(0, 3), (11, 14), (16, 20)]);
        assert!((spans[0].score - 0.51).abs() < 1e-6);
        assert!(choose_spans(&candidates, &texts, 0.6).is_empty());
    }
}
