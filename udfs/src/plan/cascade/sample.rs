//! A sample of distinct rows that is the same however the rows come.

use std::collections::BTreeMap;

use twox_hash::XxHash3_128;

use crate::functions::Call;
use crate::learning::TEXTS;

/// Bytes of a text that are kept for the sample; models read less.
const MOST_BYTES: usize = 16 << 10;

/// What names a row: a hash of its texts.
pub type Name = u128;

/// The texts of one row.
pub type Texts = [Option<String>; TEXTS];

/// The rows with the least names. Names are as good as random, so these rows
/// are as good as drawn, and neither order nor partitions change them.
pub struct Sample {
    most: usize,
    seed: u64,
    rows: BTreeMap<Name, Texts>,
    /// Whether rows were left out.
    full: bool,
}

impl Sample {
    /// Of `most` rows at most.
    pub fn new(most: usize, seed: u64) -> Self {
        Self {
            most,
            seed,
            rows: BTreeMap::new(),
            full: false,
        }
    }

    /// Looks at the rows of a call.
    pub fn look(&mut self, call: &Call) {
        for row in 0..call.rows {
            let text =
                |argument| (argument < call.texts.len()).then(|| call.text(argument, row))?;
            let texts: [Option<&str>; TEXTS] = std::array::from_fn(text);
            if texts.iter().any(Option::is_some) {
                let name = self.name(&texts);
                self.offer(name, || texts.map(|text| text.map(cut)));
            }
        }
    }

    fn name(&self, texts: &[Option<&str>]) -> Name {
        let mut hasher = XxHash3_128::with_seed(self.seed);
        for text in texts {
            // Where one text ends and the next begins counts, and so does NULL.
            let length = text.map_or(u64::MAX, |text| text.len() as u64);
            hasher.write(&length.to_le_bytes());
            hasher.write(text.unwrap_or_default().as_bytes());
        }
        hasher.finish_128()
    }

    fn offer(&mut self, name: Name, texts: impl FnOnce() -> Texts) {
        let last = self.rows.last_key_value().map(|(name, _)| *name);
        if self.rows.len() >= self.most && last.is_some_and(|last| name >= last) {
            self.full |= last != Some(name);
            return;
        }
        self.rows.entry(name).or_insert_with(texts);
        if self.rows.len() > self.most {
            self.rows.pop_last();
            self.full = true;
        }
    }

    /// Takes in what another part of the rows has.
    pub fn merge(&mut self, other: Self) {
        self.full |= other.full;
        for (name, texts) in other.rows {
            self.offer(name, || texts);
        }
    }

    /// How many distinct rows there are: counted where the sample has them
    /// all, else judged by how close together the sample's names lie.
    pub fn distinct(&self) -> usize {
        match self.rows.last_key_value() {
            Some((last, _)) if self.full => {
                let share = *last as f64 / Name::MAX as f64;
                ((self.rows.len() - 1) as f64 / share) as usize
            }
            _ => self.rows.len(),
        }
    }

    /// The first `rows` rows.
    pub fn first(&self, rows: usize) -> Vec<&Texts> {
        self.rows.values().take(rows).collect()
    }
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(MOST_BYTES)].to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(row: usize) -> Texts {
        [Some(format!("title {row}")), None]
    }

    fn sample(rows: impl Iterator<Item = usize>) -> Sample {
        let mut sample = Sample::new(100, 7);
        for row in rows {
            let texts = texts(row);
            let name = sample.name(&[texts[0].as_deref(), None]);
            sample.offer(name, || texts);
        }
        sample
    }

    #[test]
    fn neither_order_nor_partitions_change_it() {
        let one = sample(0..5000);
        let mut parts = sample((0..5000).rev().filter(|row| row % 3 == 0));
        parts.merge(sample((0..5000).filter(|row| row % 3 > 0)));
        assert_eq!(one.first(100), parts.first(100));
        assert_eq!(one.distinct(), parts.distinct());
        let other = Sample::new(100, 8);
        assert_ne!(one.name(&[Some("a")]), other.name(&[Some("a")]));
    }

    #[test]
    fn distinct_rows_are_counted_while_they_fit_and_judged_beyond() {
        assert_eq!(sample((0..50).chain(0..50)).distinct(), 50);
        assert_eq!(sample((0..100).chain(0..100)).distinct(), 100);
        let judged = sample((0..20_000).chain(0..20_000)).distinct();
        assert!((14_000..26_000).contains(&judged), "{judged}");
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        let sample = Sample::new(1, 0);
        assert_ne!(
            sample.name(&[Some("ab"), Some("c")]),
            sample.name(&[Some("a"), Some("bc")])
        );
        assert_ne!(
            sample.name(&[None, Some("a")]),
            sample.name(&[Some("a"), None])
        );
        assert_eq!(cut(&"é".repeat(MOST_BYTES)).len(), MOST_BYTES);
    }
}
