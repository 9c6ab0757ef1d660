//! Bytes of a classifier in its model file.
//!
//! Layout: the length of a header, the header in JSON, and numbers in little-endian
//! order.

use half::f16;
use serde::{Deserialize, Serialize};

use super::classifier::TextClassifier;
use super::linear_head::LinearHead;
use super::metadata::{ClassifierMetadata, LabelLevel};
use super::metric_adapter::MetricAdapter;
use super::ngrams::{KINDS, NgramVocabulary};
use super::options::FeatureSet;
use super::row_vectors::VectorSource;
use crate::binary::{take, take_numbers};
use semql_inference::{Error, Result};

/// Largest size of a header, enough for a million labels.
const MAX_HEADER_BYTES: usize = 256 << 20;

#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(rename = "about")]
    metadata: ClassifierMetadata,
    #[serde(rename = "runs")]
    char_ngrams: Vec<bool>,
    features: usize,
    source: Option<VectorSource>,
    /// Values of the vector of a row, of a block, and of the map.
    width: usize,
    block: usize,
    map: usize,
    heads: Vec<HeadSize>,
}

#[derive(Serialize, Deserialize)]
struct HeadSize {
    labels: usize,
    values: usize,
}

impl Header {
    /// Whether the parts are consistent, so that every position is one of a listed
    /// column, level or label.
    fn is_consistent(&self) -> bool {
        let (metadata, levels) = (&self.metadata, self.metadata.levels.as_slice());
        let texts_fit = |texts: &Vec<Option<String>>| texts.len() == metadata.columns.len();
        !metadata.columns.is_empty()
            && self.char_ngrams.len() == metadata.columns.len()
            && u32::try_from(self.features).is_ok()
            && self.has_labels()
            && !metadata.paths.is_empty()
            && metadata.paths.iter().all(|path| fits(path, levels))
            && metadata.doubts.iter().all(|doubt| {
                let labels = [&doubt.labels, &doubt.predicted];
                texts_fit(&doubt.texts) && labels.iter().all(|path| fits(path, levels))
            })
            && metadata.conflicts.iter().all(|conflict| {
                conflict.texts.iter().all(texts_fit)
                    && conflict.labels.iter().all(|path| fits(path, levels))
            })
            && self.has_widths()
    }

    /// Whether each level has a head with weights for each label.
    fn has_labels(&self) -> bool {
        let levels = &self.metadata.levels;
        let mut of_heads = levels.iter().zip(&self.heads);
        !levels.is_empty()
            && levels.len() == self.heads.len()
            && of_heads.all(|(level, head)| {
                !level.labels.is_empty()
                    && level.labels.len() == head.labels
                    && level.labels.len() == level.label_scores.len()
            })
    }

    /// Whether the widths are those of the source.
    fn has_widths(&self) -> bool {
        let width = match &self.source {
            Some(source) => {
                let blocks = self.metadata.columns.len().min(2);
                let known = source.features != FeatureSet::Ngrams && source.dims > 0;
                let width = source.dims.checked_mul(blocks);
                width.filter(|_| known && self.block == source.dims)
            }
            None => Some(0),
        };
        let square = self.width.checked_mul(self.width);
        width == Some(self.width) && (self.map == 0 || square == Some(self.map))
    }
}

/// Whether a path has one label for each level.
fn fits(labels: &[u32], levels: &[LabelLevel]) -> bool {
    let mut of_levels = labels.iter().zip(levels);
    labels.len() == levels.len()
        && of_levels.all(|(label, level)| (*label as usize) < level.labels.len())
}

impl TextClassifier {
    /// The body of its model file.
    ///
    /// # Errors
    /// [`Error::Failed`] for a header that JSON cannot hold.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        body(self).map_err(|e| {
            Error::Failed(format!(
                "the model {} cannot be serialized: {e}",
                self.metadata.name
            ))
        })
    }

    /// Reads the body of a model file; `None` for a damaged one.
    pub(crate) fn from_bytes(body: &[u8]) -> Option<Self> {
        parse(body)
    }
}

