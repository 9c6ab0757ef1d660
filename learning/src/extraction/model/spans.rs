//! Choice of the values of a row from probable spans.

use super::candidates::{Candidate, RowValue};
use crate::extraction::span::Span;

/// The spans of values whose score reaches `threshold`. `scores` are those of `values`.
///
/// Spans of one attribute do not overlap within a text: the better value stays.
pub fn choose_spans(
    candidates: &[Candidate],
    values: &[RowValue],
    scores: &[f32],
    threshold: f32,
) -> Vec<Span> {
    let valued = values
        .iter()
        .zip(scores)
        .filter(|(_, score)| **score >= threshold);
    let places = |(value, score): (&RowValue, &f32)| {
        let score = *score;
        let places = value.places.clone();
        places
            .into_iter()
            .map(move |place| (score, &candidates[place]))
    };
    let mut scored: Vec<(f32, &Candidate)> = valued.flat_map(places).collect();
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
                score,
                normalized: None,
            });
        }
    }
    spans.sort_by_key(|span| (span.attribute, span.column, span.start));
    spans
}

#[cfg(test)]
mod tests {
    use super::super::candidates::row_values;
    use super::*;

    fn candidate(attribute: usize, start: usize, end: usize, probability: f32) -> Candidate {
        Candidate {
            attribute,
            start,
            end,
            probability,
            ..Candidate::default()
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
        let values = row_values(&candidates, &texts, &[0.5]);
        let scores: Vec<f32> = values.iter().map(|value| value.probability).collect();
        let spans = choose_spans(&candidates, &values, &scores, 0.38);
        let places: Vec<_> = spans.iter().map(|span| (span.start, span.end)).collect();
        assert_eq!(places, [(0, 3), (11, 14), (16, 20)]);
        assert!((spans[0].score - 0.51).abs() < 1e-6);
        assert!(choose_spans(&candidates, &values, &scores, 0.6).is_empty());
    }
}
