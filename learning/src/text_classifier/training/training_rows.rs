//! Rows with a text and all labels, from which a classifier learns.

use super::super::ngrams::RowTexts;
use super::examples::TrainingExamples;
use semql_inference::{Error, Result};

/// Usable rows of [`TrainingExamples`].
pub struct TrainingRows<'a> {
    pub texts: Vec<RowTexts<'a>>,
    /// By level: the distinct labels, sorted.
    pub labels: Vec<Vec<&'a str>>,
    /// By row and level: the position of the label.
    pub paths: Vec<Vec<u32>>,
    /// By row: a hash of its texts.
    pub hashes: Vec<u64>,
    /// By row: its position in the examples.
    pub positions: Vec<usize>,
}

impl<'a> TrainingRows<'a> {
    /// The rows with a text and all labels.
    ///
    /// # Errors
    /// [`Error::Invalid`] without such rows, or if a level has a single label.
    pub fn new(examples: &'a TrainingExamples) -> Result<Self> {
        let rows = Self::usable(examples);
        if rows.hashes.is_empty() {
            return Err(Error::Invalid(format!(
                "there is nothing to learn from: none of the {} rows has both a label and a text",
                examples.len()
            )));
        }
        for (level, labels) in examples.levels.iter().zip(&rows.labels) {
            if let [only] = labels.as_slice() {
                return Err(Error::Invalid(format!(
                    "there is nothing to tell apart: {level} is '{only}' in all {} rows",
                    rows.len()
                )));
            }
        }
        Ok(rows)
    }

    fn usable(examples: &'a TrainingExamples) -> Self {
        let usable: Vec<usize> = (0..examples.len())
            .filter(|row| {
                examples.labels.iter().all(|labels| labels[*row].is_some())
                    && examples.texts.iter().any(|texts| texts[*row].is_some())
            })
            .collect();
        let mut rows = Self {
            texts: Vec::new(),
            labels: Vec::new(),
            paths: Vec::new(),
            hashes: Vec::new(),
            positions: Vec::new(),
        };
        for labels in &examples.labels {
            let mut distinct: Vec<&str> = usable
                .iter()
                .filter_map(|row| labels[*row].as_deref())
                .collect();
            distinct.sort_unstable();
            distinct.dedup();
            rows.labels.push(distinct);
        }
        for row in usable {
            let texts = examples.row(row);
            let labels = examples.labels.iter().zip(&rows.labels);
            let path = labels.map(|(labels, distinct)| {
                let label = labels[row].as_deref().unwrap_or_default();
                distinct.binary_search(&label).unwrap_or_default() as u32
            });
            rows.paths.push(path.collect());
            rows.hashes.push(hash_texts(&texts));
            rows.texts.push(texts);
            rows.positions.push(row);
        }
        rows
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Hash of texts and labels, which does not depend on the order of the rows.
    pub fn fingerprint(&self) -> String {
        let mut rows: Vec<(u64, Vec<&str>)> = self
            .hashes
            .iter()
            .zip(&self.paths)
            .map(|(hash, path)| {
                let labels = path.iter().zip(&self.labels);
                let labels = labels.map(|(label, all)| all[*label as usize]);
                (*hash, labels.collect())
            })
            .collect();
        rows.sort_unstable();
        let mut hasher = blake3::Hasher::new();
        for (hash, labels) in rows {
            hasher.update(&hash.to_le_bytes());
            for label in labels {
                hasher.update(&(label.len() as u64).to_le_bytes());
                hasher.update(label.as_bytes());
            }
        }
        hasher.finalize().to_hex()[..32].to_string()
    }
}

fn hash_texts(texts: &RowTexts<'_>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for text in texts {
        let length = text.map_or(u64::MAX, |text| text.len() as u64);
        hasher.update(&length.to_le_bytes());
        hasher.update(text.unwrap_or_default().as_bytes());
    }
    let mut hash = [0; 8];
    hash.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(hash)
}
