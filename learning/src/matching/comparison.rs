//! Records that are compared with each other.

use super::facts::{RecordFacts, record_facts};
use super::pair_features::{ComparedRecord, PairFeatures, pair_features};
use super::record::ProductRecord;
use super::vectors::RecordVectors;
use super::word_weights::WordWeights;
use semql_inference::Result;

/// Records with all that their pairs are compared by.
#[derive(Debug)]
pub struct Comparison {
    pub facts: Vec<RecordFacts>,
    pub vectors: RecordVectors,
    pub weights: WordWeights,
    prices: Vec<Option<f64>>,
}

impl Comparison {
    /// # Errors
    /// [`Error::Interrupted`](semql_inference::Error::Interrupted) once `is_cancelled`
    /// returns true.
    pub fn new(
        records: &[ProductRecord<'_>],
        vectors: RecordVectors,
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self> {
        let facts = record_facts(records, is_cancelled)?;
        Ok(Self {
            weights: WordWeights::of(&facts),
            facts,
            vectors,
            prices: records.iter().map(ProductRecord::valid_price).collect(),
        })
    }

    /// The features of two records, in any order.
    pub fn features(&self, a: u32, b: u32) -> PairFeatures {
        let similarity = self.vectors.similarity(a as usize, b as usize);
        pair_features(self.record(a), self.record(b), similarity, &self.weights)
    }

    /// Bytes on the heap, about.
    pub fn heap_bytes(&self) -> usize {
        let facts: usize = self.facts.iter().map(RecordFacts::heap_bytes).sum();
        let records = self.facts.len() * (size_of::<RecordFacts>() + size_of::<Option<f64>>());
        facts + records + self.vectors.heap_bytes() + self.weights.heap_bytes()
    }

    fn record(&self, record: u32) -> ComparedRecord<'_> {
        ComparedRecord {
            facts: &self.facts[record as usize],
            price: self.prices[record as usize],
        }
    }
}
