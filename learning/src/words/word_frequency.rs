//! Frequency of words in product offers in general.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Words and the number of offers with the word, of 10,000. Counted in the
/// titles and texts of 234,612 offers from ten public catalogues. The list has
/// the words of 10 offers or more, without stop words and words with digits.
const WORD_FREQUENCIES: &str = include_str!("word_frequency.txt");

/// Frequency of a word that the list lacks.
const DEFAULT_OFFERS: f64 = 5.0;

static OFFERS: LazyLock<HashMap<&str, f64>> = LazyLock::new(|| {
    let lines = WORD_FREQUENCIES.lines();
    let entry = |line: &'static str| {
        let (word, offers) = line.split_once(' ')?;
        Some((word, offers.parse().ok()?))
    };
    lines.filter_map(entry).collect()
});

/// Share of offers that contain `word`, in lower case: 0..1.
pub fn word_frequency(word: &str) -> f64 {
    OFFERS.get(word).copied().unwrap_or(DEFAULT_OFFERS) / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_word_and_its_frequency() {
        assert_eq!(OFFERS.len(), WORD_FREQUENCIES.lines().count());
        assert!(
            OFFERS
                .values()
                .all(|offers| (10.0..10_000.0).contains(offers))
        );
        assert!(word_frequency("black") > word_frequency("hammock"));
    }
}
