//! Bytes of an extractor: a header in JSON, and numbers in little-endian order.

use half::f16;
use serde::{Deserialize, Serialize};

use super::boosting::{DEPTH, Forest, LEAVES, ObliviousTree};
use super::candidates::VALUE_FEATURES;
use super::context::{Context, ContextVocabulary, ContextWord};
use super::core::{ExtractorCore, label_sets};
use super::crf::{Weights, label_count};
use super::feature_index::FeatureIndex;
use super::lexicon::{LexiconEntry, ValueLexicon};
use super::metadata::ExtractorMetadata;
use super::ranking::ValueRanking;
use super::tokens::WordSplits;
use super::trained_extractor::TrainedExtractor;
use crate::binary::{take, take_numbers};

/// Largest size of a header.
const MAX_HEADER_BYTES: usize = 64 << 20;

/// Most attributes of an extractor.
pub const MAX_ATTRIBUTES: usize = 500;

/// Most pairs of labels in the label sets of all contexts, which bounds memory.
const MAX_LABEL_PAIRS: usize = 1 << 24;

#[derive(Serialize, Deserialize)]
struct Header {
    metadata: ExtractorMetadata,
    threshold: f32,
    /// Trees of the ranking.
    trees: usize,
    splits: WordSplits,
    contexts: Vec<HeaderContext>,
    /// Numbers of each kind in the body.
    features: usize,
    weights: usize,
    lexicon: usize,
    lexicon_attributes: usize,
    beginnings: usize,
    context_words: usize,
}

#[derive(Serialize, Deserialize)]
struct HeaderContext {
    hash: u64,
    rows: u32,
    labelled: Vec<u32>,
}

impl TrainedExtractor {
    /// The extractor as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let core = &self.core;
        let (entries, beginnings) = (core.lexicon.entries(), core.lexicon.beginnings());
        let words = core.contexts.words();
        let context = |context: &Context| HeaderContext {
            hash: context.hash,
            rows: context.rows,
            labelled: context.labelled.clone(),
        };
        let header = Header {
            metadata: self.metadata.clone(),
            threshold: self.threshold,
            trees: self.ranking.forest.trees.len(),
            splits: core.splits,
            contexts: core.contexts.contexts.iter().map(context).collect(),
            features: core.index.hashes().len(),
            weights: core.weights.labels.len(),
            lexicon: entries.len(),
            lexicon_attributes: entries
                .iter()
                .map(|(_, entry)| entry.attributes.len())
                .sum(),
            beginnings: beginnings.len(),
            context_words: words.len(),
        };
        // Strings, numbers and lists always have a JSON form.
        let header = serde_json::to_vec(&header).unwrap_or_default();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        let weights = &core.weights;
        bytes.extend(core.index.hashes().iter().flat_map(|v| v.to_le_bytes()));
        bytes.extend(weights.offsets.iter().flat_map(|v| v.to_le_bytes()));
        bytes.extend(weights.labels.iter().flat_map(|v| v.to_le_bytes()));
        // The weights have the precision of `f16`.
        bytes.extend(
            weights
                .values
                .iter()
                .flat_map(|v| f16::from_f32(*v).to_le_bytes()),
        );
        bytes.extend(weights.transitions.iter().flat_map(|v| v.to_le_bytes()));
        bytes.extend(entries.iter().flat_map(|(key, _)| key.to_le_bytes()));
        bytes.extend(
            entries
                .iter()
                .flat_map(|(_, entry)| entry.occurrences.to_le_bytes()),
        );
        let lengths = entries
            .iter()
            .map(|(_, entry)| entry.attributes.len() as u16);
        bytes.extend(lengths.flat_map(u16::to_le_bytes));
        let attributes = || entries.iter().flat_map(|(_, entry)| &entry.attributes);
        bytes.extend(attributes().flat_map(|(attribute, _)| attribute.to_le_bytes()));
        bytes.extend(attributes().flat_map(|(_, groups)| groups.to_le_bytes()));
        bytes.extend(beginnings.iter().flat_map(|v| v.to_le_bytes()));
        bytes.extend(words.iter().flat_map(|(word, ..)| word.to_le_bytes()));
        bytes.extend(
            words
                .iter()
                .flat_map(|(_, context, _)| context.to_le_bytes()),
        );
        bytes.extend(words.iter().flat_map(|(.., rows)| rows.to_le_bytes()));
        bytes.extend(core.rates.iter().flatten().flat_map(|v| v.to_le_bytes()));
        for tree in &self.ranking.forest.trees {
            bytes.extend(
                tree.splits
                    .iter()
                    .flat_map(|(feature, _)| feature.to_le_bytes()),
            );
            bytes.extend(
                tree.splits
                    .iter()
                    .flat_map(|(_, threshold)| threshold.to_le_bytes()),
            );
            bytes.extend(tree.leaves.iter().flat_map(|v| v.to_le_bytes()));
        }
        bytes
    }

    /// The extractor in such bytes; `None` if any number of them is invalid.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let length = u64::from_le_bytes(*take(&mut bytes, 8)?.first_chunk()?);
        let length = usize::try_from(length)
            .ok()
            .filter(|it| *it <= MAX_HEADER_BYTES)?;
        let header: Header = serde_json::from_slice(take(&mut bytes, length)?).ok()?;
        if !header.is_consistent() {
            return None;
        }
        let attributes = header.metadata.attributes.len();
        let hashes = take_numbers(&mut bytes, header.features, u64::from_le_bytes)?;
        let weights = read_weights(&mut bytes, &header)?;
        let lexicon = read_lexicon(&mut bytes, &header)?;
        let contexts = read_contexts(&mut bytes, &header)?;
        let rates = read_rates(&mut bytes, &header)?;
        let forest = read_forest(&mut bytes, &header)?;
        let index = FeatureIndex::from_hashes(hashes);
        // Equal hashes would leave features without a position.
        let is_distinct = index.hashes().len() == header.features;
        let sets = label_sets(attributes, &contexts);
        let pairs: usize = sets.iter().map(|set| set.len() * set.len()).sum();
        if !bytes.is_empty() || !is_distinct || pairs > MAX_LABEL_PAIRS {
            return None;
        }
        let core = ExtractorCore {
            attributes,
            splits: header.splits,
            lexicon,
            index,
            weights,
            contexts,
            rates,
        };
        let ranking = ValueRanking { forest };
        Some(Self::new(header.metadata, core, ranking, header.threshold))
    }
}

