//! The file of a trained classifier: all that predicting needs, in one piece.
//!
//! A magic number with the version of the layout, a digest of what follows, a
//! header in JSON, and the numbers, little-endian.

use std::path::Path;

use half::f16;
use serde::{Deserialize, Serialize};

use super::meaning::Source;
use super::ngrams::{KINDS, Ngrams};
use super::space::Space;
use super::{About, Features, Head, Level, Trained};
use crate::error::{Error, Result};
use crate::files;

/// A change of layout changes the number.
const MAGIC: &[u8; 16] = b"semql model v2\n\0";

/// How the bytes of a file of another version begin.
const ANY_VERSION: &[u8] = b"semql model v";

/// Bytes of a file, at most.
const MAX_FILE_BYTES: u64 = 8 << 30;

/// Bytes of the header, at most: a million labels fit.
const MAX_HEADER_BYTES: usize = 256 << 20;

#[derive(Serialize, Deserialize)]
struct Header {
    about: About,
    runs: Vec<bool>,
    features: usize,
    source: Option<Source>,
    /// Values of a row's vectors, of one of its blocks, and of the map.
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
    /// Whether its parts belong to one model, so that every position in it is
    /// one of a column, a level or a label that it lists.
    fn is_consistent(&self) -> bool {
        let (about, levels) = (&self.about, self.about.levels.as_slice());
        let texts_fit = |texts: &Vec<Option<String>>| texts.len() == about.columns.len();
        !about.columns.is_empty()
            && self.runs.len() == about.columns.len()
            && u32::try_from(self.features).is_ok()
            && self.has_labels()
            && !about.paths.is_empty()
            && about.paths.iter().all(|path| fits(path, levels))
            && about.doubts.iter().all(|doubt| {
                let labels = [&doubt.labels, &doubt.predicted];
                texts_fit(&doubt.texts) && labels.iter().all(|path| fits(path, levels))
            })
            && about.conflicts.iter().all(|conflict| {
                conflict.texts.iter().all(texts_fit)
                    && conflict.labels.iter().all(|path| fits(path, levels))
            })
            && self.has_widths()
    }

    /// Whether each level has a head, with weights for each of its labels.
    fn has_labels(&self) -> bool {
        let levels = &self.about.levels;
        let mut of_heads = levels.iter().zip(&self.heads);
        !levels.is_empty()
            && levels.len() == self.heads.len()
            && of_heads.all(|(level, head)| {
                !level.labels.is_empty()
                    && level.labels.len() == head.labels
                    && level.labels.len() == level.of_labels.len()
            })
    }

    /// Whether vectors have the widths that their source gives.
    fn has_widths(&self) -> bool {
        let width = match &self.source {
            Some(source) => {
                let blocks = self.about.columns.len().min(2);
                let known = source.features != Features::Ngrams && source.dims > 0;
                let width = source.dims.checked_mul(blocks);
                width.filter(|_| known && self.block == source.dims)
            }
            None => Some(0),
        };
        let square = self.width.checked_mul(self.width);
        width == Some(self.width) && (self.map == 0 || square == Some(self.map))
    }
}

/// Whether the positions are of labels, one for each level.
fn fits(labels: &[u32], levels: &[Level]) -> bool {
    let mut of_levels = labels.iter().zip(levels);
    labels.len() == levels.len()
        && of_levels.all(|(label, level)| (*label as usize) < level.labels.len())
}

/// Writes the file whole or not at all.
///
/// # Errors
/// [`Error::Setup`] where it cannot be written.
pub fn write(trained: &Trained, path: &Path) -> Result<()> {
    let cannot = |error: &dyn std::fmt::Display| {
        Error::Setup(format!(
            "the model cannot be written to {}: {error}",
            path.display()
        ))
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| cannot(&e))?;
    let body = body(trained).map_err(|e| cannot(&e))?;
    let digest = blake3::hash(&body);
    let written = files::write_whole(path, |file| {
        for part in [MAGIC.as_slice(), digest.as_bytes(), &body] {
            file.write_all(part)?;
        }
        Ok(())
    });
    written.map_err(|e| cannot(&e))
}

