//! "Did you mean": the existing name nearest to a misspelt one.

use datafusion::common::utils::datafusion_strsim::levenshtein;

/// Candidate nearest to `word`, if the difference is small enough for a typing
/// error.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let allowed = (word.chars().count() / 3).min(3);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edit distance; a transposition of two letters counts as one.
fn distance(word: &str, candidate: &str) -> usize {
    let edits = levenshtein(word, candidate);
    if edits != 2 || word.chars().count() != candidate.chars().count() {
        return edits;
    }
    let differing: Vec<(char, char)> = word
        .chars()
        .zip(candidate.chars())
        .filter(|(a, b)| a != b)
        .collect();
    match differing[..] {
        [(a, b), (c, d)] if a == d && b == c => 1,
        _ => edits,
    }
}

/// Suggestion `; did you mean 'x'?`; empty without a near candidate.
pub fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    closest(word, candidates).map_or_else(String::new, |near| format!("; did you mean '{near}'?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_get_a_suggestion_and_other_words_do_not() {
        let names = ["products", "labels", "title"];
        assert_eq!(closest("prodcuts", names), Some("products"));
        assert_eq!(closest("Titel", names), Some("title"));
        assert_eq!(closest("weather", names), None);
        assert_eq!(closest("x", ["n", "timing"]), None);
    }
}
