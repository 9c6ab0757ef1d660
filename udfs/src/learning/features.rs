//! What a student sees of a row: which words it has, and roughly what they mean.

use std::collections::HashMap;
use std::sync::Arc;

use super::meanings::{Frequencies, Meanings, each_counted};
use super::token_vectors::TokenVectors;
use crate::inference::Encoder;
use crate::vector::normalize;
use crate::words::{Numbered, number, pair};

/// Texts in a row, at most.
pub const TEXTS: usize = 2;

/// Sets the words of a title apart from those of a text.
const TITLE: u64 = 0x7469_746C_6500_0001;

/// What a row has to read.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// A title and a text, or a text alone.
    pub texts: [Option<&'a str>; TEXTS],
    /// The text whose words may name a label.
    pub head: Option<&'a str>,
}

impl Row<'_> {
    pub fn is_blank(&self) -> bool {
        self.texts.iter().all(Option::is_none)
    }
}

/// The words and pairs of words that a sample has more than once.
#[derive(Default)]
pub struct Vocabulary {
    /// Texts in a row.
    texts: usize,
    positions: HashMap<u64, u32, Numbered>,
    /// Per position, how telling it is: the rarer, the more.
    weights: Vec<f32>,
    /// Of the words of the sample.
    frequencies: Arc<Frequencies>,
}

impl Vocabulary {
    /// Of rows with `texts` texts.
    pub fn of(rows: &[Row<'_>], texts: usize) -> Self {
        let mut rows_with: HashMap<u64, u32, Numbered> = HashMap::default();
        let mut words: HashMap<u64, u32, Numbered> = HashMap::default();
        let (mut counted, mut buffer, mut all) = (Vec::new(), String::new(), 0);
        for row in rows {
            counted.clear();
            for (place, text) in row.texts[..texts].iter().enumerate() {
                let mut counter = Counter::new(place, texts);
                each_counted(text.unwrap_or_default(), &mut buffer, |word| {
                    let word = number(word);
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
        // What one row alone has says nothing of another. In order, so that
        // sums come out the same in every process.
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

    pub fn len(&self) -> usize {
        self.weights.len()
    }
}

/// Counts the features of one text.
struct Counter {
    title: bool,
    weight: f32,
    before: Option<u64>,
}

impl Counter {
    fn new(place: usize, texts: usize) -> Self {
        let title = place == 0 && texts > 1;
        Self {
            title,
            weight: if title { 2.0 } else { 1.0 },
            before: None,
        }
    }

    fn count(&mut self, word: u64, out: &mut Vec<(u64, f32)>) {
        out.push((word, self.weight));
        if self.title {
            out.push((pair(TITLE, word), 1.0));
        }
        if let Some(before) = self.before {
            out.push((pair(before, word), 1.0));
        }
        self.before = Some(word);
    }
}

/// The features of some rows.
#[derive(Default)]
pub struct Features {
    /// Per row, where its entries in `lexical` end.
    pub ends: Vec<usize>,
    /// Positions in the vocabulary and values; of unit length per row.
    pub lexical: Vec<(u32, f32)>,
    /// Rows x meanings: unit vectors of what the words mean.
    pub meanings: Vec<f32>,
}

impl Features {
    pub fn lexical_of(&self, row: usize) -> &[(u32, f32)] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.lexical[start..self.ends[row]]
    }
}

/// Works features out, one thread each.
pub struct Extractor {
    vocabulary: Arc<Vocabulary>,
    /// `None` for a model without a vocabulary.
    meanings: Option<Meanings>,
    buffer: String,
    counted: Vec<(u64, f32)>,
    known: Vec<(u32, f32)>,
}

impl Extractor {
    pub fn new(
        vocabulary: Arc<Vocabulary>,
        tokens: Option<Arc<TokenVectors>>,
        encoder: Arc<Encoder>,
    ) -> Self {
        let frequencies = Arc::clone(&vocabulary.frequencies);
        Self {
            vocabulary,
            meanings: tokens.map(|tokens| Meanings::new(tokens, encoder, frequencies)),
            buffer: String::new(),
            counted: Vec::new(),
            known: Vec::new(),
        }
    }

    /// Values in one row of [`Features::meanings`].
    pub fn meanings(&self) -> usize {
        self.meanings.as_ref().map_or(0, Meanings::dims) * self.vocabulary.texts
    }

    /// The features of `rows`, in `out`.
    pub fn extract(&mut self, rows: &[Row<'_>], out: &mut Features) {
        out.ends.clear();
        out.lexical.clear();
        out.meanings.clear();
        out.meanings.resize(rows.len() * self.meanings(), 0.0);
        let width = self.meanings();
        for (at, row) in rows.iter().enumerate() {
            self.row(row, &mut out.meanings[at * width..][..width]);
            out.lexical.extend_from_slice(&self.known);
            out.ends.push(out.lexical.len());
        }
    }

    fn row(&mut self, row: &Row<'_>, meanings: &mut [f32]) {
        let texts = self.vocabulary.texts;
        let dims = meanings.len() / texts;
        self.counted.clear();
        let mut buffer = std::mem::take(&mut self.buffer);
        for (place, text) in row.texts[..texts].iter().enumerate() {
            let mut counter = Counter::new(place, texts);
            each_counted(text.unwrap_or_default(), &mut buffer, |word| {
                let name = number(word);
                counter.count(name, &mut self.counted);
                if let Some(of_words) = &mut self.meanings {
                    of_words.add(name, word, &mut meanings[place * dims..][..dims]);
                }
            });
        }
        self.buffer = buffer;
        if texts > 1 && dims > 0 {
            // The last is of all the texts together.
            let (first, last) = meanings.split_at_mut(dims);
            last.iter_mut().zip(first).for_each(|(l, f)| *l += *f);
        }
        meanings.chunks_exact_mut(dims.max(1)).for_each(normalize);
        self.weigh();
    }

    /// Makes of what was counted what is known, of unit length.
    fn weigh(&mut self) {
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
    use crate::backend::Deterministic;
    use crate::inference::Identity;
    use crate::models::Tokenizer;

    fn row<'a>(title: Option<&'a str>, text: Option<&'a str>) -> Row<'a> {
        Row {
            texts: [title, text],
            head: title,
        }
    }

    fn extractor(rows: &[Row<'_>]) -> Extractor {
        let identity = Identity {
            name: "test".into(),
            revision: String::new(),
            form: String::new(),
        };
        let open = || Ok(Box::new(Deterministic) as Box<dyn crate::backend::Backend>);
        let encoder = Encoder::new(identity, 8, None, Tokenizer::words(), Box::new(open));
        Extractor::new(Arc::new(Vocabulary::of(rows, 2)), None, Arc::new(encoder))
    }

    #[test]
    fn only_what_several_rows_have_is_a_feature() {
        let rows = [
            row(Some("red shoe"), Some("fine")),
            row(Some("red hat"), None),
            row(None, Some("red")),
        ];
        let mut extractor = extractor(&rows);
        // "red" in any text, and "red" in a title.
        assert_eq!(extractor.vocabulary.len(), 2);
        let mut features = Features::default();
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
    fn a_title_and_a_text_are_not_the_same() {
        let rows = [
            row(Some("red"), None),
            row(Some("red"), None),
            row(None, Some("red")),
        ];
        let mut extractor = extractor(&rows);
        let mut features = Features::default();
        extractor.extract(&rows, &mut features);
        assert_eq!(features.lexical_of(0), features.lexical_of(1));
        assert_ne!(features.lexical_of(0), features.lexical_of(2));
    }
}