fn body(trained: &Trained) -> serde_json::Result<Vec<u8>> {
    let (ngrams, space) = (&trained.ngrams, &trained.space);
    let header = serde_json::to_vec(&Header {
        about: trained.about.clone(),
        runs: ngrams.runs.clone(),
        features: ngrams.len(),
        source: trained.source.clone(),
        width: space.width,
        block: space.block,
        map: space.map.len(),
        heads: trained
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
    body.extend(space.mean.iter().flat_map(|v| v.to_le_bytes()));
    body.extend(space.map.iter().flat_map(|v| v.to_le_bytes()));
    for head in &trained.heads {
        body.extend(head.bias.iter().flat_map(|v| v.to_le_bytes()));
        body.extend(
            head.meaning
                .iter()
                .flat_map(|v| f16::from_f32(*v).to_le_bytes()),
        );
        body.extend(head.starts.iter().flat_map(|v| v.to_le_bytes()));
        body.extend(head.labels.iter().flat_map(|v| v.to_le_bytes()));
        body.extend(
            head.values
                .iter()
                .flat_map(|v| f16::from_f32(*v).to_le_bytes()),
        );
    }
    Ok(body)
}

/// Reads a file.
///
/// # Errors
/// [`Error::Setup`] for one that is cut short, damaged, or of another version.
pub fn read(path: &Path) -> Result<Trained> {
    let refuse = |why: &str| {
        Error::Setup(format!(
            "the trained model {} {why}; train it again with CREATE OR REPLACE MODEL",
            path.display()
        ))
    };
    let unreadable = |e: std::io::Error| refuse(&format!("cannot be read ({e})"));
    if path.metadata().map_err(unreadable)?.len() > MAX_FILE_BYTES {
        return Err(refuse("is larger than any model of semql"));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let Some((magic, rest)) = bytes.split_first_chunk::<16>() else {
        return Err(refuse("is cut short"));
    };
    if magic != MAGIC {
        return Err(refuse(match magic.starts_with(ANY_VERSION) {
            true => "was made by another version of semql",
            false => "is no model of semql",
        }));
    }
    let Some((digest, body)) = rest.split_first_chunk::<32>() else {
        return Err(refuse("is cut short"));
    };
    if blake3::hash(body).as_bytes() != digest {
        return Err(refuse("is damaged or cut short"));
    }
    // A digest can be made for any contents, so the contents are checked too.
    parse(body).ok_or_else(|| refuse("is damaged"))
}

fn parse(mut body: &[u8]) -> Option<Trained> {
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
    let kinds = header.runs.len().checked_mul(KINDS)?;
    let ascending = features.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascending || blocks.iter().any(|block| usize::from(*block) >= kinds) {
        return None;
    }
    let ngrams = Ngrams::new(header.runs, features, weights, blocks);
    let space = Space {
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
    body.is_empty().then_some(Trained {
        about: header.about,
        ngrams,
        source: header.source,
        space,
        heads,
    })
}

/// The weights of one level, for so many features and values of a meaning.
fn head(body: &mut &[u8], size: &HeadSize, features: usize, width: usize) -> Option<Head> {
    let bias = list(take(body, size.labels.checked_mul(4)?)?, f32::from_le_bytes);
    let meaning = size.labels.checked_mul(width)?.checked_mul(2)?;
    let meaning = list(take(body, meaning)?, f16::from_le_bytes);
    let starts = features.checked_add(1)?.checked_mul(4)?;
    let starts = list(take(body, starts)?, u32::from_le_bytes);
    let labels = list(take(body, size.values.checked_mul(4)?)?, u32::from_le_bytes);
    let values = list(take(body, size.values.checked_mul(2)?)?, f16::from_le_bytes);
    let ends = (starts.first(), starts.last().map(|end| *end as usize));
    if ends != (Some(&0), Some(size.values))
        || starts.windows(2).any(|pair| pair[0] > pair[1])
        || labels.iter().any(|label| *label as usize >= size.labels)
    {
        return None;
    }
    let values = values.into_iter().map(f16::to_f32).collect();
    let meaning = meaning.into_iter().map(f16::to_f32).collect();
    Some(Head::of(bias, meaning, starts, labels, values))
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

    use super::super::{Examples, Options, train};
    use super::*;
    use crate::learning::Random;
    use crate::mutations::{cases, extreme, mutate, mutate_json};

    const TEXTS: [&str; 4] = ["red shoe", "blue shoe", "long novel", "short novel"];

    fn trained() -> Trained {
        let labels = ["shoes", "shoes", "books \"é\" 📚", "books \"é\" 📚"].repeat(4);
        let some = |texts: &[&str]| texts.iter().map(|t| Some(t.to_string())).collect();
        let examples = Examples {
            columns: vec!["title".into()],
            levels: vec!["label".into()],
            texts: vec![some(&TEXTS.repeat(4))],
            labels: vec![some(&labels)],
        };
        train("shoes", &examples, &Options::default(), None, &|_, _| false).unwrap()
    }

    /// The file of such a body, with its digest.
    fn with_digest(body: &[u8]) -> Vec<u8> {
        [MAGIC.as_slice(), blake3::hash(body).as_bytes(), body].concat()
    }

    /// Reads the bytes as a model and predicts with it; whether it is refused.
    fn is_refused(path: &Path, bytes: &[u8]) -> bool {
        std::fs::write(path, bytes).unwrap();
        let read = read(path);
        std::fs::remove_file(path).unwrap();
        let Ok(trained) = read else {
            return true;
        };
        let rows: Vec<_> = TEXTS.iter().map(|text| vec![Some(*text)]).collect();
        let vectors = vec![0.5; rows.len() * trained.space.width];
        for prediction in trained.predict(&rows, &vectors).into_iter().flatten() {
            for (level, label) in prediction.labels.iter().enumerate() {
                std::hint::black_box(trained.label(level, *label));
            }
        }
        false
    }

    #[test]
    fn mutated_files_are_refused_or_predict_without_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let body = body(&trained()).unwrap();
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
    fn headers_that_contradict_themselves_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.model");
        let body = body(&trained()).unwrap();
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
    fn a_file_predicts_what_was_trained_and_a_damaged_one_is_refused() {
        let trained = trained();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("shoes.model");
        write(&trained, &path).unwrap();
        let back = read(&path).unwrap();
        assert_eq!(back.about, trained.about);
        let rows = [TEXTS.as_slice(), &[""]].concat();
        let row = |text: &&'static str| vec![(!text.is_empty()).then_some(*text)];
        let rows: Vec<_> = rows.iter().map(row).collect();
        let labels = |trained: &Trained| -> Vec<_> {
            let predictions = trained.predict(&rows, &[]).into_iter();
            predictions.map(|row| row.map(|row| row.labels)).collect()
        };
        assert_eq!(labels(&trained), labels(&back));
        assert_eq!(labels(&trained).last(), Some(&None));

        let whole = std::fs::read(&path).unwrap();
        let mut other = whole.clone();
        other[13] = b'9';
        let mut damaged = whole.clone();
        *damaged.last_mut().unwrap() ^= 1;
        for (bytes, says) in [
            (&whole[..10], "is cut short"),
            (&whole[..whole.len() - 1], "is damaged or cut short"),
            (&damaged[..], "is damaged"),
            (&other[..], "another version"),
            (b"something else altogether", "is no model of semql"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let message = read(&path).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
    }
}
