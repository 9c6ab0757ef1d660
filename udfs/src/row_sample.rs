//! Sample of distinct rows that does not depend on the order of the rows.

use std::collections::BTreeMap;

use twox_hash::XxHash3_128;

use semql_learning::extraction::has_text;

/// Bytes of a text in the sample; models read fewer.
const MAX_TEXT_BYTES: usize = 16 << 10;

/// Hash of the texts of a row.
pub type RowHash = u128;

/// The texts of one row.
pub type RowTexts = Vec<Option<String>>;

/// The rows with the smallest hashes. Hashes are uniformly distributed, so the rows are
/// a random sample, and neither order nor partitions change it.
pub struct RowSample {
    max_rows: usize,
    seed: u64,
    rows: BTreeMap<RowHash, RowTexts>,
    /// Whether rows were left out.
    is_partial: bool,
}

impl RowSample {
    /// An empty sample of up to `max_rows` rows.
    pub fn new(max_rows: usize, seed: u64) -> Self {
        Self {
            max_rows,
            seed,
            rows: BTreeMap::new(),
            is_partial: false,
        }
    }

    /// Adds a row, unless all its texts are NULL or blank.
    pub fn add_row(&mut self, texts: Vec<Option<&str>>) {
        if has_text(&texts) {
            let hash = row_hash(self.seed, &texts);
            self.insert(hash, || {
                texts.into_iter().map(|text| text.map(truncated)).collect()
            });
        }
    }

    fn insert(&mut self, hash: RowHash, texts: impl FnOnce() -> RowTexts) {
        let last = self.rows.last_key_value().map(|(hash, _)| *hash);
        if self.rows.len() >= self.max_rows && last.is_some_and(|last| hash >= last) {
            self.is_partial |= last != Some(hash);
            return;
        }
        self.rows.entry(hash).or_insert_with(texts);
        if self.rows.len() > self.max_rows {
            self.rows.pop_last();
            self.is_partial = true;
        }
    }

    /// Adds the sample of another partition.
    pub fn merge(&mut self, other: Self) {
        self.is_partial |= other.is_partial;
        for (hash, texts) in other.rows {
            self.insert(hash, || texts);
        }
    }

    /// Number of distinct rows: counted if the sample has all of them, else estimated
    /// from the largest hash of the sample.
    pub fn distinct(&self) -> usize {
        match self.rows.last_key_value() {
            Some((last, _)) if self.is_partial => {
                let share = *last as f64 / RowHash::MAX as f64;
                ((self.rows.len() - 1) as f64 / share) as usize
            }
            _ => self.rows.len(),
        }
    }

    /// The first `rows` rows.
    pub fn first(&self, rows: usize) -> Vec<&RowTexts> {
        self.rows.values().take(rows).collect()
    }
}

/// Hash of the texts of a row.
pub fn row_hash(seed: u64, texts: &[Option<&str>]) -> RowHash {
    let mut hasher = XxHash3_128::with_seed(seed);
    for text in texts {
        // The lengths separate the texts from each other, and NULL from ''.
        let length = text.map_or(u64::MAX, |text| text.len() as u64);
        hasher.write(&length.to_le_bytes());
        hasher.write(text.unwrap_or_default().as_bytes());
    }
    hasher.finish_128()
}

fn truncated(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_TEXT_BYTES)].to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(row: usize) -> RowTexts {
        vec![Some(format!("title {row}")), None]
    }

    fn sample(rows: impl Iterator<Item = usize>) -> RowSample {
        let mut sample = RowSample::new(100, 7);
        for row in rows {
            let texts = texts(row);
            let hash = row_hash(sample.seed, &[texts[0].as_deref(), None]);
            sample.insert(hash, || texts);
        }
        sample
    }

    #[test]
    fn neither_order_nor_partitions_change_the_sample() {
        let one = sample(0..5000);
        let mut parts = sample((0..5000).rev().filter(|row| row % 3 == 0));
        parts.merge(sample((0..5000).filter(|row| row % 3 > 0)));
        assert_eq!(one.first(100), parts.first(100));
        assert_eq!(one.distinct(), parts.distinct());
        assert_ne!(row_hash(7, &[Some("a")]), row_hash(8, &[Some("a")]));
    }

    #[test]
    fn distinct_rows_are_counted_or_estimated() {
        assert_eq!(sample((0..50).chain(0..50)).distinct(), 50);
        assert_eq!(sample((0..100).chain(0..100)).distinct(), 100);
        let estimated = sample((0..20_000).chain(0..20_000)).distinct();
        assert!((14_000..26_000).contains(&estimated), "{estimated}");
    }

    #[test]
    fn hashes_separate_adjacent_texts() {
        let hash = |texts: [Option<&str>; 2]| row_hash(0, &texts);
        assert_ne!(hash([Some("ab"), Some("c")]), hash([Some("a"), Some("bc")]));
        assert_ne!(hash([None, Some("a")]), hash([Some("a"), None]));
        assert_eq!(truncated(&"é".repeat(MAX_TEXT_BYTES)).len(), MAX_TEXT_BYTES);
    }
}