fn body(classifier: &TextClassifier) -> serde_json::Result<Vec<u8>> {
    let (ngrams, adapter) = (&classifier.ngrams, &classifier.adapter);
    let header = serde_json::to_vec(&Header {
        metadata: classifier.metadata.clone(),
        char_ngrams: ngrams.char_ngrams.clone(),
        features: ngrams.len(),
        source: classifier.source.clone(),
        width: adapter.width,
        block: adapter.block,
        map: adapter.map.len(),
        heads: classifier
            .heads
            .iter()
            .map(|head| HeadSize {
                labels: head.bias.len(),
                values: head.values.len(),
            })
            .collect(),
    })?;
    let mut body = (header.len() as u64).to_le_bytes().to_vec();
    body.extend(header);
    body.extend(ngrams.features.iter().flat_map(|v| v.to_le_bytes()));
    body.extend(ngrams.weights.iter().flat_map(|v| v.to_le_bytes()));
    body.extend(&ngrams.blocks);
    body.extend(adapter.mean.iter().flat_map(|v| v.to_le_bytes()));
    body.extend(adapter.map.iter().flat_map(|v| v.to_le_bytes()));
    for head in &classifier.heads {
        body.extend(head.bias.iter().flat_map(|v| v.to_le_bytes()));
        body.extend(
            head.vector_weights
                .iter()
                .flat_map(|v| f16::from_f32(*v).to_le_bytes()),
        );
        body.extend(head.offsets.iter().flat_map(|v| v.to_le_bytes()));
        body.extend(head.labels.iter().flat_map(|v| v.to_le_bytes()));
        body.extend(
            head.values
                .iter()
                .flat_map(|v| f16::from_f32(*v).to_le_bytes()),
        );
    }
    Ok(body)
}

fn parse(mut body: &[u8]) -> Option<TextClassifier> {
    let length = u64::from_le_bytes(*take(&mut body, 8)?.first_chunk()?);
    let length = usize::try_from(length).ok()?;
    if length > MAX_HEADER_BYTES {
        return None;
    }
    let header: Header = serde_json::from_slice(take(&mut body, length)?).ok()?;
    if !header.is_consistent() {
        return None;
    }
    let n = header.features;
    let features = take_numbers(&mut body, n, u64::from_le_bytes)?;
    let weights = take_numbers(&mut body, n, f32::from_le_bytes)?;
    let blocks = take(&mut body, n)?.to_vec();
    let kinds = header.char_ngrams.len().checked_mul(KINDS)?;
    let ascending = features.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascending || blocks.iter().any(|block| usize::from(*block) >= kinds) {
        return None;
    }
    let ngrams = NgramVocabulary::new(header.char_ngrams, features, weights, blocks);
    let adapter = MetricAdapter {
        width: header.width,
        block: header.block,
        mean: take_numbers(&mut body, header.width, f32::from_le_bytes)?,
        map: take_numbers(&mut body, header.map, f32::from_le_bytes)?,
    };
    let mut heads = Vec::new();
    for size in &header.heads {
        heads.push(head(&mut body, size, n, header.width)?);
    }
    body.is_empty().then_some(TextClassifier {
        metadata: header.metadata,
        ngrams,
        source: header.source,
        adapter,
        heads,
    })
}

