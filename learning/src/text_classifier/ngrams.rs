//! N-grams of the columns of a row: words, pairs of words and character n-grams.

use std::collections::HashMap;

use crate::words::{IdentityBuildHasher, combine_hashes, each_word, hash_word};

/// Lengths of character n-grams, which include the boundaries of the word.
const CHAR_NGRAM_LENGTHS: std::ops::RangeInclusive<usize> = 3..=5;

/// Largest mean length of the texts of a column with character n-grams, in bytes:
/// these help with names, not with prose.
const MAX_CHAR_NGRAM_TEXT: usize = 160;

/// Words of a text that count.
const MAX_WORDS: usize = 1024;

/// Number of rows from which features of a single row are dropped.
const MIN_ROWS_TO_DROP_RARE: usize = 1000;

/// Kinds of features of a column: words, character n-grams.
pub(super) const KINDS: usize = 2;

/// Texts of a row, by column.
pub type RowTexts<'a> = Vec<Option<&'a str>>;

/// Positions in a vocabulary and values, by ascending position. The features of a
/// column and kind together have unit length.
pub type SparseVector = Vec<(u32, f32)>;

/// N-grams of the training rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NgramVocabulary {
    /// By column: whether it has character n-grams.
    pub char_ngrams: Vec<bool>,
    /// Hashes of the features, ascending.
    pub features: Vec<u64>,
    /// By feature: inverse document frequency.
    pub weights: Vec<f32>,
    /// By feature: its column and kind, as column x [`KINDS`] + kind.
    pub blocks: Vec<u8>,
    positions: HashMap<u64, u32, IdentityBuildHasher>,
}

/// Buffers that save allocations from row to row.
#[derive(Default)]
pub struct NgramBuffers {
    word: String,
    bounded: String,
    counted: Vec<(u64, u8)>,
    lengths: Vec<f32>,
}

