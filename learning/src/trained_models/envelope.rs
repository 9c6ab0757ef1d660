//! Envelope of model files.
//!
//! Layout: a magic number with the kind of model and the version of its layout, a digest
//! of the body, and the body.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::trained_model::TrainedModel;
use crate::extraction::model::TrainedExtractor;
use crate::matching::TrainedMatcher;
use crate::text_classifier::{Predictor, TextClassifier};
use semql_inference::atomic_file;
use semql_inference::{Error, Result};

/// First bytes of a classifier; a change of layout changes the version.
pub const CLASSIFIER_MAGIC: &[u8; 16] = b"semql model v2\n\0";

/// First bytes of an extractor; a change of layout changes the version.
pub const EXTRACTOR_MAGIC: &[u8; 16] = b"semql extract 1\0";

/// First bytes of a matcher; a change of layout changes the version.
pub const MATCHER_MAGIC: &[u8; 16] = b"semql matcher 1\0";

/// Largest size of a file.
const MAX_FILE_BYTES: u64 = 8 << 30;

/// Kind of model file.
struct FileFormat {
    magic: &'static [u8; 16],
    /// First bytes of a file of any version.
    magic_of_any_version: &'static [u8],
    /// Reads a body; `None` for a damaged one.
    parse: fn(&[u8]) -> Option<TrainedModel>,
}

const FILE_FORMATS: &[FileFormat] = &[
    FileFormat {
        magic: CLASSIFIER_MAGIC,
        magic_of_any_version: b"semql model v",
        parse: |body| {
            let classifier = TextClassifier::from_bytes(body)?;
            let predictor = Arc::new(Predictor::from(classifier));
            Some(TrainedModel::Classifier(predictor))
        },
    },
    FileFormat {
        magic: EXTRACTOR_MAGIC,
        magic_of_any_version: b"semql extract ",
        parse: |body| {
            let extractor = TrainedExtractor::from_bytes(body)?;
            Some(TrainedModel::Extractor(Arc::new(extractor)))
        },
    },
    FileFormat {
        magic: MATCHER_MAGIC,
        magic_of_any_version: b"semql matcher ",
        parse: |body| {
            let matcher = TrainedMatcher::from_bytes(body)?;
            Some(TrainedModel::Matcher(Arc::new(matcher)))
        },
    },
];

/// Written model file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFile {
    pub path: PathBuf,
    pub bytes: u64,
    /// BLAKE3 of the file, in hexadecimal digits.
    pub blake3: String,
}

/// Writes a model file atomically.
///
/// # Errors
/// [`Error::Setup`] if it cannot be written.
pub fn write(path: &Path, magic: &[u8; 16], body: &[u8]) -> Result<ModelFile> {
    let cannot = |error: &dyn Display| {
        Error::Setup(format!(
            "the model cannot be written to {}: {error}",
            path.display()
        ))
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| cannot(&e))?;
    let digest = blake3::hash(body);
    let mut hasher = blake3::Hasher::new();
    let mut bytes = 0;
    let written = atomic_file::write_atomically(path, |file| {
        for part in [magic.as_slice(), digest.as_bytes(), body] {
            file.write_all(part)?;
            hasher.update(part);
            bytes += part.len() as u64;
        }
        Ok(())
    });
    written.map_err(|e| cannot(&e))?;
    Ok(ModelFile {
        path: path.to_path_buf(),
        bytes,
        blake3: hasher.finalize().to_hex().to_string(),
    })
}

