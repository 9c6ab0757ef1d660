//! Words that texts share with the phrases of labels.

use std::collections::{HashMap, HashSet};

/// Bonus if the text has all words of a phrase.
const LEXICAL_BONUS: f32 = 0.05;

/// Words without a meaning for classification.
const STOP_WORDS: &[&str] = &[
    "a", "an", "and", "for", "in", "of", "on", "or", "the", "to", "with",
];

/// Words of the phrases. A label without phrases has none: texts rarely contain its
/// name.
#[derive(Default)]
pub struct Lexicon {
    /// Per word, its phrases.
    phrases_with: HashMap<String, Vec<u32>>,
    /// Per phrase, its label and its number of words.
    phrases: Vec<(usize, usize)>,
}

impl Lexicon {
    pub fn new<'a>(labels: impl Iterator<Item = &'a [String]>) -> Self {
        let mut lexicon = Self::default();
        for (label, phrases) in labels.enumerate() {
            for phrase in phrases {
                let lower = phrase.to_lowercase();
                let words: HashSet<&str> = words(&lower).collect();
                let phrase = lexicon.phrases.len() as u32;
                lexicon.phrases.push((label, words.len()));
                for word in words {
                    let with = lexicon.phrases_with.entry(word.to_string()).or_default();
                    with.push(phrase);
                }
            }
        }
        lexicon
    }

    /// Adds a bonus to each label for its phrase with the largest share of words in
    /// `head`; the bonus is proportional to that share.
    pub fn add_bonus(&self, head: &str, scores: &mut [f32]) {
        if self.phrases.is_empty() {
            return;
        }
        let lower = head.to_lowercase();
        let mut seen: Vec<&str> = Vec::new();
        let mut hits: Vec<u32> = Vec::new();
        for word in words(&lower) {
            if let Some(phrases) = self.phrases_with.get(word)
                && !seen.contains(&word)
            {
                seen.push(word);
                hits.extend(phrases);
            }
        }
        hits.sort_unstable();
        let mut largest_shares = vec![0f32; scores.len()];
        for hits in hits.chunk_by(|a, b| a == b) {
            let (label, words) = self.phrases[hits[0] as usize];
            let share = hits.len() as f32 / words as f32;
            largest_shares[label] = largest_shares[label].max(share);
        }
        for (score, share) in scores.iter_mut().zip(largest_shares) {
            *score += LEXICAL_BONUS * share;
        }
    }
}

/// The words of a lower-case text, without stop words, a plural `s` dropped.
fn words(lower: &str) -> impl Iterator<Item = &str> {
    lower
        .split(|c: char| !c.is_alphanumeric())
        .map(singular)
        .filter(|word| !word.is_empty() && !STOP_WORDS.contains(word))
}

fn singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(rest) if rest.chars().count() > 2 && !rest.ends_with('s') => rest,
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bonus_is_proportional_to_the_share_of_words() {
        let labels = [
            vec!["running shoes".to_string()],
            vec!["the glass".to_string()],
            vec![],
        ];
        let lexicon = Lexicon::new(labels.iter().map(Vec::as_slice));
        let mut bonus = [0.0; 3];
        lexicon.add_bonus("Shoe of GLASS, glass shoe", &mut bonus);
        assert_eq!(bonus, [LEXICAL_BONUS / 2.0, LEXICAL_BONUS, 0.0]);
        assert_eq!(singular("bus"), "bus");
        assert_eq!(singular("dress"), "dress");
        assert_eq!(singular("cats"), "cat");
    }
}