impl NgramVocabulary {
    /// Vocabulary of `rows` with `columns` columns each.
    pub fn of(rows: &[RowTexts<'_>], columns: usize) -> Self {
        let char_ngrams = (0..columns)
            .map(|column| {
                let texts: Vec<&str> = rows.iter().filter_map(|row| row[column]).collect();
                let bytes: usize = texts.iter().map(|text| text.len()).sum();
                bytes <= MAX_CHAR_NGRAM_TEXT * texts.len()
            })
            .collect();
        let ngrams = Self {
            char_ngrams,
            ..Self::default()
        };
        let mut rows_with: HashMap<u64, (u32, u8), IdentityBuildHasher> = HashMap::default();
        let mut buffers = NgramBuffers::default();
        for row in rows {
            ngrams.count(row, &mut buffers);
            buffers.counted.dedup();
            for (feature, block) in &buffers.counted {
                rows_with.entry(*feature).or_insert((0, *block)).0 += 1;
            }
        }
        let min_rows = if rows.len() >= MIN_ROWS_TO_DROP_RARE {
            2
        } else {
            1
        };
        let mut known: Vec<(u64, u32, u8)> = rows_with
            .into_iter()
            .filter(|(_, (rows, _))| *rows >= min_rows)
            .map(|(feature, (rows, block))| (feature, rows, block))
            .collect();
        known.sort_unstable();
        let all = rows.len() as f32;
        let weight = |rows: u32| ((1.0 + all) / (1.0 + rows as f32)).ln() + 1.0;
        Self::new(
            ngrams.char_ngrams,
            known.iter().map(|(feature, ..)| *feature).collect(),
            known.iter().map(|(_, rows, _)| weight(*rows)).collect(),
            known.iter().map(|(.., block)| *block).collect(),
        )
    }

    /// Vocabulary with these public fields.
    pub fn new(
        char_ngrams: Vec<bool>,
        features: Vec<u64>,
        weights: Vec<f32>,
        blocks: Vec<u8>,
    ) -> Self {
        let positions = features.iter().enumerate();
        Self {
            char_ngrams,
            positions: positions
                .map(|(at, feature)| (*feature, at as u32))
                .collect(),
            features,
            weights,
            blocks,
        }
    }

    /// Number of features.
    pub fn len(&self) -> usize {
        self.features.len()
    }

    /// The features of a row.
    pub fn row(&self, row: &RowTexts<'_>, buffers: &mut NgramBuffers) -> SparseVector {
        self.count(row, buffers);
        let mut sparse: SparseVector = Vec::with_capacity(buffers.counted.len());
        for same in buffers.counted.chunk_by(|a, b| a.0 == b.0) {
            if let Some(position) = self.positions.get(&same[0].0) {
                let count = 1.0 + (same.len() as f32).ln();
                sparse.push((*position, count * self.weights[*position as usize]));
            }
        }
        buffers.lengths.clear();
        buffers.lengths.resize(self.char_ngrams.len() * KINDS, 0.0);
        for (position, value) in &sparse {
            buffers.lengths[self.blocks[*position as usize] as usize] += value * value;
        }
        for (position, value) in &mut sparse {
            *value /= buffers.lengths[self.blocks[*position as usize] as usize].sqrt();
        }
        sparse.sort_unstable_by_key(|(position, _)| *position);
        sparse
    }

    /// Writes every occurrence of a feature in the row, sorted by feature.
    fn count(&self, row: &RowTexts<'_>, buffers: &mut NgramBuffers) {
        let NgramBuffers {
            word,
            bounded,
            counted,
            ..
        } = buffers;
        counted.clear();
        for (column, text) in row.iter().enumerate() {
            let Some(text) = text else { continue };
            let block = (column * KINDS) as u8;
            let (name, char_ngrams) = (
                hash_word("column") ^ column as u64,
                self.char_ngrams[column],
            );
            let (mut before, mut left) = (None, MAX_WORDS);
            each_word(text, word, |word| {
                if left == 0 {
                    return;
                }
                left -= 1;
                let this = hash_word(word);
                counted.push((combine_hashes(name, this), block));
                if let Some(before) = before {
                    let pair = combine_hashes(before, this);
                    counted.push((combine_hashes(name, pair), block));
                }
                before = Some(this);
                if char_ngrams {
                    each_char_ngram(word, bounded, |ngram| {
                        counted.push((combine_hashes(!name, hash_word(ngram)), block + 1))
                    });
                }
            });
        }
        counted.sort_unstable();
    }
}

/// Calls `each` with every character n-gram of ` word `, which it writes to
/// `bounded`.
fn each_char_ngram(word: &str, bounded: &mut String, mut each: impl FnMut(&str)) {
    bounded.clear();
    bounded.extend([" ", word, " "]);
    if word.is_ascii() {
        for length in CHAR_NGRAM_LENGTHS {
            for start in 0..(bounded.len() + 1).saturating_sub(length) {
                each(&bounded[start..start + length]);
            }
        }
        return;
    }
    let ends: Vec<usize> = bounded
        .char_indices()
        .map(|(at, _)| at)
        .chain([bounded.len()])
        .collect();
    for length in CHAR_NGRAM_LENGTHS {
        for ngram in ends.windows(length + 1) {
            each(&bounded[ngram[0]..ngram[length]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn char_ngrams_include_the_boundaries_of_a_word() {
        let mut char_ngrams = Vec::new();
        let mut bounded = String::new();
        each_char_ngram("añb", &mut bounded, |ngram| {
            char_ngrams.push(ngram.to_string())
        });
        assert_eq!(char_ngrams, [" añ", "añb", "ñb ", " añb", "añb ", " añb "]);
        char_ngrams.clear();
        each_char_ngram("a", &mut bounded, |ngram| {
            char_ngrams.push(ngram.to_string())
        });
        assert_eq!(char_ngrams, [" a "]);
        char_ngrams.clear();
        each_char_ngram("abc", &mut bounded, |ngram| {
            char_ngrams.push(ngram.to_string())
        });
        assert_eq!(char_ngrams, [" ab", "abc", "bc ", " abc", "abc ", " abc "]);
    }

    #[test]
    fn columns_have_separate_features_of_unit_length() {
        let rows = vec![
            vec![Some("red shoe"), Some("red")],
            vec![Some("red"), None],
            vec![None, Some("shoe")],
        ];
        let ngrams = NgramVocabulary::of(&rows, 2);
        let mut buffers = NgramBuffers::default();
        let first = ngrams.row(&rows[0], &mut buffers);
        for block in 0..4 {
            let of_block = first
                .iter()
                .filter(|(p, _)| ngrams.blocks[*p as usize] == block);
            let length: f32 = of_block.map(|(_, v)| v * v).sum();
            assert!((length - 1.0).abs() < 1e-6, "{block}: {length}");
        }
        let (second, third) = (
            ngrams.row(&rows[1], &mut buffers),
            ngrams.row(&rows[2], &mut buffers),
        );
        assert!(
            second
                .iter()
                .all(|(p, _)| third.iter().all(|(q, _)| p != q))
        );
        assert!(
            ngrams
                .row(&vec![Some("unseen"), None], &mut buffers)
                .iter()
                .all(|(_, v)| v.is_finite())
        );
    }

    #[test]
    fn prose_has_no_char_ngrams() {
        let prose = "word ".repeat(100);
        let ngrams = NgramVocabulary::of(&[vec![Some("name"), Some(&prose)]], 2);
        assert_eq!(ngrams.char_ngrams, [true, false]);
    }
}
