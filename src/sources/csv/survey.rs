//! Scan of the records of delimited text.

use std::collections::HashSet;

use super::dialect::Dialect;

/// Result of a pass over the records.
#[derive(Debug, Default)]
pub struct RecordSurvey {
    pub records: usize,
    /// Number of fields of the first record.
    pub fields: usize,
    /// Number of records with another number of fields.
    uneven: usize,
    /// Line and number of fields of the first such record.
    pub first_uneven: Option<(usize, usize)>,
    /// Number of quotes that close within a field.
    stray_quotes: usize,
    /// End of the last whole record.
    pub end: usize,
    /// First line of a quoted field that is open at the end.
    pub open_since: Option<usize>,
    /// Columns with digits after a leading zero: codes rather than numbers.
    pub codes: HashSet<usize>,
}

impl RecordSurvey {
    /// Number of signs that the dialect is wrong.
    pub fn faults(&self) -> usize {
        self.uneven + self.stray_quotes
    }

    fn record(&mut self, line: usize, fields: usize, end: usize) {
        self.records += 1;
        self.end = end;
        if self.records == 1 {
            self.fields = fields;
        } else if fields != self.fields {
            self.uneven += 1;
            self.first_uneven.get_or_insert((line, fields));
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FieldState {
    Start,
    Plain,
    Quoted,
    /// After a quote within quotes: the end, or the first of two quotes.
    Closed,
    Escaped,
}

/// Scans the records as the engine's reader does. `whole` means that the last
/// record ends with `bytes`.
pub fn survey_records(bytes: &[u8], dialect: Dialect, whole: bool) -> RecordSurvey {
    let mut found = RecordSurvey::default();
    let (mut state, mut line, mut record_line) = (FieldState::Start, 1, 1);
    let (mut fields, mut field_start, mut opened) = (0, 0, 1);
    for (position, &byte) in bytes.iter().enumerate() {
        let newline = byte == b'\n';
        let next = match state {
            FieldState::Quoted if Some(byte) == dialect.escape => FieldState::Escaped,
            FieldState::Quoted if byte == b'"' => FieldState::Closed,
            FieldState::Quoted | FieldState::Escaped => FieldState::Quoted,
            FieldState::Start if byte == b'"' => {
                opened = line;
                FieldState::Quoted
            }
            FieldState::Closed if byte == b'"' => FieldState::Quoted,
            FieldState::Start | FieldState::Plain | FieldState::Closed
                if byte == dialect.delimiter =>
            {
                note_code(&mut found, fields, &bytes[field_start..position]);
                fields += 1;
                field_start = position + 1;
                FieldState::Start
            }
            FieldState::Start | FieldState::Plain | FieldState::Closed
                if newline || byte == b'\r' =>
            {
                // A record without any character is a blank line.
                if fields > 0 || state != FieldState::Start {
                    note_code(&mut found, fields, &bytes[field_start..position]);
                    found.record(record_line, fields + 1, position + 1);
                }
                fields = 0;
                field_start = position + 1;
                record_line = line + usize::from(newline);
                FieldState::Start
            }
            FieldState::Closed => {
                found.stray_quotes += 1;
                FieldState::Plain
            }
            FieldState::Start | FieldState::Plain => FieldState::Plain,
        };
        state = next;
        line += usize::from(newline);
    }
    if matches!(state, FieldState::Quoted | FieldState::Escaped) {
        found.open_since = Some(opened);
    }
    if whole && (fields > 0 || state != FieldState::Start) {
        note_code(&mut found, fields, &bytes[field_start..]);
        found.record(record_line, fields + 1, bytes.len());
    }
    found
}

fn note_code(found: &mut RecordSurvey, field: usize, text: &[u8]) {
    if found.records > 0 && text.len() > 1 && text[0] == b'0' && text.iter().all(u8::is_ascii_digit)
    {
        found.codes.insert(field);
    }
}
