//! Signs in the records of delimited text that a dialect is right or wrong.

use super::column::ColumnEvidence;
use super::dialect::Dialect;
use super::records::{RecordSplitter, Records};

/// Maximum number of records whose values are compared with types.
const MAX_TYPED_RECORDS: usize = 200;

/// Result of a pass over the records.
#[derive(Debug, Default)]
pub struct RecordSurvey {
    /// Number of fields of the first record.
    pub fields: usize,
    /// Number of records with another number of fields.
    uneven: usize,
    /// Line and number of fields of the first such record.
    pub first_uneven: Option<(usize, usize)>,
    /// Number of quotes that close within a field.
    stray_quotes: usize,
    /// First line of a quoted field that is open at the end.
    pub open_since: Option<usize>,
}

impl RecordSurvey {
    /// Number of signs that the dialect is wrong.
    pub fn faults(&self) -> usize {
        self.uneven + self.stray_quotes
    }
}

/// Splits a text into records and surveys them. `whole` means that the last record
/// ends with `bytes`; otherwise it is dropped, unless it is the only one. `columns`
/// is the number of columns, where the first record is not the header.
pub fn survey_records(
    bytes: &[u8],
    dialect: Dialect,
    whole: bool,
    columns: Option<usize>,
) -> (Records, RecordSurvey) {
    let mut splitter = RecordSplitter::new(dialect);
    let mut records = Records::default();
    let mut read = 0;
    if columns.is_none() {
        read = splitter.split(bytes, &mut records, |_| true);
    }
    let one_column = !records.is_empty() && records.field_count(0) == 1;
    splitter.keep_blank_lines = columns.map_or(one_column, |columns| columns == 1);
    splitter.split(&bytes[read..], &mut records, |_| false);
    let open_since = splitter.open_quote();
    if whole || records.is_empty() {
        splitter.finish(&mut records);
    }
    let mut survey = RecordSurvey {
        open_since,
        stray_quotes: splitter.stray_quotes,
        ..RecordSurvey::default()
    };
    for record in 0..records.len() {
        let fields = records.field_count(record);
        if record == 0 {
            survey.fields = fields;
        } else if fields != survey.fields {
            survey.uneven += 1;
            survey
                .first_uneven
                .get_or_insert((records.line(record), fields));
        }
    }
    (records, survey)
}

/// Shares of the fields that look cut at the wrong places, or at the right ones, in
/// thousandths.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldShape {
    /// Quotes within a field that starts without one.
    inner_quotes: usize,
    /// Fields after a delimiter that start with a space.
    spaced: usize,
    /// Fields that are not numbers, times or Boolean values.
    texts: usize,
}

/// Surveys the fields of the first records.
pub fn survey_fields(records: &Records, dialect: Dialect) -> FieldShape {
    let commas = dialect.has_decimal_commas();
    let (mut fields, mut inner_quotes, mut spaced) = (0, 0, 0);
    let (mut values, mut texts) = (0, 0);
    for record in 0..records.len().min(MAX_TYPED_RECORDS) {
        for (position, (field, quoted)) in records.fields(record).enumerate() {
            fields += 1;
            inner_quotes += usize::from(!quoted && field.contains(&b'"'));
            spaced += usize::from(position > 0 && field.first() == Some(&b' '));
            if record > 0 && !field.is_empty() {
                let mut evidence = ColumnEvidence::default();
                evidence.add(&String::from_utf8_lossy(field), commas);
                values += 1;
                texts += usize::from(!evidence.is_typed());
            }
        }
    }
    FieldShape {
        inner_quotes: inner_quotes * 1000 / fields.max(1),
        spaced: spaced * 1000 / fields.max(1),
        texts: texts * 1000 / values.max(1),
    }
}
