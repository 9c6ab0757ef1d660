//! Features of a row for a student: words, pairs of words, and a weighted sum of the
//! word vectors of each text.

use std::collections::HashMap;
use std::sync::Arc;

use super::rows::StudentRow;
use super::sample_words::SampleWords;
use super::word_vectors::{OtherWords, WordVectors};
use crate::token_vectors::each_leading_word;
use crate::words::{IdentityBuildHasher, combine_hashes, hash_word};
use semql_inference::vector::{add_scaled, normalize};

/// Hash that distinguishes words of a title from words of a text.
const TITLE_HASH: u64 = 0x7469_746C_6500_0001;

/// A word without a feature.
const NONE: u32 = u32::MAX;

/// Counts of features in a row whose logarithms are stored.
const STORED_COUNTS: usize = 64;

/// Features that occur in several rows of a sample.
pub struct FeatureVocabulary {
    /// Number of texts of a row.
    texts: usize,
    words: HashMap<u64, KnownWord, IdentityBuildHasher>,
    /// By hash of a pair of words: its feature.
    pairs: HashMap<u64, u32, IdentityBuildHasher>,
    /// By feature: inverse document frequency.
    weights: Vec<f32>,
    /// `None` for an encoder without a vocabulary.
    vectors: Option<WordVectors>,
}

/// A word of the sample.
#[derive(Clone, Copy)]
struct KnownWord {
    /// Position of its vector.
    vector: u32,
    /// Feature of the word in any text, and in a title; [`NONE`] if it is rare.
    anywhere: u32,
    in_title: u32,
}

/// Kinds of features.
#[derive(Clone, Copy, PartialEq)]
enum Feature {
    Word,
    WordOfTitle,
    Pair,
}

impl FeatureVocabulary {
    /// Vocabulary of `rows` with `texts` texts, whose words are among `words`.
    pub fn of(
        rows: &[StudentRow<'_>],
        texts: usize,
        words: &SampleWords,
        vectors: Option<WordVectors>,
    ) -> Self {
        let mut rows_with: HashMap<u64, (u32, Feature), IdentityBuildHasher> = HashMap::default();
        let (mut found, mut buffer) = (Vec::new(), String::new());
        for row in rows {
            found.clear();
            for (column, text) in row.texts[..texts].iter().enumerate() {
                let is_title = is_title(column, texts);
                let mut before = None;
                each_leading_word(text.unwrap_or_default(), &mut buffer, |word| {
                    let word = hash_word(word);
                    found.push((word, Feature::Word));
                    if is_title {
                        found.push((combine_hashes(TITLE_HASH, word), Feature::WordOfTitle));
                    }
                    if let Some(before) = before.replace(word) {
                        found.push((combine_hashes(before, word), Feature::Pair));
                    }
                });
            }
            found.sort_unstable_by_key(|(hash, _)| *hash);
            found.dedup_by_key(|(hash, _)| *hash);
            for (hash, kind) in &found {
                rows_with.entry(*hash).or_insert((0, *kind)).0 += 1;
            }
        }
        // Features of a single row do not generalize. Sorted, so that sums are
        // equal in every process.
        let mut known: Vec<(u64, u32, Feature)> = rows_with
            .into_iter()
            .filter(|(_, (rows, _))| *rows > 1)
            .map(|(hash, (rows, kind))| (hash, rows, kind))
            .collect();
        known.sort_unstable_by_key(|(hash, ..)| *hash);
        let of_kind = |kind: Feature| {
            let known = known.iter().enumerate();
            known
                .filter(move |(_, (.., other))| *other == kind)
                .map(|(at, (hash, ..))| (*hash, at as u32))
        };
        let anywhere: HashMap<u64, u32, IdentityBuildHasher> = of_kind(Feature::Word).collect();
        let in_title: HashMap<u64, u32, IdentityBuildHasher> =
            of_kind(Feature::WordOfTitle).collect();
        let feature = |map: &HashMap<u64, u32, _>, hash| map.get(&hash).copied().unwrap_or(NONE);
        let word = |(hash, vector): (&u64, &u32)| {
            let word = KnownWord {
                vector: *vector,
                anywhere: feature(&anywhere, *hash),
                in_title: feature(&in_title, combine_hashes(TITLE_HASH, *hash)),
            };
            (*hash, word)
        };
        let weight = |in_rows: u32| ((1 + rows.len()) as f32 / (1 + in_rows) as f32).ln() + 1.0;
        Self {
            texts,
            words: words.positions.iter().map(word).collect(),
            pairs: of_kind(Feature::Pair).collect(),
            weights: known.iter().map(|(_, rows, _)| weight(*rows)).collect(),
            vectors,
        }
    }

    /// Number of features.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Values of the text vectors of a row: the first text, and all texts together.
    pub fn vector_width(&self) -> usize {
        self.vectors.as_ref().map_or(0, WordVectors::width) * self.texts
    }
}

/// Whether the text in `column` of `texts` names the row.
fn is_title(column: usize, texts: usize) -> bool {
    column == 0 && texts > 1
}

/// Features of several rows.
#[derive(Default)]
pub struct FeatureMatrix {
    /// By row: the end of its entries in `lexical`.
    pub ends: Vec<usize>,
    /// Features and values; the values of a row have unit length.
    pub lexical: Vec<(u32, f32)>,
    /// Rows x width: text vectors of unit length.
    pub text_vectors: Vec<f32>,
}

impl FeatureMatrix {
    /// Lexical features of a row.
    pub fn lexical_of(&self, row: usize) -> &[(u32, f32)] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.lexical[start..self.ends[row]]
    }
}

