//! Features of a row for a student: words, pairs of words and an SIF vector of
//! each text.

use std::collections::HashMap;
use std::sync::Arc;

use crate::token_vectors::{SifEmbedder, TokenVectors, WordFrequencies, each_leading_word};
use crate::words::{IdentityBuildHasher, combine_hashes, hash_word};
use semql_inference::encoding::Encoder;
use semql_inference::vector::normalize;

/// Largest number of texts of a row.
pub const MAX_TEXTS: usize = 2;

/// Hash that distinguishes words of a title from words of a text.
const TITLE_HASH: u64 = 0x7469_746C_6500_0001;

/// Texts of a row.
#[derive(Clone, Copy, Debug)]
pub struct StudentRow<'a> {
    /// A title and a text, or a text alone.
    pub texts: [Option<&'a str>; MAX_TEXTS],
    /// Text whose words can name a label.
    pub head: Option<&'a str>,
}

impl StudentRow<'_> {
    /// Whether all texts are missing.
    pub fn is_blank(&self) -> bool {
        self.texts.iter().all(Option::is_none)
    }
}

/// Words and pairs of words that occur in several rows of a sample.
#[derive(Default)]
pub struct FeatureVocabulary {
    /// Number of texts of a row.
    texts: usize,
    positions: HashMap<u64, u32, IdentityBuildHasher>,
    /// By position: inverse document frequency.
    weights: Vec<f32>,
    /// Word frequencies of the sample.
    frequencies: Arc<WordFrequencies>,
}

impl FeatureVocabulary {
    /// Vocabulary of rows with `texts` texts.
    pub fn of(rows: &[StudentRow<'_>], texts: usize) -> Self {
        let mut rows_with: HashMap<u64, u32, IdentityBuildHasher> = HashMap::default();
        let mut words: HashMap<u64, u32, IdentityBuildHasher> = HashMap::default();
        let (mut counted, mut buffer, mut all) = (Vec::new(), String::new(), 0);
        for row in rows {
            counted.clear();
            for (column, text) in row.texts[..texts].iter().enumerate() {
                let mut counter = FeatureCounter::new(column, texts);
                each_leading_word(text.unwrap_or_default(), &mut buffer, |word| {
                    let word = hash_word(word);
                    *words.entry(word).or_default() += 1;
                    all += 1;
                    counter.count(word, &mut counted);
                });
            }
            counted.sort_unstable_by_key(|(feature, _)| *feature);
            counted.dedup_by_key(|(feature, _)| *feature);
            for (feature, _) in &counted {
                *rows_with.entry(*feature).or_default() += 1;
            }
        }
        // Features of a single row do not generalize. Sorted, so that sums are
        // equal in every process.
        let mut known: Vec<(u64, u32)> = rows_with
            .into_iter()
            .filter(|(_, rows)| *rows > 1)
            .collect();
        known.sort_unstable();
        let weight = |in_rows: u32| ((1 + rows.len()) as f32 / (1 + in_rows) as f32).ln() + 1.0;
        let positions = known.iter().enumerate();
        let shares = words.into_iter();
        let shares = shares.map(|(word, count)| (word, count as f32 / all as f32));
        Self {
            texts,
            positions: positions.map(|(at, (f, _))| (*f, at as u32)).collect(),
            weights: known.iter().map(|(_, rows)| weight(*rows)).collect(),
            frequencies: Arc::new(shares.collect()),
        }
    }

    /// Number of features.
    pub fn len(&self) -> usize {
        self.weights.len()
    }
}

/// Counts the features of one text.
struct FeatureCounter {
    title: bool,
    weight: f32,
    before: Option<u64>,
}

impl FeatureCounter {
    fn new(column: usize, texts: usize) -> Self {
        let title = column == 0 && texts > 1;
        Self {
            title,
            weight: if title { 2.0 } else { 1.0 },
            before: None,
        }
    }

