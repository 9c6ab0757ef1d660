//! Model file of a classifier.
//!
//! Layout: a magic number with the version of the layout, a digest of the rest, a
//! header in JSON, and numbers in little-endian order.

use std::path::Path;

use half::f16;
use serde::{Deserialize, Serialize};

use super::classifier::TextClassifier;
use super::linear_head::LinearHead;
use super::metadata::{ClassifierMetadata, LabelLevel};
use super::metric_adapter::MetricAdapter;
use super::ngrams::{KINDS, NgramVocabulary};
use super::options::FeatureSet;
use super::row_vectors::VectorSource;
use semql_inference::atomic_file;
use semql_inference::{Error, Result};

/// First bytes of a file; a change of layout changes the version.
const MAGIC: &[u8; 16] = b"semql model v2\n\0";

/// First bytes of a file of any version.
const MAGIC_OF_ANY_VERSION: &[u8] = b"semql model v";

/// Largest size of a file.
const MAX_FILE_BYTES: u64 = 8 << 30;

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

/// Writes a model file atomically.
///
/// # Errors
/// [`Error::Setup`] if it cannot be written.
pub fn write(classifier: &TextClassifier, path: &Path) -> Result<()> {
    let cannot = |error: &dyn std::fmt::Display| {
        Error::Setup(format!(
            "the model cannot be written to {}: {error}",
            path.display()
        ))
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| cannot(&e))?;
    let body = body(classifier).map_err(|e| cannot(&e))?;
    let digest = blake3::hash(&body);
    let written = atomic_file::write_atomically(path, |file| {
        for part in [MAGIC.as_slice(), digest.as_bytes(), &body] {
            file.write_all(part)?;
        }
        Ok(())
    });
    written.map_err(|e| cannot(&e))
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

/// Reads a model file.
///
/// # Errors
/// [`Error::Setup`] for a truncated or damaged file, or another version.
pub fn read(path: &Path) -> Result<TextClassifier> {
    let refuse = |why: &str| {
        Error::Setup(format!(
            "the trained model {} {why}; train it again with CREATE OR REPLACE MODEL",
            path.display()
        ))
    };
    let unreadable = |e: std::io::Error| refuse(&format!("cannot be read ({e})"));
    if path.metadata().map_err(unreadable)?.len() > MAX_FILE_BYTES {
        return Err(refuse("is larger than any model file of semql"));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let Some((magic, rest)) = bytes.split_first_chunk::<16>() else {
        return Err(refuse("is truncated"));
    };
    if magic != MAGIC {
        return Err(refuse(match magic.starts_with(MAGIC_OF_ANY_VERSION) {
            true => "was made by another version of semql",
            false => "is not a model file of semql",
        }));
    }
    let Some((digest, body)) = rest.split_first_chunk::<32>() else {
        return Err(refuse("is truncated"));
    };
    if blake3::hash(body).as_bytes() != digest {
        return Err(refuse("is damaged or truncated"));
    }
    // The digest can be forged, so the contents are checked too.
    parse(body).ok_or_else(|| refuse("is damaged"))
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
    let features = list(take(&mut body, n.checked_mul(8)?)?, u64::from_le_bytes);
    let weights = list(take(&mut body, n.checked_mul(4)?)?, f32::from_le_bytes);
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
        mean: list(
            take(&mut body, header.width.checked_mul(4)?)?,
            f32::from_le_bytes,
        ),
        map: list(
            take(&mut body, header.map.checked_mul(4)?)?,
            f32::from_le_bytes,
        ),
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
    let bias = list(take(body, size.labels.checked_mul(4)?)?, f32::from_le_bytes);
    let vector_weights = size.labels.checked_mul(width)?.checked_mul(2)?;
    let vector_weights = list(take(body, vector_weights)?, f16::from_le_bytes);
    let offsets = features.checked_add(1)?.checked_mul(4)?;
    let offsets = list(take(body, offsets)?, u32::from_le_bytes);
    let labels = list(take(body, size.values.checked_mul(4)?)?, u32::from_le_bytes);
    let values = list(take(body, size.values.checked_mul(2)?)?, f16::from_le_bytes);
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

fn take<'a>(body: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = body.split_at_checked(length)?;
    *body = rest;
    Some(taken)
}

fn list<T, const N: usize>(bytes: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
    let (values, _) = bytes.as_chunks::<N>();
    values.iter().map(|value| read(*value)).collect()
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

    /// A file with this body and its digest.
    fn with_digest(body: &[u8]) -> Vec<u8> {
        [MAGIC.as_slice(), blake3::hash(body).as_bytes(), body].concat()
    }

    /// Whether a file is refused. Otherwise predicts with it.
    fn is_refused(path: &Path, bytes: &[u8]) -> bool {
        std::fs::write(path, bytes).unwrap();
        let read = read(path);
        std::fs::remove_file(path).unwrap();
        let Ok(classifier) = read else {
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

    #[test]
    fn mutated_files_are_refused_or_predict_without_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let body = body(&classifier()).unwrap();
        let whole = with_digest(&body);
        let (length, rest) = body.split_first_chunk::<8>().unwrap();
        let (header, numbers) = rest.split_at(u64::from_le_bytes(*length) as usize);
        let header: Value = serde_json::from_slice(header).unwrap();
        let mut random = Random::new(14);
        let (mut refused, cases) = (0, cases(500));
        for case in 0..cases {
            let bytes = match case % 4 {
                0 => {
                    let mut bytes = whole.clone();
                    mutate(&mut bytes, &mut random);
                    bytes
                }
                1 => {
                    let mut body = body.clone();
                    mutate(&mut body, &mut random);
                    with_digest(&body)
                }
                2 => {
                    let mut header = header.clone();
                    mutate_json(&mut header, &mut random);
                    let header = serde_json::to_vec(&header).unwrap();
                    let length = (header.len() as u64).to_le_bytes();
                    with_digest(&[length.as_slice(), &header, numbers].concat())
                }
                _ => {
                    let mut body = body.clone();
                    let start = body.len() - numbers.len();
                    let at = start + random.below(numbers.len() - 4);
                    let value = (extreme(&mut random) as u32).to_le_bytes();
                    body[at..][..4].copy_from_slice(&value);
                    with_digest(&body)
                }
            };
            let path = folder.path().join(format!("{case}.model"));
            refused += usize::from(is_refused(&path, &bytes));
        }
        assert!(refused > cases / 4, "{refused} of {cases}");
        assert!(!is_refused(&folder.path().join("whole.model"), &whole));
    }

    #[test]
    fn inconsistent_headers_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.model");
        let body = body(&classifier()).unwrap();
        let (length, rest) = body.split_first_chunk::<8>().unwrap();
        let (header, numbers) = rest.split_at(u64::from_le_bytes(*length) as usize);
        let header: Value = serde_json::from_slice(header).unwrap();
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
                let header = serde_json::to_vec(&header).unwrap();
                let length = (header.len() as u64).to_le_bytes();
                let body = [length.as_slice(), &header, numbers].concat();
                assert!(is_refused(&path, &with_digest(&body)), "{pointer} {value}");
            }
        }
        let long = [[0xff; 8].as_slice(), rest].concat();
        assert!(is_refused(&path, &with_digest(&long)));
    }

    #[test]
    fn a_file_predicts_like_its_classifier_and_damaged_files_are_refused() {
        let classifier = classifier();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("shoes.model");
        write(&classifier, &path).unwrap();
        let back = read(&path).unwrap();
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

        let whole = std::fs::read(&path).unwrap();
        let mut other = whole.clone();
        other[13] = b'9';
        let mut damaged = whole.clone();
        *damaged.last_mut().unwrap() ^= 1;
        for (bytes, says) in [
            (&whole[..10], "is truncated"),
            (&whole[..whole.len() - 1], "is damaged or truncated"),
            (&damaged[..], "is damaged"),
            (&other[..], "another version"),
            (b"something else altogether", "is not a model file of semql"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let message = read(&path).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
    }
}
