//! Columns of delimited text: names, types, and faults of the records.

use std::collections::{HashMap, HashSet};

use super::column::ColumnEvidence;
use super::dialect::Dialect;
use super::faults::{field_count, open_quote, uneven_record};
use super::records::Records;
use super::survey::survey_records;
use crate::error::{Result, ShellError};
use crate::sources::sample::{Sample, check_text};

/// Maximum number of columns of a file.
pub const MAX_COLUMNS: usize = 16_384;

/// Names of the columns of a file, and what their values show.
#[derive(Clone, Debug)]
pub struct SampledColumns {
    pub names: Vec<String>,
    pub evidence: Vec<ColumnEvidence>,
}

impl SampledColumns {
    fn add_records(&mut self, records: &Records, first: usize, dialect: Dialect) {
        let commas = dialect.has_decimal_commas();
        for record in first..records.len() {
            for (evidence, (value, _)) in self.evidence.iter_mut().zip(records.fields(record)) {
                if !value.is_empty() {
                    evidence.add(&String::from_utf8_lossy(value), commas);
                }
            }
        }
    }
}

/// Reads the columns of a file from a sample.
///
/// # Errors
/// Text that is not UTF-8, records of uneven length, an unclosed quote: each with
/// its line.
pub fn read_sample(sample: &Sample, dialect: Dialect) -> Result<SampledColumns> {
    check_text(sample)?;
    let name = &sample.name;
    let (records, found) = survey_records(&sample.bytes, dialect, sample.whole, None);
    if let Some((line, fields)) = found.first_uneven {
        return Err(uneven_record(name, line, fields, found.fields, dialect));
    }
    if let (Some(line), true) = (found.open_since, sample.whole) {
        return Err(open_quote(name, line));
    }
    if found.fields > MAX_COLUMNS {
        return Err(ShellError::query(format!(
            "'{name}' has {}; at most {MAX_COLUMNS} are allowed (delimiter {})",
            field_count(found.fields),
            dialect.shown_delimiter()
        )));
    }
    if records.is_empty() {
        return Err(ShellError::query(format!("'{name}' has no header line")));
    }
    let mut names = ColumnNames::default();
    let mut columns = SampledColumns {
        names: records
            .fields(0)
            .enumerate()
            .map(|(position, (field, _))| names.unique(&String::from_utf8_lossy(field), position))
            .collect(),
        evidence: vec![ColumnEvidence::default(); found.fields],
    };
    columns.add_records(&records, 1, dialect);
    for piece in &sample.pieces {
        add_piece(&mut columns, piece, dialect);
    }
    Ok(columns)
}

/// Adds a piece of the file. A piece that starts within quotes does not look like
/// whole records, and is ignored.
fn add_piece(columns: &mut SampledColumns, piece: &[u8], dialect: Dialect) {
    let count = columns.names.len();
    let (records, found) = survey_records(piece, dialect, true, Some(count));
    if found.fields == count && found.faults() == 0 && found.open_since.is_none() {
        columns.add_records(&records, 0, dialect);
    }
}

/// Distinct names of columns.
#[derive(Default)]
struct ColumnNames {
    taken: HashSet<String>,
    /// Next suffix to try for a name.
    next: HashMap<String, usize>,
}

impl ColumnNames {
    /// Name of a column: its number for a blank name, a suffix for a repeated one.
    fn unique(&mut self, name: &str, position: usize) -> String {
        let base = if name.trim().is_empty() {
            format!("column_{}", position + 1)
        } else {
            name.to_string()
        };
        if self.taken.insert(base.clone()) {
            return base;
        }
        let count = self.next.entry(base.clone()).or_insert(2);
        loop {
            let candidate = format!("{base}_{count}");
            *count += 1;
            if self.taken.insert(candidate.clone()) {
                return candidate;
            }
        }
    }
}