impl Header {
    fn is_consistent(&self) -> bool {
        let attributes = self.metadata.attributes.len();
        (1..=MAX_ATTRIBUTES).contains(&attributes)
            && u32::try_from(self.features).is_ok()
            && u32::try_from(self.weights).is_ok()
            && (0.0..=1.0).contains(&self.threshold)
            && self
                .metadata
                .columns
                .iter()
                .any(|column| !column.is_context)
            && self
                .contexts
                .iter()
                .all(|context| context.labelled.len() == attributes)
    }
}

fn read_weights(bytes: &mut &[u8], header: &Header) -> Option<Weights> {
    let attributes = header.metadata.attributes.len();
    let all = label_count(attributes);
    let offsets = take_numbers(bytes, header.features.checked_add(1)?, u32::from_le_bytes)?;
    let labels = take_numbers(bytes, header.weights, u16::from_le_bytes)?;
    let values = take_numbers(bytes, header.weights, f16::from_le_bytes)?;
    let values: Vec<f32> = values.into_iter().map(f16::to_f32).collect();
    let transitions = take_numbers(bytes, all * all, f32::from_le_bytes)?;
    let ends = (offsets.first(), offsets.last().map(|end| *end as usize));
    let is_valid = ends == (Some(&0), Some(header.weights))
        && offsets.windows(2).all(|pair| pair[0] <= pair[1])
        && labels.iter().all(|label| usize::from(*label) < all)
        && values
            .iter()
            .chain(&transitions)
            .all(|value| value.is_finite());
    is_valid.then_some(Weights {
        attributes,
        offsets,
        labels,
        values,
        transitions,
    })
}

fn read_lexicon(bytes: &mut &[u8], header: &Header) -> Option<ValueLexicon> {
    let attributes = header.metadata.attributes.len();
    let keys = take_numbers(bytes, header.lexicon, u64::from_le_bytes)?;
    let occurrences = take_numbers(bytes, header.lexicon, u32::from_le_bytes)?;
    let lengths = take_numbers(bytes, header.lexicon, u16::from_le_bytes)?;
    let of_keys = take_numbers(bytes, header.lexicon_attributes, u16::from_le_bytes)?;
    let groups = take_numbers(bytes, header.lexicon_attributes, u32::from_le_bytes)?;
    let beginnings = take_numbers(bytes, header.beginnings, u64::from_le_bytes)?;
    let total: usize = lengths.iter().map(|length| usize::from(*length)).sum();
    if total != of_keys.len() || of_keys.iter().any(|at| usize::from(*at) >= attributes) {
        return None;
    }
    let mut pairs = of_keys.into_iter().zip(groups);
    let entries = keys.into_iter().zip(occurrences).zip(lengths);
    let entries = entries.map(|((key, occurrences), length)| {
        let attributes = pairs.by_ref().take(usize::from(length)).collect();
        let entry = LexiconEntry {
            occurrences,
            attributes,
        };
        (key, entry)
    });
    Some(ValueLexicon::from_parts(entries, beginnings))
}

