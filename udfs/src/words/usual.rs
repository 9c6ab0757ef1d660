//! How frequent words are in product offers in general.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Words and in how many of 10,000 offers they are, counted in the titles and
/// texts of 234,612 offers from ten public catalogues: all that are in 10 or
/// more, but for stop words and words with digits.
const USUAL: &str = include_str!("usual.txt");

/// What a word that is not in the list is taken to have.
const UNUSUAL: f64 = 5.0;

static SHARES: LazyLock<HashMap<&str, f64>> = LazyLock::new(|| {
    let lines = USUAL.lines();
    let entry = |line: &'static str| {
        let (word, offers) = line.split_once(' ')?;
        Some((word, offers.parse().ok()?))
    };
    lines.filter_map(entry).collect()
});

/// The share of offers that have `word`, in lower case: 0 to 1.
pub fn usual_share(word: &str) -> f64 {
    SHARES.get(word).copied().unwrap_or(UNUSUAL) / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_word_and_its_share() {
        assert_eq!(SHARES.len(), USUAL.lines().count());
        assert!(
            SHARES
                .values()
                .all(|offers| (10.0..10_000.0).contains(offers))
        );
        assert!(usual_share("black") > usual_share("hammock"));
    }
}
