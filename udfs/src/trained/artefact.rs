//! The file of a trained classifier: all that predicting needs, in one piece.
//!
//! A magic number with the version of the layout, a digest of what follows, a
//! header in JSON, and the numbers, little-endian.

use std::io::Write;
use std::path::Path;

use half::f16;
use serde::{Deserialize, Serialize};

use super::meaning::Source;
use super::ngrams::Ngrams;
use super::space::Space;
use super::{About, Head, Trained};
use crate::error::{Error, Result};

/// A change of layout changes the number.
const MAGIC: &[u8; 16] = b"semql model v2\n\0";

/// How the bytes of a file of another version begin.
const ANY_VERSION: &[u8] = b"semql model v";

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
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|e| cannot(&e))?;
    let digest = blake3::hash(&body);
    for part in [MAGIC.as_slice(), digest.as_bytes(), &body] {
        file.write_all(part).map_err(|e| cannot(&e))?;
    }
    file.as_file().sync_all().map_err(|e| cannot(&e))?;
    file.persist(path).map_err(|e| cannot(&e.error))?;
    Ok(())
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
    let bytes = std::fs::read(path).map_err(|e| refuse(&format!("cannot be read ({e})")))?;
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
    // Whoever wrote the digest wrote the lengths; a body that does not fit
    // them is no file of ours.
    parse(body).ok_or_else(|| refuse("is damaged"))
}

fn parse(mut body: &[u8]) -> Option<Trained> {
    let length = u64::from_le_bytes(*take(&mut body, 8)?.first_chunk()?) as usize;
    let header: Header = serde_json::from_slice(take(&mut body, length)?).ok()?;
    let n = header.features;
    let features = list(take(&mut body, n.checked_mul(8)?)?, u64::from_le_bytes);
    let weights = list(take(&mut body, n * 4)?, f32::from_le_bytes);
    let blocks = take(&mut body, n)?.to_vec();
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
        let bias = list(
            take(&mut body, size.labels.checked_mul(4)?)?,
            f32::from_le_bytes,
        );
        let meaning = size.labels.checked_mul(header.width)?.checked_mul(2)?;
        let meaning = list(take(&mut body, meaning)?, f16::from_le_bytes);
        let starts = list(take(&mut body, (n + 1) * 4)?, u32::from_le_bytes);
        let labels = list(
            take(&mut body, size.values.checked_mul(4)?)?,
            u32::from_le_bytes,
        );
        let values = list(take(&mut body, size.values * 2)?, f16::from_le_bytes);
        let values = values.into_iter().map(f16::to_f32).collect();
        let meaning = meaning.into_iter().map(f16::to_f32).collect();
        heads.push(Head::of(bias, meaning, starts, labels, values));
    }
    body.is_empty().then_some(Trained {
        about: header.about,
        ngrams,
        source: header.source,
        space,
        heads,
    })
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
    use super::super::{Examples, Options, train};
    use super::*;

    #[test]
    fn a_file_predicts_what_was_trained_and_a_damaged_one_is_refused() {
        let texts = ["red shoe", "blue shoe", "long novel", "short novel"].repeat(4);
        let labels = ["shoes", "shoes", "books \"é\" 📚", "books \"é\" 📚"].repeat(4);
        let some = |texts: &[&str]| texts.iter().map(|t| Some(t.to_string())).collect();
        let examples = Examples {
            columns: vec!["title".into()],
            levels: vec!["label".into()],
            texts: vec![some(&texts)],
            labels: vec![some(&labels)],
        };
        let trained = train("shoes", &examples, &Options::default(), None, &|_, _| false).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("shoes.model");
        write(&trained, &path).unwrap();
        let back = read(&path).unwrap();
        assert_eq!(back.about, trained.about);
        let rows = [texts.as_slice(), &[""]].concat();
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
