//! Full-text search: Okapi BM25 by the crate `bm25`, with k1 = 1.2 and b = 0.75.
//!
//! A word is a run of letters and digits, in lower case. Without stemming and
//! stop words, part numbers and words of any language count.

use std::collections::HashSet;

use ::bm25::{Embedder, EmbedderBuilder, Embedding, Scorer, Tokenizer};

use crate::words::each_word;
use semql_inference::progress::ProgressSink;

/// Texts between two checks for cancellation.
const CANCEL_CHECK_TEXTS: usize = 1024;

/// Stands for all words that the query lacks: BM25 needs only their number.
const OTHER_WORD: &str = "";

/// Tokenizer that replaces words outside the query by [`OTHER_WORD`].
#[derive(Default)]
struct QueryTokenizer {
    query: HashSet<String>,
}

impl Tokenizer for QueryTokenizer {
    fn tokenize(&self, text: &str) -> Vec<String> {
        let (mut words, mut buffer) = (Vec::new(), String::new());
        each_word(text, &mut buffer, |word| {
            let known = self.query.contains(word);
            words.push(if known { word } else { OTHER_WORD }.to_string());
        });
        words
    }
}

/// Positions and scores of the texts that have a word of `query`, by
/// descending score, then by position. Missing texts do not count. Returns
/// `None` once `progress` is cancelled.
pub fn bm25(
    texts: &[Option<String>],
    query: &str,
    progress: &dyn ProgressSink,
) -> Option<Vec<(usize, f32)>> {
    let (mut query_words, mut buffer) = (HashSet::new(), String::new());
    each_word(query, &mut buffer, |word| {
        query_words.insert(word.to_string());
    });
    let (mut words, mut read) = (0usize, 0usize);
    for text in texts.iter().flatten() {
        each_word(text, &mut buffer, |_| words += 1);
        read += 1;
    }
    let mean = words as f32 / read.max(1) as f32;
    let embedder: Embedder<u64, QueryTokenizer> = EmbedderBuilder::with_avgdl(mean)
        .tokenizer(QueryTokenizer { query: query_words })
        .build();
    // A repeated word of the query counts once.
    let only_known = |embedding: Embedding<u64>, known: &HashSet<u64>| {
        let mut seen = HashSet::new();
        let tokens = embedding.0.into_iter();
        let kept = tokens.filter(|token| known.contains(&token.index) && seen.insert(token.index));
        Embedding(kept.collect())
    };
    let query = embedder.embed(query);
    let known: HashSet<u64> = query.indices().copied().collect();
    let query = only_known(query, &known);
    let mut scorer: Scorer<usize, u64> = Scorer::new();
    for (at, text) in texts.iter().enumerate() {
        if at % CANCEL_CHECK_TEXTS == 0 && progress.is_cancelled() {
            return None;
        }
        if let Some(text) = text {
            scorer.upsert(&at, only_known(embedder.embed(text), &known));
        }
    }
    let found = scorer.matches(&query).into_iter();
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
        // Three of four texts match; 2, 5, 2 and 1 words, 2.5 on average.
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
    fn repeated_query_words_and_missing_texts_do_not_count() {
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
