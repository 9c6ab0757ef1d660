//! Probable spans of a sequence, with their exact probabilities.

use super::labels::LabelSet;
use super::lattice::Lattice;
use super::weights::TransitionFactors;

/// Span of tokens with the probability that it is a value of the attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenSpan {
    pub attribute: usize,
    pub first: usize,
    /// One after the last token.
    pub end: usize,
    pub probability: f32,
}

/// Tokens of the longest span.
const MAX_SPAN: usize = 60;

/// All spans with at least `min_probability`, in the order of their first tokens.
pub fn probable_spans(
    lattice: &Lattice,
    set: &LabelSet,
    factors: &TransitionFactors,
    min_probability: f32,
) -> Vec<TokenSpan> {
    let (n, open) = (set.len(), set.open_len());
    let length = lattice.scales.len();
    let mut spans = Vec::new();
    for first in 0..length {
        for (position, attribute) in set.attributes.iter().enumerate() {
            let (begin, inside) = (1 + position, open + position);
            let mut path = lattice.forward[first * n + begin];
            if path * lattice.backward[first * n + begin] < min_probability {
                continue;
            }
            let (mut label, mut factor) = (begin, factors.from_begin[position]);
            for end in first + 1..=length.min(first + MAX_SPAN) {
                let backward = lattice.backward[(end - 1) * n + label];
                // The probability that the value goes on, and the share of it.
                let (on, continued) = match end < length {
                    true => {
                        let at = end * n + inside;
                        let on = lattice.emissions[at] * factor / lattice.scales[end];
                        (on, on * lattice.backward[at])
                    }
                    false => (0.0, 0.0),
                };
                let probability = path * (backward - continued);
                if probability >= min_probability {
                    spans.push(TokenSpan {
                        attribute: *attribute,
                        first,
                        end,
                        probability: probability.min(1.0),
                    });
                }
                if path * continued < min_probability {
                    break;
                }
                path *= on;
                (label, factor) = (inside, factors.from_inside[position]);
            }
        }
    }
    spans
}