/// Extracts features, for one thread.
pub struct FeatureExtractor {
    vocabulary: Arc<FeatureVocabulary>,
    others: OtherWords,
    buffer: String,
    /// By feature: occurrences in the row. All are 0 between rows.
    counts: Vec<u32>,
    /// Features of the row, in the order of their first occurrences.
    found: Vec<u32>,
    /// By count: `1 + ln(count)`.
    logarithms: [f32; STORED_COUNTS],
}

impl FeatureExtractor {
    pub fn new(vocabulary: Arc<FeatureVocabulary>) -> Self {
        Self {
            counts: vec![0; vocabulary.len()],
            vocabulary,
            others: OtherWords::default(),
            buffer: String::new(),
            found: Vec::new(),
            logarithms: std::array::from_fn(|count| 1.0 + (count as f32).ln()),
        }
    }

    /// Writes the features of `rows` to `out`.
    pub fn extract(&mut self, rows: &[StudentRow<'_>], out: &mut FeatureMatrix) {
        out.ends.clear();
        out.lexical.clear();
        let width = self.vocabulary.vector_width();
        out.text_vectors.clear();
        out.text_vectors.resize(rows.len() * width, 0.0);
        for (at, row) in rows.iter().enumerate() {
            self.extract_row(row, &mut out.text_vectors[at * width..][..width]);
            self.weight_features(&mut out.lexical);
            out.ends.push(out.lexical.len());
        }
    }

    fn extract_row(&mut self, row: &StudentRow<'_>, text_vectors: &mut [f32]) {
        let vocabulary = &*self.vocabulary;
        let width = text_vectors.len() / vocabulary.texts;
        let (counts, found) = (&mut self.counts, &mut self.found);
        let mut count = |feature: u32, occurrences: u32| {
            let counted = &mut counts[feature as usize];
            if *counted == 0 {
                found.push(feature);
            }
            *counted += occurrences;
        };
        for (column, text) in row.texts[..vocabulary.texts].iter().enumerate() {
            let is_title = is_title(column, vocabulary.texts);
            let out = &mut text_vectors[column * width..][..width];
            let mut before = None;
            each_leading_word(text.unwrap_or_default(), &mut self.buffer, |word| {
                let hash = hash_word(word);
                let Some(known) = vocabulary.words.get(&hash) else {
                    before = None;
                    if let Some(vectors) = &vocabulary.vectors {
                        add_scaled(out, self.others.get(hash, word, vectors), 1.0);
                    }
                    return;
                };
                if let Some(vectors) = &vocabulary.vectors {
                    add_scaled(out, vectors.get(known.vector), 1.0);
                }
                if known.anywhere == NONE {
                    before = None;
                    return;
                }
                count(known.anywhere, if is_title { 2 } else { 1 });
                if is_title && known.in_title != NONE {
                    count(known.in_title, 1);
                }
                // A pair is a feature only if both of its words are.
                if let Some(before) = before.replace(hash)
                    && let Some(pair) = vocabulary.pairs.get(&combine_hashes(before, hash))
                {
                    count(*pair, 1);
                }
            });
        }
        if width > 0 {
            if vocabulary.texts > 1 {
                // The last vector is that of all texts together.
                let (first, last) = text_vectors.split_at_mut(width);
                add_scaled(last, first, 1.0);
            }
            text_vectors.chunks_exact_mut(width).for_each(normalize);
        }
    }

    /// Moves the counted features to `out`, weighted and of unit length.
    fn weight_features(&mut self, out: &mut Vec<(u32, f32)>) {
        let start = out.len();
        let mut square = 0.0;
        for feature in self.found.drain(..) {
            let count = std::mem::take(&mut self.counts[feature as usize]) as usize;
            let logarithm = match self.logarithms.get(count) {
                Some(stored) => *stored,
                None => 1.0 + (count as f32).ln(),
            };
            let value = logarithm * self.vocabulary.weights[feature as usize];
            square += value * value;
            out.push((feature, value));
        }
        if square > 0.0 {
            let scale = 1.0 / square.sqrt();
            out[start..]
                .iter_mut()
                .for_each(|(_, value)| *value *= scale);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row<'a>(title: Option<&'a str>, text: Option<&'a str>) -> StudentRow<'a> {
        StudentRow {
            texts: [title, text],
            head: title,
        }
    }

    fn extractor(rows: &[StudentRow<'_>]) -> FeatureExtractor {
        let words = SampleWords::of(rows, 2);
        FeatureExtractor::new(Arc::new(FeatureVocabulary::of(rows, 2, &words, None)))
    }

    #[test]
    fn features_occur_in_several_rows() {
        let rows = [
            row(Some("red shoe"), Some("fine")),
            row(Some("red hat"), None),
            row(None, Some("red")),
        ];
        let mut extractor = extractor(&rows);
        // "red" in any text, and "red" in a title.
        assert_eq!(extractor.vocabulary.len(), 2);
        let mut features = FeatureMatrix::default();
        extractor.extract(&rows, &mut features);
        for at in 0..3 {
            let length: f32 = features.lexical_of(at).iter().map(|(_, v)| v * v).sum();
            assert!((length - 1.0).abs() < 1e-6);
        }
        assert_eq!(features.lexical_of(2).len(), 1);
        extractor.extract(&[row(Some("unseen"), None)], &mut features);
        assert!(features.lexical_of(0).is_empty());
    }

    #[test]
    fn a_title_and_a_text_have_different_features() {
        let rows = [
            row(Some("red"), None),
            row(Some("red"), None),
            row(None, Some("red")),
        ];
        let mut extractor = extractor(&rows);
        let mut features = FeatureMatrix::default();
        extractor.extract(&rows, &mut features);
        assert_eq!(features.lexical_of(0), features.lexical_of(1));
        assert_ne!(features.lexical_of(0), features.lexical_of(2));
    }
}
