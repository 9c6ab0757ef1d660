//! Words of the sampled rows: their weights, and their vectors by the encoder.

use std::collections::HashMap;
use std::sync::Arc;

use super::rows::StudentRow;
use crate::token_vectors::{TokenVectors, each_leading_word, sif_weight};
use crate::words::{IdentityBuildHasher, hash_word};
use semql_inference::Result;
use semql_inference::encoding::{EncodeContext, Encoder, ModelInput};
use semql_inference::vector::add_scaled;

/// Most frequent words of several tokens, which the encoder reads whole: the mean of
/// their tokens' vectors means little. They cost as much as some hundred long texts.
const MAX_READ_WORDS: usize = 1500;

/// Most frequent words whose vectors determine the subspace.
const MAX_WEIGHTED_WORDS: usize = 4096;

/// Words that occur in several texts of a sample.
pub struct SampleWords {
    /// By hash of a word: its position.
    pub positions: HashMap<u64, u32, IdentityBuildHasher>,
    /// By position, most frequent first.
    words: Vec<String>,
    /// By position: weight of the word in a text vector, 0..1.
    pub weights: Vec<f32>,
    /// By position: number of texts with the word.
    pub texts_with: Vec<u32>,
    /// `None` for an encoder without a vocabulary.
    pub vectors: Option<SampleWordVectors>,
}

/// Vectors of the words of a sample, and of all tokens for other words.
pub struct SampleWordVectors {
    pub tokens: Arc<TokenVectors>,
    /// Positions x dims, minus `mean`.
    pub values: Vec<f32>,
    /// Mean over the words of all texts, minus the mean of the tokens.
    pub mean: Vec<f32>,
}

struct CountedWord {
    word: String,
    count: u32,
    texts_with: u32,
    last_text: usize,
}

impl SampleWords {
    /// Words of the first `texts` texts of `rows`, without vectors.
    pub fn of(rows: &[StudentRow<'_>], texts: usize) -> Self {
        let (counted, all) = count(rows, texts);
        let mut kept: Vec<(u64, CountedWord)> = counted
            .into_iter()
            .filter(|(_, word)| word.texts_with > 1)
            .collect();
        kept.sort_unstable_by(|(a, x), (b, y)| (y.texts_with, a).cmp(&(x.texts_with, b)));
        let positions = kept.iter().enumerate();
        let weight = |word: &CountedWord| sif_weight(word.count as f32 / all.max(1) as f32);
        Self {
            positions: positions
                .map(|(at, (hash, _))| (*hash, at as u32))
                .collect(),
            weights: kept.iter().map(|(_, word)| weight(word)).collect(),
            texts_with: kept.iter().map(|(_, word)| word.texts_with).collect(),
            words: kept.into_iter().map(|(_, word)| word.word).collect(),
            vectors: None,
        }
    }

    /// The vectors of the most frequent words, multiplied by the weights and by the roots
    /// of the numbers of texts: words x dims. Empty for an encoder without a vocabulary.
    pub fn weighted_vectors(&self) -> Vec<f32> {
        let Some(SampleWordVectors { values, mean, .. }) = &self.vectors else {
            return Vec::new();
        };
        let values = &values[..values.len().min(MAX_WEIGHTED_WORDS * mean.len())];
        let mut weighted = values.to_vec();
        let words = self.weights.iter().zip(&self.texts_with);
        for (vector, (weight, texts)) in weighted.chunks_exact_mut(mean.len()).zip(words) {
            let scale = weight * (*texts as f32).sqrt();
            vector.iter_mut().for_each(|v| *v *= scale);
        }
        weighted
    }

    /// The same words with vectors by `encoder`, whose token vectors are `tokens`.
    ///
    /// # Errors
    /// Those of [`Encoder::encode`].
    pub fn with_vectors(
        self,
        encoder: &Encoder,
        tokens: Arc<TokenVectors>,
        context: &EncodeContext,
    ) -> Result<Self> {
        let (dims, words) = (tokens.dims, &self.words);
        let mut values = vec![0.0; words.len() * dims];
        let mut known = vec![false; words.len()];
        let mut split = Vec::new();
        for (at, word) in words.iter().enumerate() {
            let pieces = encoder.tokenizer.word_pieces(word);
            let out = &mut values[at * dims..][..dims];
            known[at] = tokens.add_mean(&pieces, 1.0, out);
            if pieces.len() > 1 && split.len() < MAX_READ_WORDS {
                split.push(at);
            }
        }
        let inputs: Vec<ModelInput<'_>> = split
            .iter()
            .map(|at| Some(words[*at].as_str().into()))
            .collect();
        let read = encoder.encode(&inputs, context)?;
        for (text, at) in split.iter().enumerate() {
            if let Some(vector) = read.get(text) {
                let out = &mut values[at * dims..][..dims];
                out.copy_from_slice(vector);
                add_scaled(out, &tokens.mean, -1.0);
                known[*at] = true;
            }
        }
        let mut mean = vec![0.0; dims];
        let mut all = 0.0;
        let with_vector = || (0..words.len()).filter(|at| known[*at]);
        for at in with_vector() {
            let count = self.texts_with[at] as f32;
            add_scaled(&mut mean, &values[at * dims..][..dims], count);
            all += count;
        }
        mean.iter_mut().for_each(|m| *m /= f32::max(all, 1.0));
        for at in with_vector() {
            add_scaled(&mut values[at * dims..][..dims], &mean, -1.0);
        }
        let vectors = SampleWordVectors {
            tokens,
            values,
            mean,
        };
        Ok(Self {
            vectors: Some(vectors),
            ..self
        })
    }
}

/// By hash: the words of all texts; and the number of all words.
fn count(
    rows: &[StudentRow<'_>],
    texts: usize,
) -> (HashMap<u64, CountedWord, IdentityBuildHasher>, u32) {
    let mut words: HashMap<u64, CountedWord, IdentityBuildHasher> = HashMap::default();
    let (mut buffer, mut all) = (String::new(), 0);
    let columns = rows.iter().flat_map(|row| &row.texts[..texts]);
    for (at, text) in columns.enumerate() {
        each_leading_word(text.unwrap_or_default(), &mut buffer, |word| {
            all += 1;
            let counted = words.entry(hash_word(word)).or_insert_with(|| CountedWord {
                word: word.to_string(),
                count: 0,
                texts_with: 0,
                last_text: usize::MAX,
            });
            counted.count += 1;
            counted.texts_with += u32::from(counted.last_text != at);
            counted.last_text = at;
        });
    }
    (words, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_several_texts_are_kept_most_frequent_first() {
        let row = |title, text| StudentRow {
            texts: [Some(title), text],
            head: None,
        };
        let rows = [
            row("Red shoe", Some("a red red")),
            row("red hat", None),
            row("hat hat", Some("a")),
        ];
        let words = SampleWords::of(&rows, 2);
        assert_eq!(words.words[0], "red");
        assert_eq!(words.texts_with, [3, 2, 2]);
        assert!(!words.positions.contains_key(&hash_word("shoe")));
        assert!(words.weights[0] < words.weights[2]);
        assert_eq!(SampleWords::of(&rows, 1).texts_with, [2, 2]);
    }
}
