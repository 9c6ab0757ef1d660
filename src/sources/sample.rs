//! The beginning of a file, unpacked: enough to see its dialect and types.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore};

use super::place::unreachable_place;
use crate::error::{Result, ShellError};

/// How many bytes of a location are looked at, all its files together. A file
/// that is not larger is seen whole, so its types hold.
pub const BUDGET: u64 = 8 << 20;

/// The least that is looked at of each file.
const LEAST: u64 = 64 << 10;

/// How many of many files are looked into.
pub const MOST_FILES: usize = 256;

/// Pieces of a long file that are looked at beyond its beginning, where that
/// is cheap: a column of numbers may turn out to be text late.
const PIECES: u64 = 16;
const PIECE: u64 = 64 << 10;

/// The first bytes of a file, unpacked.
pub struct Sample {
    pub bytes: Vec<u8>,
    /// Pieces from further on, whole lines each, the last of them from the end.
    /// A line may be a part of a record.
    pub pieces: Vec<Vec<u8>>,
    /// Whether that is all of it.
    pub whole: bool,
    /// The file's name for messages.
    pub name: String,
}

/// Reads the beginning of one of `files` files; `name` is its name in messages,
/// and `near` says that reading here and there costs little.
///
/// # Errors
/// The file cannot be read, is empty, or its packing is damaged.
pub async fn read(
    store: &Arc<dyn ObjectStore>,
    file: &ObjectMeta,
    compression: FileCompressionType,
    files: usize,
    name: &str,
    near: bool,
) -> Result<Sample> {
    let name = name.to_string();
    let limit = (BUDGET / files.max(1) as u64).max(LEAST);
    if file.size == 0 {
        return Err(ShellError::query(format!("'{name}' is empty")));
    }
    let raw_end = file.size.min(limit);
    let raw = part(store, file, 0..raw_end, &name).await?;
    let raw_whole = raw_end == file.size;
    if compression == FileCompressionType::UNCOMPRESSED {
        let mut pieces = Vec::new();
        if near && !raw_whole {
            for turn in 1..=PIECES {
                let end = raw_end + (file.size - raw_end) / PIECES * turn;
                let end = if turn == PIECES { file.size } else { end };
                let start = end.saturating_sub(PIECE).max(raw_end);
                pieces.push(lines(
                    &part(store, file, start..end, &name).await?,
                    turn == PIECES,
                ));
            }
        }
        return Ok(Sample {
            bytes: raw,
            pieces,
            whole: raw_whole,
            name,
        });
    }
    let (bytes, whole) = unpack(&name, raw, raw_whole, compression, limit)?;
    if bytes.is_empty() {
        return Err(ShellError::query(format!("'{name}' is empty")));
    }
    Ok(Sample {
        bytes,
        pieces: Vec::new(),
        whole,
        name,
    })
}

async fn part(
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
    let bytes = bytes
        .await
        .map_err(|error| unreachable_place(name, &error))?;
    Ok(bytes.to_vec())
}

/// The whole lines among `bytes`; at the end of a file the last one is whole.
fn lines(bytes: &[u8], last: bool) -> Vec<u8> {
    let newline = |byte: &u8| *byte == b'\n';
    let start = bytes
        .iter()
        .position(newline)
        .map_or(bytes.len(), |at| at + 1);
    let end = if last {
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
            // The end of the part that was read, not of the file.
            Err(_) if !raw_whole && !bytes.is_empty() => return Ok((bytes, false)),
            Err(error) => {
                return Err(ShellError::query(format!(
                    "'{name}' cannot be unpacked ({error}); it is damaged, incomplete, or packed otherwise than its name says"
                )));
            }
        }
    }
    Ok((bytes, false))
}

/// Checks that the sample is UTF-8, but for a character cut at its end.
///
/// # Errors
/// Names the line and what to do.
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
    let what = match sample.bytes.get(..2) {
        Some([0xff, 0xfe] | [0xfe, 0xff]) => {
            "it looks like UTF-16; convert it with: iconv -f UTF-16 -t UTF-8"
        }
        _ => "convert it with, for instance: iconv -f WINDOWS-1252 -t UTF-8",
    };
    Err(ShellError::query(format!(
        "'{}' is not valid UTF-8 at line {line} (byte 0x{:02X}); {what}",
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
        assert_eq!(lines(b"ne\ntwo\nthr", false), b"two\n");
        assert_eq!(lines(b"ne\ntwo\nthree", true), b"two\nthree");
        assert_eq!(lines(b"no end", false), b"");
    }

    #[test]
    fn the_place_of_a_bad_byte_is_named() {
        let error = check_text(&sample(b"a\nb\xe9c\n", true)).unwrap_err();
        assert!(error.message.contains("line 2 (byte 0xE9)"), "{error}");
    }

    #[test]
    fn a_character_cut_at_the_end_of_a_part_is_no_error() {
        let cut = &"aä".as_bytes()[..2];
        assert!(check_text(&sample(cut, false)).is_ok());
        assert!(check_text(&sample(cut, true)).is_err());
        assert!(check_text(&sample("\u{fffd}".as_bytes(), true)).is_ok());
    }
}
