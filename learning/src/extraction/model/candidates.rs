//! Candidates for the values of a row, with features of each value.

use std::collections::HashMap;

use crate::extraction::span::SourceTexts;

/// Probable span of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Candidate {
    pub attribute: usize,
    pub column: usize,
    /// Bytes of the text.
    pub start: usize,
    pub end: usize,
    pub tokens: usize,
    pub probability: f32,
    /// Groups of the training rows with the value.
    pub groups: u32,
    /// Groups of the training rows with the value or the same words in a text.
    pub occurrences: u32,
}

/// Bytes of a text in which the places of a value are counted.
const MAX_COUNTED_BYTES: usize = 16 << 10;

/// Number of features of a value.
pub const VALUE_FEATURES: usize = 22;

/// Value of an attribute with its places in the texts of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct RowValue {
    pub attribute: usize,
    /// In lower case.
    pub text: String,
    /// Positions of its candidates.
    pub places: Vec<usize>,
    /// Probability that at least one of its places is right.
    pub probability: f32,
    pub features: [f32; VALUE_FEATURES],
}

/// Log-odds of a probability.
pub fn log_odds(probability: f32) -> f32 {
    let bounded = probability.clamp(1e-3, 1.0 - 1e-3);
    (bounded / (1.0 - bounded)).ln()
}

/// The values of candidates, in the order of their first candidates. `rates` are the
/// shares of rows with a value, by attribute.
pub fn row_values(
    candidates: &[Candidate],
    texts: &SourceTexts<'_>,
    rates: &[f32],
) -> Vec<RowValue> {
    let folded: Vec<Option<String>> = texts
        .iter()
        .map(|text| text.map(|text| text_start(text).to_lowercase()))
        .collect();
    let mut positions: HashMap<(usize, String), usize> = HashMap::new();
    let mut values: Vec<RowValue> = Vec::new();
    for (at, candidate) in candidates.iter().enumerate() {
        let text = texts.get(candidate.column).copied().flatten();
        let Some(text) = text.and_then(|text| text.get(candidate.start..candidate.end)) else {
            continue;
        };
        let text = text.trim().to_lowercase();
        let key = (candidate.attribute, text.clone());
        let position = *positions.entry(key).or_insert_with(|| {
            values.push(RowValue {
                attribute: candidate.attribute,
                text,
                places: Vec::new(),
                probability: 0.0,
                features: [0.0; VALUE_FEATURES],
            });
            values.len() - 1
        });
        let value = &mut values[position];
        value.places.push(at);
        value.probability = 1.0 - (1.0 - value.probability) * (1.0 - candidate.probability);
    }
    let features: Vec<_> = (0..values.len())
        .map(|at| features(at, &values, candidates, &folded, rates))
        .collect();
    for (value, features) in values.iter_mut().zip(features) {
        value.features = features;
    }
    values
}

fn text_start(text: &str) -> &str {
    let end = text.len().min(MAX_COUNTED_BYTES);
    let end = (0..=end).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

fn features(
    at: usize,
    values: &[RowValue],
    candidates: &[Candidate],
    folded: &[Option<String>],
    rates: &[f32],
) -> [f32; VALUE_FEATURES] {
    let value = &values[at];
    let places = || value.places.iter().map(|place| &candidates[*place]);
    let max = |of: &mut dyn Iterator<Item = f32>| of.fold(0.0, f32::max);
    let best = max(&mut places().map(|place| place.probability));
    let in_first = places().filter(|place| place.column == 0);
    let in_others = places().filter(|place| place.column > 0);
    let others = || {
        let others = values
            .iter()
            .enumerate()
            .filter(move |(other, _)| *other != at);
        others
            .filter(|(_, other)| other.attribute == value.attribute)
            .map(|(_, other)| other)
    };
    let contains = |other: &&RowValue| other.text.contains(&value.text);
    let is_part = |other: &&RowValue| value.text.contains(&other.text);
    let rank = others()
        .filter(|other| other.probability > value.probability)
        .count();
    let nothing: f32 = others().map(|other| 1.0 - other.probability).product();
    let overlapping = candidates.iter().filter(|other| {
        let overlaps = |place: &Candidate| {
            place.column == other.column && place.start < other.end && other.start < place.end
        };
        other.attribute != value.attribute && places().any(overlaps)
    });
    let elsewhere = values
        .iter()
        .filter(|other| other.attribute != value.attribute);
    let same = elsewhere.filter(|other| other.text == value.text);
    let occurrences: usize = folded
        .iter()
        .flatten()
        .map(|text| text.matches(value.text.as_str()).take(8).count())
        .sum();
    let first = places()
        .map(|place| (place.column, place.start))
        .min()
        .unwrap_or_default();
    let length = folded[first.0].as_ref().map_or(1, |text| text.len().max(1));
    let groups = places().map(|place| place.groups).max().unwrap_or(0) as f32;
    let of_groups = places().map(|place| place.occurrences).max().unwrap_or(0) as f32;
    [
        log_odds(value.probability),
        log_odds(best),
        value.places.len().min(6) as f32,
        max(&mut in_first.map(|place| place.probability)),
        max(&mut in_others.map(|place| place.probability)),
        rank.min(8) as f32,
        max(&mut others().map(|other| other.probability)),
        max(&mut others()
            .filter(|other| !contains(other) && !is_part(other))
            .map(|other| other.probability)),
        max(&mut others().filter(contains).map(|other| other.probability)),
        max(&mut others().filter(is_part).map(|other| other.probability)),
        nothing,
        max(&mut overlapping.map(|other| other.probability)),
        max(&mut same.map(|other| other.probability)),
        places().map(|place| place.tokens).max().unwrap_or(0) as f32,
        value.text.chars().count() as f32,
        rates.get(value.attribute).copied().unwrap_or(0.0),
        occurrences as f32,
        groups.min(20.0),
        groups / (of_groups + 1.0),
        (first.1 as f32 / length as f32).min(1.0),
        first.0 as f32,
        f32::from(u8::from(value.text.chars().any(char::is_numeric))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_probability_of_any_of_their_places() {
        let text = format!("Red shoe, red {}", "é".repeat(MAX_COUNTED_BYTES));
        let place = |start, end, probability| Candidate {
            start,
            end,
            probability,
            ..Candidate::default()
        };
        let beyond = place(text.len() - 1, text.len(), 0.9);
        let candidates = [
            place(0, 3, 0.5),
            place(10, 13, 0.5),
            place(0, 8, 0.25),
            beyond,
        ];
        let values = row_values(&candidates, &vec![Some(text.as_str()), None], &[]);
        let found: Vec<_> = values
            .iter()
            .map(|value| (value.text.as_str(), value.probability))
            .collect();
        assert_eq!(found, [("red", 0.75), ("red shoe", 0.25)]);
        assert!(
            values
                .iter()
                .flat_map(|value| value.features)
                .all(f32::is_finite)
        );
        // Twice in the text, and part of a longer value.
        assert_eq!((values[0].features[16], values[0].features[8]), (2.0, 0.25));
    }
}