fn read_contexts(bytes: &mut &[u8], header: &Header) -> Option<ContextVocabulary> {
    let words = take_numbers(bytes, header.context_words, u64::from_le_bytes)?;
    let of_words = take_numbers(bytes, header.context_words, u32::from_le_bytes)?;
    let rows = take_numbers(bytes, header.context_words, u32::from_le_bytes)?;
    if of_words
        .iter()
        .any(|at| *at as usize >= header.contexts.len())
    {
        return None;
    }
    let words = words.into_iter().zip(of_words).zip(rows);
    let words = words.map(|((word, at), rows)| -> ContextWord { (word, at, rows) });
    let contexts = header.contexts.iter().map(|context| Context {
        hash: context.hash,
        rows: context.rows,
        labelled: context.labelled.clone(),
    });
    Some(ContextVocabulary::from_parts(contexts.collect(), words))
}

/// By label set and attribute.
fn read_rates(bytes: &mut &[u8], header: &Header) -> Option<Vec<Vec<f32>>> {
    let (attributes, sets) = (header.metadata.attributes.len(), header.contexts.len() + 1);
    let rates = take_numbers(bytes, attributes.checked_mul(sets)?, f32::from_le_bytes)?;
    let is_valid = rates.iter().all(|rate| rate.is_finite());
    is_valid.then(|| rates.chunks(attributes).map(<[f32]>::to_vec).collect())
}

fn read_forest(bytes: &mut &[u8], header: &Header) -> Option<Forest> {
    let mut forest = Forest::default();
    for _ in 0..header.trees {
        let features = take_numbers(bytes, DEPTH, u16::from_le_bytes)?;
        let thresholds = take_numbers(bytes, DEPTH, f32::from_le_bytes)?;
        let leaves = take_numbers(bytes, LEAVES, f32::from_le_bytes)?;
        let is_valid = features
            .iter()
            .all(|feature| usize::from(*feature) < VALUE_FEATURES)
            && thresholds
                .iter()
                .chain(&leaves)
                .all(|value| value.is_finite());
        if !is_valid {
            return None;
        }
        let splits: Vec<(u16, f32)> = features.into_iter().zip(thresholds).collect();
        forest.trees.push(ObliviousTree {
            splits: splits.try_into().ok()?,
            leaves: leaves.try_into().ok()?,
        });
    }
    Some(forest)
}

#[cfg(test)]
mod tests {
    use super::super::test_rows::products;
    use super::super::training::train_extractor;
    use super::*;
    use crate::extraction::extractor::Extractor;

    #[test]
    fn bytes_give_the_same_extractor_and_damaged_bytes_none() {
        let trained =
            train_extractor("a", &products(60), &Default::default(), None, &|| false).unwrap();
        let bytes = trained.to_bytes();
        let back = TrainedExtractor::from_bytes(&bytes).unwrap();
        assert_eq!(back.metadata, trained.metadata);
        assert_eq!(back.core, trained.core);
        let rows = [vec![Some("Acme red shirt")]];
        let spans = |of: &TrainedExtractor| of.extract(&rows, &|| false).unwrap();
        assert_eq!(spans(&back), spans(&trained));
        for length in (0..bytes.len()).step_by(bytes.len() / 50) {
            assert!(TrainedExtractor::from_bytes(&bytes[..length]).is_none());
        }
        let mut refused = 0;
        for at in (0..bytes.len() - 4).step_by(bytes.len() / 300) {
            let mut damaged = bytes.clone();
            damaged[at..at + 4].copy_from_slice(&[0xff; 4]);
            // Whatever is accepted must work.
            match TrainedExtractor::from_bytes(&damaged) {
                Some(other) => drop(other.extract(&rows, &|| false)),
                None => refused += 1,
            }
        }
        assert!(refused > 50, "{refused}");
    }
}
