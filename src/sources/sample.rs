//! Samples of files, unpacked and in UTF-8, from which dialect and types are inferred.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore};

use super::store_errors::read_error;
use crate::error::{Result, ShellError};
use crate::text_encoding::{TextDecoder, TextEncoding, detect_encoding};

/// Maximum number of bytes sampled for a location, all its files together. The
/// types of a smaller file are exact.
pub const MAX_SAMPLE_BYTES: u64 = 8 << 20;

/// Minimum number of bytes sampled from each file.
const MIN_FILE_SAMPLE_BYTES: u64 = 64 << 10;

/// Maximum number of files sampled for a location.
pub const MAX_SAMPLED_FILES: usize = 256;

/// Number of pieces that are sampled after the start of a long file, if that is
/// cheap: a column of numbers may have text in later rows.
const PIECES: u64 = 16;

/// Maximum size of a piece.
const MAX_PIECE_BYTES: u64 = 64 << 10;

/// Start of a file, unpacked, without a byte order mark. Text in UTF-16 is converted
/// to UTF-8.
pub struct Sample {
    pub bytes: Vec<u8>,
    /// Pieces of whole lines from the rest of the file, the last one from its end.
    /// A line may be part of a record.
    pub pieces: Vec<Vec<u8>>,
    /// Whether `bytes` is the whole file.
    pub whole: bool,
    /// The file's name for messages.
    pub name: String,
}

/// Reads a sample of one of `files` files. `name` is its name in messages, and
/// `random_access` means that reading pieces is cheap. The sample of a packed file
/// without content is empty.
///
/// # Errors
/// A file that cannot be read, has no bytes, cannot be unpacked, or is not valid UTF-16.
pub async fn read(
    store: &Arc<dyn ObjectStore>,
    file: &ObjectMeta,
    compression: FileCompressionType,
    files: usize,
    name: &str,
    random_access: bool,
) -> Result<Sample> {
    let name = name.to_string();
    let limit = (MAX_SAMPLE_BYTES / files.max(1) as u64).max(MIN_FILE_SAMPLE_BYTES);
    if file.size == 0 {
        return Err(ShellError::query(format!("'{name}' is empty")));
    }
    let raw_end = file.size.min(limit);
    let raw = read_range(store, file, 0..raw_end, &name).await?;
    let raw_whole = raw_end == file.size;
    if compression == FileCompressionType::UNCOMPRESSED {
        let mut pieces = Vec::new();
        let is_utf8 = detect_encoding(&raw).0 == TextEncoding::Utf8;
        if random_access && is_utf8 && !raw_whole {
            for turn in 1..=PIECES {
                let end = raw_end + (file.size - raw_end) / PIECES * turn;
                let end = if turn == PIECES { file.size } else { end };
                let start = end.saturating_sub(MAX_PIECE_BYTES).max(raw_end);
                pieces.push(whole_lines(
                    &read_range(store, file, start..end, &name).await?,
                    turn == PIECES,
                ));
            }
        }
        return Ok(Sample {
            bytes: decode(&name, &raw, raw_whole)?,
            pieces,
            whole: raw_whole,
            name,
        });
    }
    let (bytes, whole) = unpack(&name, raw, raw_whole, compression, limit)?;
    Ok(Sample {
        bytes: decode(&name, &bytes, whole)?,
        pieces: Vec::new(),
        whole,
        name,
    })
}

/// Text in UTF-8, as far as the bytes reach.
fn decode(name: &str, bytes: &[u8], whole: bool) -> Result<Vec<u8>> {
    let named = |why| ShellError::query(format!("'{name}' {why}"));
    let mut decoder = TextDecoder::default();
    let mut text = decoder.decode(bytes).map_err(named)?;
    if whole {
        text.extend(decoder.finish().map_err(named)?);
    }
    Ok(text)
}

async fn read_range(
    store: &Arc<dyn ObjectStore>,
    file: &ObjectMeta,
    range: Range<u64>,
    name: &str,
) -> Result<Vec<u8>> {
    let options = GetOptions {
        range: Some(GetRange::Bounded(range)),
        ..GetOptions::default()
    };
    let bytes = async { store.get_opts(&file.location, options).await?.bytes().await };
    let bytes = bytes.await.map_err(|error| read_error(name, &error))?;
    Ok(bytes.to_vec())
}

/// The whole lines in `bytes`. At the end of a file, the last line is whole.
fn whole_lines(bytes: &[u8], at_end: bool) -> Vec<u8> {
    let newline = |byte: &u8| *byte == b'\n';
    let start = bytes
        .iter()
        .position(newline)
        .map_or(bytes.len(), |at| at + 1);
    let end = if at_end {
        Some(bytes.len())
    } else {
        bytes.iter().rposition(newline).map(|at| at + 1)
    };
    bytes
        .get(start..end.unwrap_or(start))
        .unwrap_or_default()
        .to_vec()
}

fn unpack(
    name: &str,
    raw: Vec<u8>,
    raw_whole: bool,
    compression: FileCompressionType,
    limit: u64,
) -> Result<(Vec<u8>, bool)> {
    let mut reader = compression.convert_read(std::io::Cursor::new(raw))?;
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    while (bytes.len() as u64) < limit {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok((bytes, raw_whole)),
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
            // The end of the bytes that were read, not of the file.
            Err(_) if !raw_whole && !bytes.is_empty() => return Ok((bytes, false)),
            Err(error) => {
                return Err(ShellError::query(format!(
                    "'{name}' cannot be unpacked ({error}); it is damaged, incomplete, or in another compression than its name implies"
                )));
            }
        }
    }
    Ok((bytes, false))
}

/// Checks that the sample is UTF-8, except for a character cut off at its end.
///
/// # Errors
/// The line, and how to convert the file.
pub fn check_text(sample: &Sample) -> Result<()> {
    let Err(error) = std::str::from_utf8(&sample.bytes) else {
        return Ok(());
    };
    let at = error.valid_up_to();
    if !sample.whole && error.error_len().is_none() {
        return Ok(());
    }
    let line = 1 + sample.bytes[..at]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count();
    Err(ShellError::query(format!(
        "'{}' is not valid UTF-8 at line {line} (byte 0x{:02X}); \
         convert it with, for instance: iconv -f WINDOWS-1252 -t UTF-8",
        sample.name, sample.bytes[at]
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(bytes: &[u8], whole: bool) -> Sample {
        Sample {
            bytes: bytes.to_vec(),
            pieces: Vec::new(),
            whole,
            name: "x.csv".into(),
        }
    }

    #[test]
    fn pieces_are_whole_lines() {
        assert_eq!(whole_lines(b"ne\ntwo\nthr", false), b"two\n");
        assert_eq!(whole_lines(b"ne\ntwo\nthree", true), b"two\nthree");
        assert_eq!(whole_lines(b"no end", false), b"");
    }

    #[test]
    fn a_bad_byte_is_reported_with_its_line() {
        let error = check_text(&sample(b"a\nb\xe9c\n", true)).unwrap_err();
        assert!(error.message.contains("line 2 (byte 0xE9)"), "{error}");
    }

    #[test]
    fn a_character_cut_off_at_the_end_of_a_sample_is_valid() {
        let cut = &"aä".as_bytes()[..2];
        assert!(check_text(&sample(cut, false)).is_ok());
        assert!(check_text(&sample(cut, true)).is_err());
        assert!(check_text(&sample("\u{fffd}".as_bytes(), true)).is_ok());
    }
}
