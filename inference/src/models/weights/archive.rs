//! Reader of the central directory of a zip archive.
//!
//! It supports what PyTorch writes: stored entries in a single file, with 64-bit
//! sizes where needed. Every number is checked against the file, and memory is
//! proportional to the number of entries.

use std::collections::HashMap;
use std::ops::Range;

/// Maximum entries of an archive; PyTorch writes one per storage.
const MAX_ENTRIES: u64 = 1 << 16;

/// Signatures of the records, and the sizes of their fixed parts.
const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
const LOCAL_HEADER_BYTES: usize = 30;
const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
const END: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_BYTES: usize = 20;
const END_64: &[u8] = b"PK\x06\x06";
const END_64_BYTES: usize = 56;

/// Id of the extra field with 64-bit numbers.
const ZIP64_FIELD: u16 = 1;

/// Flag of an encrypted entry.
const ENCRYPTED: u16 = 1;

/// The entries of an archive.
#[derive(Debug)]
pub(super) struct Archive<'a> {
    bytes: &'a [u8],
    names: Vec<&'a [u8]>,
    entries: HashMap<&'a [u8], Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Whether the entry is neither compressed nor encrypted.
    stored: bool,
    size: u64,
    /// Offset of the local header.
    header: u64,
}

/// Error of reading an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartError {
    Missing,
    /// The entry is compressed or encrypted.
    Packed,
    Truncated,
}

impl<'a> Archive<'a> {
    /// Reads the directory. Of several entries with the same name, the last one
    /// is used.
    ///
    /// # Errors
    /// The reason why the archive is invalid.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let end = end_record(bytes).ok_or("its end is missing")?;
        let directory = Directory::read(bytes, end).ok_or("the end of its directory is damaged")?;
        if directory.entries > MAX_ENTRIES {
            return Err("it has too many parts");
        }
        let mut archive = Self {
            bytes,
            names: Vec::new(),
            entries: HashMap::new(),
        };
        let mut rest = directory.bytes;
        for _ in 0..directory.entries {
            let (name, entry, after) = entry(rest).ok_or("its directory is damaged")?;
            archive.names.push(name);
            archive.entries.insert(name, entry);
            rest = after;
        }
        Ok(archive)
    }

    /// Names of the entries, in the order of the directory.
    pub(super) fn names(&self) -> &[&'a [u8]] {
        &self.names
    }

    /// Byte range of an entry.
    ///
    /// # Errors
    /// [`PartError`].
    pub(super) fn part(&self, name: &[u8]) -> Result<Range<usize>, PartError> {
        let entry = self.entries.get(name).ok_or(PartError::Missing)?;
        if !entry.stored {
            return Err(PartError::Packed);
        }
        self.range(entry).ok_or(PartError::Truncated)
    }

    fn range(&self, entry: &Entry) -> Option<Range<usize>> {
        let header = usize::try_from(entry.header).ok()?;
        let local = record(self.bytes, header, LOCAL_HEADER, LOCAL_HEADER_BYTES)?;
        let names = usize::from(u16_at(local, 26)?) + usize::from(u16_at(local, 28)?);
        let start = header.checked_add(LOCAL_HEADER_BYTES)?.checked_add(names)?;
        let end = start.checked_add(usize::try_from(entry.size).ok()?)?;
        (end <= self.bytes.len()).then_some(start..end)
    }
}

/// The central directory of an archive.
struct Directory<'a> {
    entries: u64,
    bytes: &'a [u8],
}

impl<'a> Directory<'a> {
    /// The directory at the position in the end record at `end`, or in the 64-bit
    /// end record, if there is a locator.
    fn read(bytes: &'a [u8], end: usize) -> Option<Self> {
        let locator = end
            .checked_sub(LOCATOR_BYTES)
            .and_then(|at| record(bytes, at, LOCATOR, LOCATOR_BYTES));
        let (entries, size, start, limit) = match locator {
            Some(locator) => {
                let at = usize::try_from(u64_at(locator, 8)?).ok()?;
                let end = record(bytes, at, END_64, END_64_BYTES)?;
                (u64_at(end, 32)?, u64_at(end, 40)?, u64_at(end, 48)?, at)
            }
            None => {
                let record = record(bytes, end, END, END_BYTES)?;
                (
                    u16_at(record, 10)?.into(),
                    u32_at(record, 12)?.into(),
                    u32_at(record, 16)?.into(),
                    end,
                )
            }
        };
        let start = usize::try_from(start).ok()?;
        let after = start.checked_add(usize::try_from(size).ok()?)?;
        let bytes = bytes.get(start..after).filter(|_| after <= limit)?;
        Some(Self { entries, bytes })
    }
}

