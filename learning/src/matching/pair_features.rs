//! Features of a pair of records.

use super::facts::RecordFacts;
use super::product_codes::{are_related, are_variants};
use super::word_weights::{WordWeights, each_shared};
use crate::extraction::rules::quantities::Dimension;

/// Number of features.
pub const WIDTH: usize = 15;

/// Values of the features of a pair, at the positions below.
pub type PairFeatures = [f32; WIDTH];

/// Cosine of the vectors of the headlines; 0 if unknown.
pub const TITLE_SIMILARITY: usize = 0;
/// Weight of the shared words of the headlines, of the lighter headline.
pub const SHARED_WORDS: usize = 1;
/// Share of the words of a headline that the other record has: the larger of both.
pub const LARGER_COVERAGE: usize = 2;
pub const SMALLER_COVERAGE: usize = 3;
/// Relation of the codes, 0 or 1 each.
pub const SAME_CODE: usize = 4;
pub const RELATED_CODES: usize = 5;
pub const CODE_IN_TEXT: usize = 6;
pub const DIFFERENT_CODES: usize = 7;
/// Dimensions with an equal quantity, and with different quantities only.
pub const SAME_QUANTITIES: usize = 8;
pub const DIFFERENT_QUANTITIES: usize = 9;
/// Whether the headlines share a color, or have different ones.
pub const SAME_COLOR: usize = 10;
pub const DIFFERENT_COLORS: usize = 11;
/// Absolute logarithm of the ratio of the prices, and whether both are known.
pub const PRICE_RATIO: usize = 12;
pub const BOTH_PRICES: usize = 13;
/// Whether each headline has a number that the other record has not.
pub const DIFFERENT_NUMBERS: usize = 14;

/// Names of the features, by position.
pub const FEATURE_NAMES: [&str; WIDTH] = [
    "title similarity",
    "shared title words",
    "larger word coverage",
    "smaller word coverage",
    "same model number",
    "related model numbers",
    "model number in the text",
    "different model numbers",
    "same quantities",
    "different quantities",
    "same color",
    "different colors",
    "price ratio",
    "both prices",
    "different numbers",
];

/// Relative difference within which two quantities are equal: rounding, and inches for
/// centimetres.
const EQUAL_QUANTITY: f64 = 0.05;

/// Largest counted number of quantities.
const MAX_COUNTED_QUANTITIES: f32 = 3.0;

/// Largest absolute logarithm of a price ratio.
const MAX_PRICE_RATIO: f32 = 2.0;

/// Decimals of a similarity; the digits beyond depend on the order of additions.
const SIMILARITY_STEPS: f32 = 1e4;

/// A record in a comparison.
#[derive(Clone, Copy)]
pub struct ComparedRecord<'a> {
    pub facts: &'a RecordFacts,
    pub price: Option<f64>,
}

/// Relation of the codes of two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeRelation {
    Same,
    Related,
    /// A code of one headline is in the text of the other.
    InText,
    Different,
    /// A record has no code in its headline, and no code is in the text of the other.
    Unknown,
}

/// The features of a pair. `similarity` is the cosine of the vectors of the headlines,
/// 0 if unknown. The order of the records does not matter.
pub fn pair_features(
    a: ComparedRecord<'_>,
    b: ComparedRecord<'_>,
    similarity: f32,
    weights: &WordWeights,
) -> PairFeatures {
    let (left, right) = (a.facts, b.facts);
    let flag = |condition: bool| f32::from(u8::from(condition));
    let sums = [&left.title_words, &right.title_words].map(|words| weights.sum(words).max(1e-6));
    let shared = weights.shared(&left.title_words, &right.title_words);
    let covered = [
        weights.shared(&left.title_words, &right.all_words) / sums[0],
        weights.shared(&right.title_words, &left.all_words) / sums[1],
    ];
    let codes = code_relation(left, right);
    let (same, different) = quantity_counts(left, right);
    let same_color = left.colors.iter().any(|color| right.colors.contains(color));
    let has_colors = !left.colors.is_empty() && !right.colors.is_empty();
    let ratio = a.price.zip(b.price).map(|(a, b)| (a / b).ln().abs() as f32);
    let mut features = [0.0; WIDTH];
    features[TITLE_SIMILARITY] = (similarity * SIMILARITY_STEPS).round() / SIMILARITY_STEPS;
    features[SHARED_WORDS] = shared / sums[0].min(sums[1]);
    features[LARGER_COVERAGE] = covered[0].max(covered[1]);
    features[SMALLER_COVERAGE] = covered[0].min(covered[1]);
    features[SAME_CODE] = flag(codes == CodeRelation::Same);
    features[RELATED_CODES] = flag(codes == CodeRelation::Related);
    features[CODE_IN_TEXT] = flag(codes == CodeRelation::InText);
    features[DIFFERENT_CODES] = flag(codes == CodeRelation::Different);
    features[SAME_QUANTITIES] = same.min(MAX_COUNTED_QUANTITIES);
    features[DIFFERENT_QUANTITIES] = different.min(MAX_COUNTED_QUANTITIES);
    features[SAME_COLOR] = flag(has_colors && same_color);
    features[DIFFERENT_COLORS] = flag(has_colors && !same_color);
    features[PRICE_RATIO] = ratio.unwrap_or(0.0).min(MAX_PRICE_RATIO);
    features[BOTH_PRICES] = flag(ratio.is_some());
    features[DIFFERENT_NUMBERS] = flag(has_different_numbers(left, right));
    features
}

