//! Short explanation of a pair.

use super::facts::RecordFacts;
use super::pair_features::{
    BOTH_PRICES, CODE_IN_TEXT, PRICE_RATIO, PairFeatures, RELATED_CODES, SAME_CODE, SAME_COLOR,
    SAME_QUANTITIES, SHARED_WORDS, TITLE_SIMILARITY,
};
use super::product_codes::are_related;

/// Longest code that is shown, in characters.
const MAX_SHOWN_CHARS: usize = 32;

/// Logarithm of the price ratio up to which prices are similar.
const SIMILAR_PRICE: f32 = 0.1;

/// Why two records are one product: `same model number DCRTRV280; title 0.93`.
pub fn reason(a: &RecordFacts, b: &RecordFacts, features: &PairFeatures) -> String {
    let mut parts = Vec::new();
    if features[SAME_CODE] > 0.0
        && let Some(code) = a.codes.iter().find(|code| b.codes.contains(code))
    {
        parts.push(format!("same model number {}", shown(code)));
    }
    if features[RELATED_CODES] > 0.0 {
        let pairs = a
            .codes
            .iter()
            .flat_map(|x| b.codes.iter().map(move |y| (x, y)));
        if let Some((x, y)) = pairs.into_iter().find(|(x, y)| are_related(x, y)) {
            parts.push(format!(
                "related model numbers {} and {}",
                shown(x),
                shown(y)
            ));
        }
    }
    if features[CODE_IN_TEXT] > 0.0 {
        let find = |codes: &'_ [String], text: &str| {
            let mut codes = codes.iter();
            codes.find(|code| text.contains(*code)).cloned()
        };
        if let Some(code) = find(&a.codes, &b.compact).or_else(|| find(&b.codes, &a.compact)) {
            parts.push(format!("model number {} in the text", shown(&code)));
        }
    }
    match features[TITLE_SIMILARITY] {
        similarity if similarity != 0.0 => parts.push(format!("title {similarity:.2}")),
        _ => parts.push(format!("words {:.2}", features[SHARED_WORDS])),
    }
    if features[SAME_QUANTITIES] > 0.0 {
        parts.push("same quantity".to_string());
    }
    if features[SAME_COLOR] > 0.0
        && let Some(color) = a.colors.iter().find(|color| b.colors.contains(color))
    {
        parts.push(format!("same color {color}"));
    }
    if features[BOTH_PRICES] > 0.0 && features[PRICE_RATIO] <= SIMILAR_PRICE {
        parts.push("similar price".to_string());
    }
    parts.join("; ")
}

fn shown(code: &str) -> String {
    let upper = code.chars().flat_map(char::to_uppercase);
    upper.take(MAX_SHOWN_CHARS).collect()
}
