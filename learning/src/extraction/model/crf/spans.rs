//! Probable spans of a sequence, with their exact probabilities.

use super::labels::{LabelSet, begin, inside};
use super::lattice::Lattice;
use super::weights::TransitionFactors;

/// Span of tokens with the probability that it is a value of the attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenSpan {
    pub attribute: usize,
    pub first: usize,
    /// One after the last token.
    pub end: usize,
    pub probability: f64,
}

/// Tokens of the longest span.
const MAX_SPAN: usize = 40;

/// All spans with at least `min_probability`, in the order of their first tokens.
pub fn probable_spans(
    lattice: &Lattice,
    set: &LabelSet,
    factors: &TransitionFactors,
    min_probability: f64,
) -> Vec<TokenSpan> {
    let n = set.len();
    let length = lattice.scales.len();
    let mut spans = Vec::new();
    for first in 0..length {
        for (position, attribute) in set.attributes.iter().enumerate() {
            let (b, i) = (begin(position) as usize, inside(position) as usize);
            let mut path = lattice.forward[first * n + b];
            if path * lattice.backward[first * n + b] < min_probability {
                continue;
            }
            let mut label = b;
            for end in first + 1..=length.min(first + MAX_SPAN) {
                let last = end - 1;
                // The mass that ends here: all that goes on, without the inside.
                let on = match end < length {
                    true => {
                        lattice.emissions[end * n + i] * factors.into(i)[label]
                            / lattice.scales[end]
                    }
                    false => 0.0,
                };
                let continued = match end < length {
                    true => on * lattice.backward[end * n + i],
                    false => 0.0,
                };
                let probability = path * (lattice.backward[last * n + label] - continued);
                if probability >= min_probability {
                    spans.push(TokenSpan {
                        attribute: *attribute,
                        first,
                        end,
                        probability: probability.min(1.0),
                    });
                }
                path *= on;
                label = i;
                if end == length || path * lattice.backward[end * n + i] < min_probability {
                    break;
                }
            }
        }
    }
    spans
}