/// Whether two records cannot be one product: their codes or quantities differ.
pub fn contradict(a: &RecordFacts, b: &RecordFacts) -> bool {
    quantity_counts(a, b).1 > 0.0 || code_relation(a, b) == CodeRelation::Different
}

/// The relation of the codes of two records.
pub fn code_relation(a: &RecordFacts, b: &RecordFacts) -> CodeRelation {
    if a.codes.is_empty() && b.codes.is_empty() {
        return CodeRelation::Unknown;
    }
    if a.codes.iter().any(|code| b.codes.contains(code)) {
        return match are_variants(&a.codes, &b.codes) {
            true => CodeRelation::Different,
            false => CodeRelation::Same,
        };
    }
    let mut pairs = a
        .codes
        .iter()
        .flat_map(|code| b.codes.iter().map(move |other| (code, other)));
    if pairs.any(|(code, other)| are_related(code, other)) {
        return CodeRelation::Related;
    }
    let is_in = |codes: &[String], text: &str| codes.iter().any(|code| text.contains(code));
    if is_in(&a.codes, &b.compact) || is_in(&b.codes, &a.compact) {
        return CodeRelation::InText;
    }
    match a.codes.is_empty() || b.codes.is_empty() {
        true => CodeRelation::Unknown,
        false => CodeRelation::Different,
    }
}

/// The number of dimensions in which two records have an equal quantity, and of those in
/// which all their quantities differ.
fn quantity_counts(a: &RecordFacts, b: &RecordFacts) -> (f32, f32) {
    let (mut same, mut different) = (0.0, 0.0);
    let mut counted: [Option<Dimension>; 16] = [None; 16];
    let mut dimensions = 0;
    for (dimension, _) in &a.quantities {
        let is_counted = counted[..dimensions].contains(&Some(*dimension));
        let of = |facts: &'_ RecordFacts| {
            let all = facts.quantities.iter();
            let all = all.filter(|(other, _)| other == dimension);
            all.map(|(_, amount)| *amount).collect::<Vec<f64>>()
        };
        if is_counted || dimensions == counted.len() {
            continue;
        }
        counted[dimensions] = Some(*dimension);
        dimensions += 1;
        let (left, right) = (of(a), of(b));
        if right.is_empty() {
            continue;
        }
        let is_equal = left
            .iter()
            .any(|x| right.iter().any(|y| are_equal_quantities(*x, *y)));
        match is_equal {
            true => same += 1.0,
            false => different += 1.0,
        }
    }
    (same, different)
}

fn are_equal_quantities(a: f64, b: f64) -> bool {
    (a - b).abs() <= EQUAL_QUANTITY * a.abs().max(b.abs())
}

/// Whether each headline has a number that the other record does not have.
fn has_different_numbers(a: &RecordFacts, b: &RecordFacts) -> bool {
    let has_own = |numbers: &[u64], other: &[u64]| {
        let mut shared = 0;
        each_shared(numbers, other, |_| shared += 1);
        shared < numbers.len()
    };
    has_own(&a.numbers, &b.all_words) && has_own(&b.numbers, &a.all_words)
}

#[cfg(test)]
mod tests {
    use super::super::facts::record_facts;
    use super::super::record::ProductRecord;
    use super::*;

    fn facts(titles: &[&str]) -> Vec<RecordFacts> {
        let records: Vec<_> = titles
            .iter()
            .map(|title| ProductRecord {
                title: Some(title),
                ..ProductRecord::default()
            })
            .collect();
        record_facts(&records, &|| false).unwrap()
    }

    #[test]
    fn codes_and_quantities_contradict() {
        for (a, b, expected) in [
            ("Sony DCR-TRV280", "Sony DCRTRV280 camcorder", false),
            ("Netgear FS105", "Netgear FS105NA", false),
            ("Netgear FS105", "Netgear FS108", true),
            ("Sony DVP57 DVP57S", "Sony DVP57 DVP57B", true),
            ("Netgear FS105", "Netgear switch", false),
            ("Flour 500 g", "Flour 0.5 kg", false),
            ("Flour 500 g", "Flour 1 kg", true),
            ("Flour 500 g", "Flour", false),
        ] {
            let facts = facts(&[a, b]);
            assert_eq!(contradict(&facts[0], &facts[1]), expected, "{a} | {b}");
            assert_eq!(contradict(&facts[1], &facts[0]), expected, "{b} | {a}");
        }
    }

    #[test]
    fn features_do_not_depend_on_the_order_of_the_pair() {
        let facts = facts(&[
            "Red mug 300 ml AB-1234 2",
            "Blue mug 0.3 l, AB-1234X 3",
            "Mug",
        ]);
        let weights = WordWeights::of(&facts);
        let record = |at: usize, price| ComparedRecord {
            facts: &facts[at],
            price,
        };
        let (a, b) = (record(0, Some(10.0)), record(1, Some(20.0)));
        let forward = pair_features(a, b, 0.5, &weights);
        assert_eq!(forward, pair_features(b, a, 0.5, &weights));
        assert_eq!(forward[RELATED_CODES], 1.0);
        assert_eq!(forward[SAME_QUANTITIES], 1.0);
        assert_eq!(forward[BOTH_PRICES], 1.0);
        assert_eq!(forward[PRICE_RATIO], 2.0_f32.ln());
        assert!(forward.iter().all(|value| value.is_finite()));
    }
}
