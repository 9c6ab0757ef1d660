//! Texts as word ids.

use std::collections::HashMap;

use crate::words::{combine_hashes, each_word, is_stop_word};

/// Longest text; longer texts are split.
const MAX_TEXT_WORDS: usize = 1_000;

/// Texts in order of insertion: four bytes for each word, and each distinct word
/// once.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    word_ids: HashMap<String, u32>,
    /// Bytes of the distinct words.
    word_bytes: usize,
    tokens: Vec<u32>,
    /// By text: the end of its tokens.
    ends: Vec<u64>,
    buffer: String,
}

/// Frequent words, and the texts as indices of these words. It does not depend
/// on the order of the texts.
#[derive(Clone, Debug, PartialEq)]
pub struct WordVocabulary {
    /// Words and counts, by descending count, then alphabetically.
    pub words: Vec<(String, u64)>,
    /// Tokens of all texts, which are sorted by their words.
    pub tokens: Vec<u32>,
    /// By text: the end of its tokens.
    pub ends: Vec<usize>,
}

impl Corpus {
    /// Adds a text without its stop words.
    pub fn add(&mut self, text: &str) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let first = self.tokens.len();
        each_word(text, &mut buffer, |word| {
            if !is_stop_word(word) {
                if self.tokens.len() - self.last_end() == MAX_TEXT_WORDS {
                    self.end_text();
                }
                let id = self.word_id(word);
                self.tokens.push(id);
            }
        });
        self.buffer = buffer;
        if self.tokens.len() > first {
            self.end_text();
        }
    }

    fn last_end(&self) -> usize {
        self.ends.last().map_or(0, |end| *end as usize)
    }

    fn end_text(&mut self) {
        self.ends.push(self.tokens.len() as u64);
    }

    fn word_id(&mut self, word: &str) -> u32 {
        if let Some(id) = self.word_ids.get(word) {
            return *id;
        }
        let id = self.word_ids.len() as u32;
        self.word_bytes += word.len();
        self.word_ids.insert(word.to_string(), id);
        id
    }

    /// Distinct words by id.
    pub fn words(&self) -> Vec<&str> {
        let mut words = vec![""; self.word_ids.len()];
        for (word, id) in &self.word_ids {
            words[*id as usize] = word;
        }
        words
    }

    /// Word ids of all texts.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// By text: the end of its tokens.
    pub fn ends(&self) -> &[u64] {
        &self.ends
    }

    /// Adds the [`Corpus::words`], [`Corpus::tokens`] and [`Corpus::ends`] of
    /// another corpus.
    pub fn append<'a>(
        &mut self,
        words: impl Iterator<Item = &'a str>,
        tokens: &[u32],
        ends: &[u64],
    ) {
        let ids: Vec<u32> = words.map(|word| self.word_id(word)).collect();
        let first = self.tokens.len() as u64;
        let tokens = tokens.iter().map(|token| ids.get(*token as usize));
        self.tokens.extend(tokens.flatten());
        self.ends.extend(ends.iter().map(|end| first + end));
    }

    /// Approximate bytes in memory.
    pub fn size(&self) -> usize {
        const WORD: usize = size_of::<(String, u32)>() + 16;
        self.word_bytes
            + self.word_ids.capacity() * WORD
            + self.tokens.capacity() * size_of::<u32>()
            + self.ends.capacity() * size_of::<u64>()
    }

    /// The words with a count of `min_count` or more, and the texts.
    pub fn vocabulary(&self, min_count: u64) -> WordVocabulary {
        let mut counts = vec![0u64; self.word_ids.len()];
        self.tokens.iter().for_each(|t| counts[*t as usize] += 1);
        let words = self.words();
        let mut kept: Vec<u32> = (0..counts.len() as u32)
            .filter(|id| counts[*id as usize] >= min_count)
            .collect();
        let of = |id: &u32| (counts[*id as usize], words[*id as usize]);
        kept.sort_unstable_by(|a, b| {
            let (a, b) = (of(a), of(b));
            b.0.cmp(&a.0).then(a.1.cmp(b.1))
        });
        let mut indices = vec![None; counts.len()];
        for (at, id) in kept.iter().enumerate() {
            indices[*id as usize] = Some(at as u32);
        }
        let mut texts: Vec<(u64, Vec<u32>)> = Vec::with_capacity(self.ends.len());
        let mut first = 0;
        for end in &self.ends {
            let text = &self.tokens[first..*end as usize];
            first = *end as usize;
            let text: Vec<u32> = text.iter().filter_map(|t| indices[*t as usize]).collect();
            // A single word has no context.
            if text.len() > 1 {
                let digest = text
                    .iter()
                    .fold(0, |digest, t| combine_hashes(digest, u64::from(*t)));
                texts.push((digest, text));
            }
        }
        texts.sort_unstable();
        let mut vocabulary = WordVocabulary {
            words: kept
                .iter()
                .map(|id| (words[*id as usize].to_string(), counts[*id as usize]))
                .collect(),
            tokens: Vec::new(),
            ends: Vec::with_capacity(texts.len()),
        };
        for (_, text) in texts {
            vocabulary.tokens.extend(text);
            vocabulary.ends.push(vocabulary.tokens.len());
        }
        vocabulary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 4] = [
        "The red shoe",
        "a red hat!",
        "blue shoe and red shoe",
        "of the",
    ];

    #[test]
    fn words_without_stop_words_are_counted() {
        let mut corpus = Corpus::default();
        TEXTS.iter().for_each(|text| corpus.add(text));
        let vocabulary = corpus.vocabulary(2);
        let words = [("red".to_string(), 3), ("shoe".to_string(), 3)];
        assert_eq!(vocabulary.words, words);
        assert_eq!(vocabulary.ends.len(), 2);
        assert_eq!(vocabulary.tokens.len(), 5);
        assert!(corpus.size() > 16);
    }

    #[test]
    fn order_and_parts_do_not_change_the_vocabulary() {
        let mut whole = Corpus::default();
        TEXTS.iter().for_each(|text| whole.add(text));
        let mut parts = Corpus::default();
        for part in [&TEXTS[2..], &TEXTS[..2]] {
            let mut corpus = Corpus::default();
            part.iter().for_each(|text| corpus.add(text));
            parts.append(corpus.words().into_iter(), corpus.tokens(), corpus.ends());
        }
        assert_eq!(whole.vocabulary(1), parts.vocabulary(1));
    }

    #[test]
    fn long_texts_are_split() {
        let mut corpus = Corpus::default();
        corpus.add(&"shoe ".repeat(2 * MAX_TEXT_WORDS + 1));
        assert_eq!(corpus.ends(), [1000, 2000, 2001]);
    }
}