/// Reads a model file.
///
/// # Errors
/// [`Error::Setup`] for a truncated or damaged file, or another version.
pub fn read(path: &Path) -> Result<TrainedModel> {
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
    let Some(format) = FILE_FORMATS.iter().find(|format| format.magic == magic) else {
        let mut formats = FILE_FORMATS.iter();
        let is_model = formats.any(|format| magic.starts_with(format.magic_of_any_version));
        return Err(refuse(match is_model {
            true => "was made by another version of semql",
            false => "is not a model file of semql",
        }));
    };
    let Some((digest, body)) = rest.split_first_chunk::<32>() else {
        return Err(refuse("is truncated"));
    };
    if blake3::hash(body).as_bytes() != digest {
        return Err(refuse("is damaged or truncated"));
    }
    // The digest can be forged, so the contents are checked too.
    (format.parse)(body).ok_or_else(|| refuse("is damaged"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extraction::model::{ExtractionExamples, ExtractionOptions, train_extractor};
    use crate::extraction::{Extractor, SourceTexts};
    use crate::matching::{MatcherMetadata, PairScorer};
    use crate::text_classifier::{TrainingExamples, TrainingOptions, train};
    use semql_inference::mutations::{cases, mutate};
    use semql_inference::random::Random;

    const TEXTS: [&str; 4] = ["red shoe", "blue shoe", "long novel", "short novel"];

    fn column(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| Some(text.to_string())).collect()
    }

    fn classifier() -> TextClassifier {
        let labels = ["shoes", "shoes", "books \"é\" 📚", "books \"é\" 📚"].repeat(4);
        let examples = TrainingExamples {
            columns: vec!["title".into()],
            levels: vec!["label".into()],
            texts: vec![column(&TEXTS.repeat(4))],
            labels: vec![column(&labels)],
        };
        let options = TrainingOptions::default();
        train("shoes", &examples, &options, None, &|| false).unwrap()
    }

    fn extractor() -> TrainedExtractor {
        let (colors, things) = (["red", "blue", "green"], ["shoe", "lamp", "scarf", "mug"]);
        let rows = (0..48_usize).map(|row| (colors[row % 3], things[row / 3 % 4], row));
        let texts = rows
            .clone()
            .map(|(color, thing, row)| Some(format!("{color} {thing} {row}")));
        let values = rows.map(|(color, ..)| Some(vec![color.to_string()]));
        let examples = ExtractionExamples {
            columns: vec!["title".into()],
            texts: vec![texts.collect()],
            attributes: vec!["color".into()],
            values: vec![values.collect()],
            groups: None,
        };
        let options = ExtractionOptions::default();
        train_extractor("colors", &examples, &options, None, &|| false).unwrap()
    }

    /// A file with this body and its digest.
    fn with_digest(magic: &[u8; 16], body: &[u8]) -> Vec<u8> {
        [magic.as_slice(), blake3::hash(body).as_bytes(), body].concat()
    }

    /// Whether a file is refused. Otherwise extracts with it, if it is an extractor.
    fn is_refused(path: &Path, bytes: &[u8]) -> bool {
        std::fs::write(path, bytes).unwrap();
        let read = read(path);
        std::fs::remove_file(path).unwrap();
        if let Ok(TrainedModel::Extractor(extractor)) = &read {
            let columns = extractor.columns().len();
            let row = |text: &'static str| -> SourceTexts<'static> { vec![Some(text); columns] };
            let rows: Vec<_> = TEXTS.into_iter().map(row).collect();
            let spans = extractor.extract(&rows, &|| false).unwrap();
            for (texts, spans) in rows.iter().zip(&spans) {
                for span in spans {
                    assert!(span.attribute < extractor.attributes().len());
                    assert!(span.value(texts).is_some());
                }
            }
        }
        read.is_err()
    }

    #[test]
    fn files_of_both_kinds_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("a.model");
        let (classifier, extractor) = (classifier(), extractor());
        let file = write(&path, CLASSIFIER_MAGIC, &classifier.to_bytes().unwrap()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!((&file.path, file.bytes), (&path, bytes.len() as u64));
        assert_eq!(file.blake3, blake3::hash(&bytes).to_hex().as_str());
        let back = read(&path).unwrap();
        assert_eq!((back.name(), back.kind()), ("shoes", "classifier"));
        // The file has weights with fewer digits.
        let metadata = &back.into_classifier("shoes").unwrap().metadata;
        assert_eq!(*metadata, classifier.metadata);
        write(&path, EXTRACTOR_MAGIC, &extractor.to_bytes()).unwrap();
        let back = read(&path).unwrap();
        assert_eq!((back.name(), back.kind()), ("colors", "extractor"));
        let error = back.clone().into_classifier("colors").err().unwrap();
        assert!(
            error.to_string().contains("is an extractor of color"),
            "{error}"
        );
        let back = back.into_extractor("colors").unwrap();
        assert_eq!(back.metadata, extractor.metadata);
        let rows = [vec![Some("a green kettle")]];
        let found = back.extract(&rows, &|| false).unwrap();
        assert_eq!(found, extractor.extract(&rows, &|| false).unwrap());
        // The body of one kind is not a body of the other.
        for (magic, body) in [
            (EXTRACTOR_MAGIC, classifier.to_bytes().unwrap()),
            (CLASSIFIER_MAGIC, extractor.to_bytes()),
        ] {
            assert!(is_refused(&path, &with_digest(magic, &body)));
        }
    }

    #[test]
    fn damaged_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.model");
        let matcher = TrainedMatcher {
            metadata: MatcherMetadata::default(),
            scorer: PairScorer::default(),
        };
        for (magic, body) in [
            (CLASSIFIER_MAGIC, classifier().to_bytes().unwrap()),
            (EXTRACTOR_MAGIC, extractor().to_bytes()),
            (MATCHER_MAGIC, matcher.to_bytes()),
        ] {
            let whole = with_digest(magic, &body);
            assert!(!is_refused(&path, &whole));
            let version = magic.iter().rposition(u8::is_ascii_digit).unwrap();
            let mut other = whole.clone();
            other[version] = b'9';
            let mut damaged = whole.clone();
            *damaged.last_mut().unwrap() ^= 1;
            for (bytes, says) in [
                (&whole[..10], "is truncated"),
                (&whole[..40], "is truncated"),
                (&whole[..whole.len() - 1], "is damaged or truncated"),
                (&damaged[..], "is damaged"),
                (&other[..], "another version"),
                (b"something else altogether", "is not a model file of semql"),
            ] {
                std::fs::write(&path, bytes).unwrap();
                let message = read(&path).err().unwrap().to_string();
                assert!(message.contains(says), "{message}");
            }
        }
    }

    #[test]
    fn mutated_files_are_refused_or_extract_without_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.model");
        let body = extractor().to_bytes();
        let whole = with_digest(EXTRACTOR_MAGIC, &body);
        let mut random = Random::new(14);
        let (mut refused, cases) = (0, cases(300));
        for case in 0..cases {
            let mut bytes = if case % 2 == 0 {
                whole.clone()
            } else {
                body.clone()
            };
            mutate(&mut bytes, &mut random);
            if case % 2 == 1 {
                bytes = with_digest(EXTRACTOR_MAGIC, &bytes);
            }
            refused += usize::from(is_refused(&path, &bytes));
        }
        assert!(refused > cases / 4, "{refused} of {cases}");
    }
}