/// Head of a level, for `features` n-grams and vectors of `width` values.
fn head(body: &mut &[u8], size: &HeadSize, features: usize, width: usize) -> Option<LinearHead> {
    let bias = take_numbers(body, size.labels, f32::from_le_bytes)?;
    let vector_weights = size.labels.checked_mul(width)?;
    let vector_weights = take_numbers(body, vector_weights, f16::from_le_bytes)?;
    let offsets = take_numbers(body, features.checked_add(1)?, u32::from_le_bytes)?;
    let labels = take_numbers(body, size.values, u32::from_le_bytes)?;
    let values = take_numbers(body, size.values, f16::from_le_bytes)?;
    let ends = (offsets.first(), offsets.last().map(|end| *end as usize));
    if ends != (Some(&0), Some(size.values))
        || offsets.windows(2).any(|pair| pair[0] > pair[1])
        || labels.iter().any(|label| *label as usize >= size.labels)
    {
        return None;
    }
    let values = values.into_iter().map(f16::to_f32).collect();
    let vector_weights = vector_weights.into_iter().map(f16::to_f32).collect();
    Some(LinearHead::from_parts(
        bias,
        vector_weights,
        offsets,
        labels,
        values,
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::{TrainingExamples, TrainingOptions, train};
    use super::*;
    use semql_inference::mutations::{cases, extreme, mutate, mutate_json};
    use semql_inference::random::Random;

    const TEXTS: [&str; 4] = ["red shoe", "blue shoe", "long novel", "short novel"];

    fn classifier() -> TextClassifier {
        let labels = ["shoes", "shoes", "books \"é\" 📚", "books \"é\" 📚"].repeat(4);
        let some = |texts: &[&str]| texts.iter().map(|t| Some(t.to_string())).collect();
        let examples = TrainingExamples {
            columns: vec!["title".into()],
            levels: vec!["label".into()],
            texts: vec![some(&TEXTS.repeat(4))],
            labels: vec![some(&labels)],
        };
        train(
            "shoes",
            &examples,
            &TrainingOptions::default(),
            None,
            &|| false,
        )
        .unwrap()
    }

    /// Whether a body is refused. Otherwise predicts with it.
    fn is_refused(body: &[u8]) -> bool {
        let Some(classifier) = TextClassifier::from_bytes(body) else {
            return true;
        };
        let rows: Vec<_> = TEXTS.iter().map(|text| vec![Some(*text)]).collect();
        let vectors = vec![0.5; rows.len() * classifier.adapter.width];
        for prediction in classifier.predict(&rows, &vectors).into_iter().flatten() {
            for (level, label) in prediction.labels.iter().enumerate() {
                std::hint::black_box(classifier.label(level, *label));
            }
        }
        false
    }

    /// Header and numbers of a body.
    fn split(body: &[u8]) -> (Value, &[u8]) {
        let (length, rest) = body.split_first_chunk::<8>().unwrap();
        let (header, numbers) = rest.split_at(u64::from_le_bytes(*length) as usize);
        (serde_json::from_slice(header).unwrap(), numbers)
    }

    fn joined(header: &Value, numbers: &[u8]) -> Vec<u8> {
        let header = serde_json::to_vec(header).unwrap();
        let length = (header.len() as u64).to_le_bytes();
        [length.as_slice(), &header, numbers].concat()
    }

    #[test]
    fn mutated_bodies_are_refused_or_predict_without_a_panic() {
        let whole = classifier().to_bytes().unwrap();
        let (header, numbers) = split(&whole);
        let mut random = Random::new(14);
        let (mut refused, cases) = (0, cases(500));
        for case in 0..cases {
            let body = match case % 3 {
                0 => {
                    let mut body = whole.clone();
                    mutate(&mut body, &mut random);
                    body
                }
                1 => {
                    let mut header = header.clone();
                    mutate_json(&mut header, &mut random);
                    joined(&header, numbers)
                }
                _ => {
                    let mut body = whole.clone();
                    let start = body.len() - numbers.len();
                    let at = start + random.below(numbers.len() - 4);
                    let value = (extreme(&mut random) as u32).to_le_bytes();
                    body[at..][..4].copy_from_slice(&value);
                    body
                }
            };
            refused += usize::from(is_refused(&body));
        }
        assert!(refused > cases / 8, "{refused} of {cases}");
        assert!(!is_refused(&whole));
    }

    #[test]
    fn inconsistent_headers_are_refused() {
        let whole = classifier().to_bytes().unwrap();
        let (header, numbers) = split(&whole);
        for pointer in [
            "/features",
            "/width",
            "/map",
            "/heads/0/labels",
            "/heads/0/values",
            "/about/paths/0/0",
        ] {
            for value in [12_345, u64::from(u32::MAX), u64::MAX] {
                let mut header = header.clone();
                *header.pointer_mut(pointer).unwrap() = value.into();
                let body = joined(&header, numbers);
                assert!(is_refused(&body), "{pointer} {value}");
            }
        }
        assert!(is_refused(&[[0xff; 8].as_slice(), &whole[8..]].concat()));
    }

    #[test]
    fn a_classifier_predicts_like_its_bytes() {
        let classifier = classifier();
        let whole = classifier.to_bytes().unwrap();
        let back = TextClassifier::from_bytes(&whole).unwrap();
        assert_eq!(back.metadata, classifier.metadata);
        let rows = [TEXTS.as_slice(), &[""]].concat();
        let row = |text: &&'static str| vec![(!text.is_empty()).then_some(*text)];
        let rows: Vec<_> = rows.iter().map(row).collect();
        let labels = |classifier: &TextClassifier| -> Vec<_> {
            let predictions = classifier.predict(&rows, &[]).into_iter();
            predictions.map(|row| row.map(|row| row.labels)).collect()
        };
        assert_eq!(labels(&classifier), labels(&back));
        assert_eq!(labels(&classifier).last(), Some(&None));
        assert!(is_refused(&whole[..whole.len() - 1]));
        assert!(is_refused(&[whole.as_slice(), &[0]].concat()));
    }
}