/// Offset of the end record: the last one whose comment ends the file.
fn end_record(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(END_BYTES)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    (first..=last).rev().find(|at| {
        let comment = record(bytes, *at, END, END_BYTES).and_then(|end| u16_at(end, 20));
        comment.is_some_and(|length| at + END_BYTES + usize::from(length) == bytes.len())
    })
}

/// Name and data of the first entry of a directory, and the remaining bytes.
fn entry(directory: &[u8]) -> Option<(&[u8], Entry, &[u8])> {
    let fixed = record(directory, 0, ENTRY, ENTRY_BYTES)?;
    let length = |at: usize| u16_at(fixed, at).map(usize::from);
    let rest = directory.get(ENTRY_BYTES..)?;
    let (name, rest) = rest.split_at_checked(length(28)?)?;
    let (extra, rest) = rest.split_at_checked(length(30)?)?;
    let (_, rest) = rest.split_at_checked(length(32)?)?;
    // u32::MAX is a placeholder for the next number in the zip64 field.
    let mut wide = zip64_numbers(extra).unwrap_or_default();
    let mut number = |at: usize| match u32_at(fixed, at)? {
        u32::MAX => {
            let (number, rest) = wide.split_first_chunk()?;
            wide = rest;
            Some(u64::from_le_bytes(*number))
        }
        number => Some(number.into()),
    };
    let (size, packed, header) = (number(24)?, number(20)?, number(42)?);
    let (flags, method) = (u16_at(fixed, 8)?, u16_at(fixed, 10)?);
    let entry = Entry {
        stored: method == 0 && flags & ENCRYPTED == 0 && size == packed,
        size,
        header,
    };
    Some((name, entry, rest))
}

/// Content of the zip64 field among the extra fields.
fn zip64_numbers(mut extra: &[u8]) -> Option<&[u8]> {
    loop {
        let (kind, length) = (u16_at(extra, 0)?, u16_at(extra, 2)?);
        let (field, rest) = extra.get(4..)?.split_at_checked(usize::from(length))?;
        if kind == ZIP64_FIELD {
            return Some(field);
        }
        extra = rest;
    }
}

/// Fixed part of the record at `at`, if it has the signature `kind`.
fn record<'a>(bytes: &'a [u8], at: usize, kind: &[u8], length: usize) -> Option<&'a [u8]> {
    let record = bytes.get(at..at.checked_add(length)?)?;
    record.starts_with(kind).then_some(record)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;

    fn archive(parts: &[(&str, &[u8])], options: SimpleFileOptions) -> Vec<u8> {
        let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in parts {
            zip.start_file(*name, options).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn stored() -> SimpleFileOptions {
        SimpleFileOptions::default().compression_method(CompressionMethod::Stored)
    }

    #[test]
    fn entries_are_found_by_name() {
        for options in [stored(), stored().large_file(true)] {
            let bytes = archive(&[("m/a", b"first"), ("m/b", b""), ("c", b"third")], options);
            let archive = Archive::read(&bytes).unwrap();
            assert_eq!(archive.names(), [b"m/a".as_slice(), b"m/b", b"c"]);
            for (name, expected) in [("m/a", "first"), ("m/b", ""), ("c", "third")] {
                let range = archive.part(name.as_bytes()).unwrap();
                assert_eq!(&bytes[range], expected.as_bytes(), "{name}");
            }
            assert_eq!(archive.part(b"a"), Err(PartError::Missing));
        }
    }

    #[test]
    fn wrong_counts_and_offsets_are_refused() {
        let whole = archive(&[("a", b"first"), ("b", b"second")], stored());
        let end = end_record(&whole).unwrap();
        for (at, bytes) in [
            (10, [0xff, 0xff].as_slice()),
            (10, &[3, 0]),
            (12, &[0xff; 4]),
            (16, &[0xff; 4]),
            (20, &[1, 0]),
        ] {
            let mut damaged = whole.clone();
            damaged[end + at..][..bytes.len()].copy_from_slice(bytes);
            assert!(Archive::read(&damaged).is_err(), "{at}");
        }
        // The offset of the first local header is wrong.
        let directory = u32_at(&whole, end + 16).unwrap() as usize;
        for offset in [1, u32::MAX - 1] {
            let mut damaged = whole.clone();
            damaged[directory + 42..][..4].copy_from_slice(&offset.to_le_bytes());
            let archive = Archive::read(&damaged).unwrap();
            assert_eq!(archive.part(b"a"), Err(PartError::Truncated));
        }
    }

    #[test]
    fn compressed_and_encrypted_entries_are_detected() {
        let whole = archive(&[("a", b"first")], stored());
        let directory = u32_at(&whole, end_record(&whole).unwrap() + 16).unwrap() as usize;
        for (at, value) in [(8, 1), (10, 8)] {
            let mut packed = whole.clone();
            packed[directory + at] = value;
            let archive = Archive::read(&packed).unwrap();
            assert_eq!(archive.part(b"a"), Err(PartError::Packed));
        }
    }
}
