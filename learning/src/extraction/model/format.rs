//! Bytes of an extractor: a header in JSON, and numbers in little-endian order.

use serde::{Deserialize, Serialize};

use super::context::ContextVocabulary;
use super::core::{ExtractorCore, label_sets};
use super::crf::{Weights, label_count};
use super::feature_index::FeatureIndex;
use super::lexicon::ValueLexicon;
use super::metadata::ExtractorMetadata;
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
    threshold: f64,
    features: usize,
    weights: usize,
    lexicon: usize,
    contexts: Vec<(u64, Vec<u32>)>,
}

impl TrainedExtractor {
    /// The extractor as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (core, entries) = (&self.core, self.core.lexicon.entries());
        let header = Header {
            metadata: self.metadata.clone(),
            threshold: self.threshold,
            features: core.index.hashes().len(),
            weights: core.weights.labels.len(),
            lexicon: entries.len(),
            contexts: core.contexts.contexts.clone(),
        };
        // Strings, numbers and lists always have a JSON form.
        let header = serde_json::to_vec(&header).unwrap_or_default();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        bytes.extend(core.index.hashes().iter().flat_map(|v| v.to_le_bytes()));
        bytes.extend(core.weights.offsets.iter().flat_map(|v| v.to_le_bytes()));
        bytes.extend(core.weights.labels.iter().flat_map(|v| v.to_le_bytes()));
        bytes.extend(core.weights.values.iter().flat_map(|v| v.to_le_bytes()));
        bytes.extend(
            core.weights
                .transitions
                .iter()
                .flat_map(|v| v.to_le_bytes()),
        );
        bytes.extend(entries.iter().flat_map(|(hash, ..)| hash.to_le_bytes()));
        bytes.extend(
            entries
                .iter()
                .flat_map(|(_, attribute, _)| attribute.to_le_bytes()),
        );
        bytes.extend(entries.iter().flat_map(|(.., groups)| groups.to_le_bytes()));
        bytes
    }

    /// The extractor in such bytes; `None` if any number of them is invalid.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let length = u64::from_le_bytes(*take(&mut bytes, 8)?.first_chunk()?);
        let length = usize::try_from(length)
            .ok()
            .filter(|it| *it <= MAX_HEADER_BYTES)?;
        let header: Header = serde_json::from_slice(take(&mut bytes, length)?).ok()?;
        let attributes = header.metadata.attributes.len();
        if !header.is_consistent() {
            return None;
        }
        let hashes = take_numbers(&mut bytes, header.features, u64::from_le_bytes)?;
        let offsets = take_numbers(
            &mut bytes,
            header.features.checked_add(1)?,
            u32::from_le_bytes,
        )?;
        let labels = take_numbers(&mut bytes, header.weights, u16::from_le_bytes)?;
        let values = take_numbers(&mut bytes, header.weights, f32::from_le_bytes)?;
        let all = label_count(attributes);
        let transitions = take_numbers(&mut bytes, all * all, f32::from_le_bytes)?;
        let values_of_lexicon = take_numbers(&mut bytes, header.lexicon, u64::from_le_bytes)?;
        let lexicon_attributes = take_numbers(&mut bytes, header.lexicon, u16::from_le_bytes)?;
        let groups = take_numbers(&mut bytes, header.lexicon, u32::from_le_bytes)?;
        let ends = (offsets.first(), offsets.last().map(|end| *end as usize));
        let is_valid = bytes.is_empty()
            && ends == (Some(&0), Some(header.weights))
            && offsets.windows(2).all(|pair| pair[0] <= pair[1])
            && labels.iter().all(|label| usize::from(*label) < all)
            && values
                .iter()
                .chain(&transitions)
                .all(|value| value.is_finite())
            && lexicon_attributes
                .iter()
                .all(|at| usize::from(*at) < attributes);
        if !is_valid {
            return None;
        }
        let index = FeatureIndex::from_hashes(hashes);
        let contexts = ContextVocabulary::from_contexts(header.contexts);
        // Equal hashes would leave features without a position.
        let is_distinct = index.hashes().len() == header.features;
        let sets = label_sets(attributes, &contexts);
        let pairs: usize = sets.iter().map(|set| set.len() * set.len()).sum();
        if !is_distinct || pairs > MAX_LABEL_PAIRS {
            return None;
        }
        let entries = values_of_lexicon
            .into_iter()
            .zip(lexicon_attributes)
            .zip(groups);
        let core = ExtractorCore {
            attributes,
            lexicon: ValueLexicon::from_entries(
                entries.map(|((hash, attribute), groups)| (hash, attribute, groups)),
            ),
            index,
            weights: Weights {
                attributes,
                offsets,
                labels,
                values,
                transitions,
            },
            contexts,
        };
        Some(Self::new(header.metadata, core, header.threshold))
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
                .all(|(_, rows)| rows.len() == attributes)
    }
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