    fn count(&mut self, word: u64, out: &mut Vec<(u64, f32)>) {
        out.push((word, self.weight));
        if self.title {
            out.push((combine_hashes(TITLE_HASH, word), 1.0));
        }
        if let Some(before) = self.before {
            out.push((combine_hashes(before, word), 1.0));
        }
        self.before = Some(word);
    }
}

/// Features of several rows.
#[derive(Default)]
pub struct FeatureMatrix {
    /// By row: the end of its entries in `lexical`.
    pub ends: Vec<usize>,
    /// Positions in the vocabulary and values; the values of a row have unit length.
    pub lexical: Vec<(u32, f32)>,
    /// Rows x width: SIF vectors of unit length.
    pub sif_vectors: Vec<f32>,
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
    /// `None` for an encoder without a vocabulary.
    sif: Option<SifEmbedder>,
    buffer: String,
    counted: Vec<(u64, f32)>,
    known: Vec<(u32, f32)>,
}

impl FeatureExtractor {
    pub fn new(
        vocabulary: Arc<FeatureVocabulary>,
        tokens: Option<Arc<TokenVectors>>,
        encoder: Arc<Encoder>,
    ) -> Self {
        let frequencies = Arc::clone(&vocabulary.frequencies);
        Self {
            vocabulary,
            sif: tokens.map(|tokens| SifEmbedder::new(tokens, encoder, frequencies)),
            buffer: String::new(),
            counted: Vec::new(),
            known: Vec::new(),
        }
    }

    /// Values of a row of [`FeatureMatrix::sif_vectors`].
    pub fn sif_width(&self) -> usize {
        self.sif.as_ref().map_or(0, SifEmbedder::dims) * self.vocabulary.texts
    }

    /// Writes the features of `rows` to `out`.
    pub fn extract(&mut self, rows: &[StudentRow<'_>], out: &mut FeatureMatrix) {
        out.ends.clear();
        out.lexical.clear();
        let width = self.sif_width();
        out.sif_vectors.clear();
        out.sif_vectors.resize(rows.len() * width, 0.0);
        for (at, row) in rows.iter().enumerate() {
            self.extract_row(row, &mut out.sif_vectors[at * width..][..width]);
            out.lexical.extend_from_slice(&self.known);
            out.ends.push(out.lexical.len());
        }
    }

    fn extract_row(&mut self, row: &StudentRow<'_>, sif_vectors: &mut [f32]) {
        let texts = self.vocabulary.texts;
        let dims = sif_vectors.len() / texts;
        self.counted.clear();
        let mut buffer = std::mem::take(&mut self.buffer);
        for (column, text) in row.texts[..texts].iter().enumerate() {
            let mut counter = FeatureCounter::new(column, texts);
            each_leading_word(text.unwrap_or_default(), &mut buffer, |word| {
                let hash = hash_word(word);
                counter.count(hash, &mut self.counted);
                if let Some(sif) = &mut self.sif {
                    sif.add(hash, word, &mut sif_vectors[column * dims..][..dims]);
                }
            });
        }
        self.buffer = buffer;
        if texts > 1 && dims > 0 {
            // The last block is the vector of all texts together.
            let (first, last) = sif_vectors.split_at_mut(dims);
            last.iter_mut().zip(first).for_each(|(l, f)| *l += *f);
        }
        sif_vectors
            .chunks_exact_mut(dims.max(1))
            .for_each(normalize);
        self.weight_features();
    }

    /// Turns the counted features into weighted ones of unit length.
    fn weight_features(&mut self) {
        self.known.clear();
        let positions = &self.vocabulary.positions;
        let known = self.counted.iter();
        self.known
            .extend(known.filter_map(|(feature, count)| Some((*positions.get(feature)?, *count))));
        self.known.sort_unstable_by_key(|(position, _)| *position);
        self.known.dedup_by(|next, first| {
            let same = next.0 == first.0;
            if same {
                first.1 += next.1;
            }
            same
        });
        let mut length = 0.0;
        for (position, count) in &mut self.known {
            *count = (1.0 + count.ln()) * self.vocabulary.weights[*position as usize];
            length += *count * *count;
        }
        let scale = if length > 0.0 {
            1.0 / length.sqrt()
        } else {
            0.0
        };
        self.known.iter_mut().for_each(|(_, value)| *value *= scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use semql_inference::backend::DeterministicBackend;
    use semql_inference::encoding::Identity;
    use semql_inference::models::Tokenizer;

    fn row<'a>(title: Option<&'a str>, text: Option<&'a str>) -> StudentRow<'a> {
        StudentRow {
            texts: [title, text],
            head: title,
        }
    }

    fn extractor(rows: &[StudentRow<'_>]) -> FeatureExtractor {
        let identity = Identity {
            name: "test".into(),
            revision: String::new(),
            variant: String::new(),
        };
        let open =
            || Ok(Box::new(DeterministicBackend) as Box<dyn semql_inference::backend::Backend>);
        let encoder = Encoder::new(identity, 8, None, Tokenizer::words(), Box::new(open));
        FeatureExtractor::new(
            Arc::new(FeatureVocabulary::of(rows, 2)),
            None,
            Arc::new(encoder),
        )
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
