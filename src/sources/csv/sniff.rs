//! Detection of the dialect of a file.

use std::cmp::Reverse;

use super::dialect::Dialect;
use super::survey::{FieldShape, survey_fields, survey_records};
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
    let mut plain = Dialect {
        delimiter,
        escape: None,
    };
    if other_delimiters {
        let candidates = DELIMITERS.iter().map(|delimiter| Dialect {
            delimiter: *delimiter,
            ..plain
        });
        let ranked = candidates.map(|dialect| (DialectRank::of(head, dialect, whole), dialect));
        plain = ranked
            .min_by(|(a, _), (b, _)| a.cmp(b))
            .map_or(plain, |(_, dialect)| dialect);
    }
    let escaped = Dialect {
        escape: Some(b'\\'),
        ..plain
    };
    if !sample.bytes.windows(2).any(|pair| pair == b"\\\"") {
        return plain;
    }
    let faults = |dialect| {
        let (_, survey) = survey_records(&sample.bytes, dialect, sample.whole, None);
        survey.faults() + usize::from(sample.whole && survey.open_since.is_some())
    };
    if faults(escaped) < faults(plain) {
        escaped
    } else {
        plain
    }
}

/// Rank of a dialect; smaller is better. Of equal dialects, the first one counts.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct DialectRank {
    /// Whether records have one field only.
    single: bool,
    /// Share of faulty records in thousandths.
    faults: usize,
    shape: FieldShape,
    fields: Reverse<usize>,
}

impl DialectRank {
    /// Rank with the better of both escapes. The caller decides between them later.
    fn of(head: &[u8], dialect: Dialect, whole: bool) -> Self {
        let with_escape = |escape| {
            let dialect = Dialect { escape, ..dialect };
            let (records, survey) = survey_records(head, dialect, whole, None);
            Self {
                single: survey.fields < 2,
                faults: survey.faults() * 1000 / records.len().max(1),
                shape: survey_fields(&records, dialect),
                fields: Reverse(survey.fields),
            }
        };
        let plain = with_escape(None);
        if head.windows(2).any(|pair| pair == b"\\\"") {
            plain.min(with_escape(Some(b'\\')))
        } else {
            plain
        }
    }
}
