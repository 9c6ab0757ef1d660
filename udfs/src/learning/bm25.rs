//! Which texts have the words of a query: Okapi BM25 through the crate `bm25`,
//! with its usual constants (k1 = 1.2, b = 0.75).
//!
//! A word is a run of letters and digits, in lower case; nothing is stemmed and
//! nothing left out, so that part numbers and words of any language count.

use std::collections::HashSet;

use ::bm25::{Embedder, EmbedderBuilder, Embedding, Scorer, Tokenizer};

use crate::words::each_word;

/// Texts between two looks at whether to stop.
const TEXTS: usize = 1024;

/// Stands for all words that the query does not have: of those only the number
/// counts.
const OTHER: &str = "";

/// Splits texts into the words of the query and others.
#[derive(Default)]
struct Words {
    query: HashSet<String>,
}

impl Tokenizer for Words {
    fn tokenize(&self, text: &str) -> Vec<String> {
        let (mut words, mut buffer) = (Vec::new(), String::new());
        each_word(text, &mut buffer, |word| {
            let known = self.query.contains(word);
            words.push(if known { word } else { OTHER }.to_string());
        });
        words
    }
}

/// The texts that have a word of `query`, as their positions, with the score;
/// the best first and of equal ones the first. `None` is no text and does not
/// count. Gives `None` once `halted` says so.
pub fn bm25(
    texts: &[Option<String>],
    query: &str,
    halted: &dyn Fn() -> bool,
) -> Option<Vec<(usize, f32)>> {
    let (mut wanted, mut buffer) = (HashSet::new(), String::new());
    each_word(query, &mut buffer, |word| {
        wanted.insert(word.to_string());
    });
    let (mut words, mut read) = (0usize, 0usize);
    for text in texts.iter().flatten() {
        each_word(text, &mut buffer, |_| words += 1);
        read += 1;
    }
    let mean = words as f32 / read.max(1) as f32;
    let embedder: Embedder<u64, Words> = EmbedderBuilder::with_avgdl(mean)
        .tokenizer(Words { query: wanted })
        .build();
    // A word counts once, however often the query has it.
    let only_known = |embedding: Embedding<u64>, known: &HashSet<u64>| {
        let mut seen = HashSet::new();
        let tokens = embedding.0.into_iter();
        let kept = tokens.filter(|token| known.contains(&token.index) && seen.insert(token.index));
        Embedding(kept.collect())
    };
    let asked = embedder.embed(query);
    let known: HashSet<u64> = asked.indices().copied().collect();
    let asked = only_known(asked, &known);
    let mut scorer: Scorer<usize, u64> = Scorer::new();
    for (at, text) in texts.iter().enumerate() {
        if at % TEXTS == 0 && halted() {
            return None;
        }
        if let Some(text) = text {
            scorer.upsert(&at, only_known(embedder.embed(text), &known));
        }
    }
    let found = scorer.matches(&asked).into_iter();
    let mut found: Vec<(usize, f32)> = found.map(|found| (found.id, found.score)).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| Some(text.to_string())).collect()
    }

    #[test]
    fn scores_are_those_of_the_formula() {
        let texts = some(&["red shoe", "red red wine and more", "blue hat", "RED"]);
        let found = bm25(&texts, "red", &|| false).unwrap();
        // Three of four texts have it; 2, 5, 2 and 1 words, 2.5 in the mean.
        let idf = (1.0 + 1.5 / 3.5f32).ln();
        let score = |times: f32, words: f32| {
            idf * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * words / 2.5))
        };
        let mut expected = vec![
            (0, score(1.0, 2.0)),
            (1, score(2.0, 5.0)),
            (3, score(1.0, 1.0)),
        ];
        expected.sort_by(|a, b| b.1.total_cmp(&a.1));
        assert_eq!(found.len(), 3);
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found.0, expected.0);
            assert!(
                (found.1 - expected.1).abs() < 1e-5,
                "{found:?} {expected:?}"
            );
        }
    }

    #[test]
    fn words_repeated_in_the_query_and_texts_that_are_missing_do_not_count() {
        let mut texts = some(&["tea", "coffee", "tea"]);
        texts.push(None);
        let once = bm25(&texts, "tea", &|| false).unwrap();
        assert_eq!(bm25(&texts, "Tea, tea!", &|| false).unwrap(), once);
        assert_eq!(once.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 2]);
        assert!(bm25(&texts, "...", &|| false).unwrap().is_empty());
        assert!(bm25(&[], "tea", &|| false).unwrap().is_empty());
        assert!(bm25(&texts, "tea", &|| true).is_none());
    }
}
