//! What a trained classifier sees of a row: which words, pairs of words and
//! runs of letters each of its columns has.

use std::collections::HashMap;

use crate::words::{Numbered, each_word, number, pair};

/// Letters in a run, from and to, the ends of the word counted as letters.
const RUNS: std::ops::RangeInclusive<usize> = 3..=5;

/// Columns whose texts are longer in the mean (in bytes) are seen by their
/// words alone: runs of letters help with names, not with prose.
const LONG_TEXT: usize = 160;

/// Words of a text that count.
const MOST_WORDS: usize = 1024;

/// In so many rows or more, a feature that one row alone has is left out.
const MANY_ROWS: usize = 1000;

/// Words and runs of each column are told apart.
pub(super) const KINDS: usize = 2;

/// The columns of one row.
pub type Columns<'a> = Vec<Option<&'a str>>;

/// A row as positions in the vocabulary and values, in the positions' order.
/// The features of each column and kind have unit length together.
pub type Sparse = Vec<(u32, f32)>;

/// The features that were seen in training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ngrams {
    /// Per column, whether its runs of letters count.
    pub runs: Vec<bool>,
    /// The number of each feature, in order.
    pub features: Vec<u64>,
    /// Per feature, how telling it is.
    pub weights: Vec<f32>,
    /// Per feature, of which column and kind it is.
    pub blocks: Vec<u8>,
    positions: HashMap<u64, u32, Numbered>,
}

/// What saves allocations from row to row.
#[derive(Default)]
pub struct Buffers {
    word: String,
    bounded: String,
    counted: Vec<(u64, u8)>,
    lengths: Vec<f32>,
}

impl Ngrams {
    /// The features of `rows`, each with `columns` columns.
    pub fn of(rows: &[Columns<'_>], columns: usize) -> Self {
        let runs = (0..columns)
            .map(|column| {
                let texts: Vec<&str> = rows.iter().filter_map(|row| row[column]).collect();
                let bytes: usize = texts.iter().map(|text| text.len()).sum();
                bytes <= LONG_TEXT * texts.len()
            })
            .collect();
        let ngrams = Self {
            runs,
            ..Self::default()
        };
        let mut rows_with: HashMap<u64, (u32, u8), Numbered> = HashMap::default();
        let mut buffers = Buffers::default();
        for row in rows {
            ngrams.count(row, &mut buffers);
            buffers.counted.dedup();
            for (feature, block) in &buffers.counted {
                rows_with.entry(*feature).or_insert((0, *block)).0 += 1;
            }
        }
        let least = if rows.len() >= MANY_ROWS { 2 } else { 1 };
        let mut known: Vec<(u64, u32, u8)> = rows_with
            .into_iter()
            .filter(|(_, (rows, _))| *rows >= least)
            .map(|(feature, (rows, block))| (feature, rows, block))
            .collect();
        known.sort_unstable();
        let all = rows.len() as f32;
        let weight = |rows: u32| ((1.0 + all) / (1.0 + rows as f32)).ln() + 1.0;
        Self::new(
            ngrams.runs,
            known.iter().map(|(feature, ..)| *feature).collect(),
            known.iter().map(|(_, rows, _)| weight(*rows)).collect(),
            known.iter().map(|(.., block)| *block).collect(),
        )
    }

    /// Of the lists that make it up.
    pub fn new(runs: Vec<bool>, features: Vec<u64>, weights: Vec<f32>, blocks: Vec<u8>) -> Self {
        let positions = features.iter().enumerate();
        Self {
            runs,
            positions: positions
                .map(|(at, feature)| (*feature, at as u32))
                .collect(),
            features,
            weights,
            blocks,
        }
    }

    pub fn len(&self) -> usize {
        self.features.len()
    }

    /// The features of a row.
    pub fn row(&self, row: &Columns<'_>, buffers: &mut Buffers) -> Sparse {
        self.count(row, buffers);
        let mut sparse: Sparse = Vec::with_capacity(buffers.counted.len());
        for same in buffers.counted.chunk_by(|a, b| a.0 == b.0) {
            if let Some(position) = self.positions.get(&same[0].0) {
                let count = 1.0 + (same.len() as f32).ln();
                sparse.push((*position, count * self.weights[*position as usize]));
            }
        }
        buffers.lengths.clear();
        buffers.lengths.resize(self.runs.len() * KINDS, 0.0);
        for (position, value) in &sparse {
            buffers.lengths[self.blocks[*position as usize] as usize] += value * value;
        }
        for (position, value) in &mut sparse {
            *value /= buffers.lengths[self.blocks[*position as usize] as usize].sqrt();
        }
        sparse.sort_unstable_by_key(|(position, _)| *position);
        sparse
    }

    /// Every feature of the row as often as it is there, equal ones together.
    fn count(&self, row: &Columns<'_>, buffers: &mut Buffers) {
        let Buffers {
            word,
            bounded,
            counted,
            ..
        } = buffers;
        counted.clear();
        for (column, text) in row.iter().enumerate() {
            let Some(text) = text else { continue };
            let block = (column * KINDS) as u8;
            let (name, runs) = (number("column") ^ column as u64, self.runs[column]);
            let (mut before, mut left) = (None, MOST_WORDS);
            each_word(text, word, |word| {
                if left == 0 {
                    return;
                }
                left -= 1;
                let this = number(word);
                counted.push((pair(name, this), block));
                if let Some(before) = before {
                    counted.push((pair(name, pair(before, this)), block));
                }
                before = Some(this);
                if runs {
                    each_run(word, bounded, |run| {
                        counted.push((pair(!name, number(run)), block + 1))
                    });
                }
            });
        }
        counted.sort_unstable();
    }
}

/// Every run of letters of ` word `, which is written to `bounded`.
fn each_run(word: &str, bounded: &mut String, mut each: impl FnMut(&str)) {
    bounded.clear();
    bounded.extend([" ", word, " "]);
    if word.is_ascii() {
        for length in RUNS {
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
    for length in RUNS {
        for run in ends.windows(length + 1) {
            each(&bounded[run[0]..run[length]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_go_over_the_ends_of_a_word() {
        let mut runs = Vec::new();
        let mut bounded = String::new();
        each_run("añb", &mut bounded, |run| runs.push(run.to_string()));
        assert_eq!(runs, [" añ", "añb", "ñb ", " añb", "añb ", " añb "]);
        runs.clear();
        each_run("a", &mut bounded, |run| runs.push(run.to_string()));
        assert_eq!(runs, [" a "]);
        runs.clear();
        each_run("abc", &mut bounded, |run| runs.push(run.to_string()));
        assert_eq!(runs, [" ab", "abc", "bc ", " abc", "abc ", " abc "]);
    }

    #[test]
    fn columns_are_told_apart_and_each_has_unit_length() {
        let rows = vec![
            vec![Some("red shoe"), Some("red")],
            vec![Some("red"), None],
            vec![None, Some("shoe")],
        ];
        let ngrams = Ngrams::of(&rows, 2);
        let mut buffers = Buffers::default();
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
    fn prose_has_no_runs() {
        let prose = "word ".repeat(100);
        let ngrams = Ngrams::of(&[vec![Some("name"), Some(&prose)]], 2);
        assert_eq!(ngrams.runs, [true, false]);
    }
}
