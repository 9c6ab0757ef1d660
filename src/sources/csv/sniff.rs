//! Detection of the dialect of a file.

use super::dialect::Dialect;
use super::survey::survey_records;
use crate::sources::sample::Sample;

/// Delimiters to detect, the most frequent first.
pub const DELIMITERS: &[u8] = b",;\t|";

/// Maximum number of bytes of a sample that determine the delimiter.
const MAX_SNIFFED_BYTES: usize = 256 << 10;

/// Dialect with the fewest faults. By default, `delimiter` without escapes; only
/// `other_delimiters` allows other delimiters.
pub fn sniff_dialect(sample: &Sample, delimiter: u8, other_delimiters: bool) -> Dialect {
    let head = &sample.bytes[..sample.bytes.len().min(MAX_SNIFFED_BYTES)];
    let whole = sample.whole && head.len() == sample.bytes.len();
    let plain = Dialect {
        delimiter,
        escape: None,
    };
    let others = DELIMITERS
        .iter()
        .filter(|_| other_delimiters)
        .map(|delimiter| Dialect {
            delimiter: *delimiter,
            ..plain
        });
    // More than one field first, then even records.
    let mut best = (plain, rank(head, plain, whole));
    for candidate in others {
        let rank = rank(head, candidate, whole);
        if rank < best.1 {
            best = (candidate, rank);
        }
    }
    let plain = best.0;
    let escaped = Dialect {
        escape: Some(b'\\'),
        ..plain
    };
    if !sample.bytes.windows(2).any(|pair| pair == b"\\\"") {
        return plain;
    }
    let faults = |dialect| {
        let survey = survey_records(&sample.bytes, dialect, sample.whole);
        survey.faults() + usize::from(sample.whole && survey.open_since.is_some())
    };
    if faults(escaped) < faults(plain) {
        escaped
    } else {
        plain
    }
}

/// Rank of a dialect; smaller is better. Whether records have one field only, then
/// the share of faulty records in thousandths.
fn rank(head: &[u8], dialect: Dialect, whole: bool) -> (bool, usize) {
    // The better of both escapes. The caller decides between them later.
    let faults = |escape| {
        let survey = survey_records(head, Dialect { escape, ..dialect }, whole);
        (
            survey.fields < 2,
            survey.faults() * 1000 / survey.records.max(1),
        )
    };
    faults(None).min(faults(Some(b'\\')))
}
