//! Records of delimited text: their fields, and whether each was quoted.

use std::ops::Range;

use memchr::{memchr, memchr2, memchr2_iter, memchr3};

use super::dialect::Dialect;

/// Whole records, without their quotes, escapes and delimiters.
#[derive(Debug, Default)]
pub struct Records {
    /// All fields, one after the other.
    pub text: Vec<u8>,
    /// End of each field in `text`.
    ends: Vec<usize>,
    /// Whether each field was quoted.
    quoted: Vec<bool>,
    /// Number of fields up to the end of each record, and its first line.
    records: Vec<(usize, usize)>,
}

impl Records {
    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.quoted.clear();
        self.records.clear();
    }

    /// First line of a record, from 1.
    pub fn line(&self, record: usize) -> usize {
        self.records[record].1
    }

    pub fn field_count(&self, record: usize) -> usize {
        self.records[record].0 - self.first_field(record)
    }

    /// Bytes of a field, and whether it was quoted.
    pub fn field(&self, record: usize, field: usize) -> (&[u8], bool) {
        let (range, quoted) = self.field_range(record, field);
        (&self.text[range], quoted)
    }

    /// Where a field is in `text`, and whether it was quoted.
    pub fn field_range(&self, record: usize, field: usize) -> (Range<usize>, bool) {
        let field = self.first_field(record) + field;
        let start = field.checked_sub(1).map_or(0, |before| self.ends[before]);
        (start..self.ends[field], self.quoted[field])
    }

    /// Fields of a record.
    pub fn fields(&self, record: usize) -> impl Iterator<Item = (&[u8], bool)> {
        (0..self.field_count(record)).map(move |field| self.field(record, field))
    }

    fn first_field(&self, record: usize) -> usize {
        record
            .checked_sub(1)
            .map_or(0, |before| self.records[before].0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FieldState {
    Start,
    Plain,
    Quoted,
    /// After a quote within quotes: the end, or the first of two quotes.
    Closed,
    Escaped,
}

/// Incremental splitter of delimited text into records.
#[derive(Debug)]
pub struct RecordSplitter {
    dialect: Dialect,
    /// Whether a blank line is a record with one empty field, as in a file of one
    /// column.
    pub keep_blank_lines: bool,
    state: FieldState,
    quoted: bool,
    /// Number of whole fields of the open record.
    fields: usize,
    line: usize,
    record_line: usize,
    /// Line on which the last quote opened.
    opened: usize,
    after_return: bool,
    /// Number of quotes that close within a field.
    pub stray_quotes: usize,
}

impl RecordSplitter {
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            keep_blank_lines: false,
            state: FieldState::Start,
            quoted: false,
            fields: 0,
            line: 1,
            record_line: 1,
            opened: 1,
            after_return: false,
            stray_quotes: 0,
        }
    }

    /// Appends the records in `bytes` until `is_full`, and returns the number of
    /// bytes that were read. The last record may be open.
    pub fn split(
        &mut self,
        bytes: &[u8],
        records: &mut Records,
        is_full: impl Fn(&Records) -> bool,
    ) -> usize {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.state {
                FieldState::Quoted => {
                    at += self.read_quoted(&bytes[at..], records);
                    continue;
                }
                FieldState::Escaped => {
                    self.count_lines(&bytes[at..=at]);
                    records.text.push(byte);
                    self.state = FieldState::Quoted;
                }
                FieldState::Start if byte == b'"' => {
                    self.opened = self.line;
                    self.quoted = true;
                    self.after_return = false;
                    self.state = FieldState::Quoted;
                }
                FieldState::Closed if byte == b'"' => {
                    records.text.push(byte);
                    self.state = FieldState::Quoted;
                }
                _ if byte == self.dialect.delimiter => {
                    self.after_return = false;
                    self.end_field(records);
                }
                _ if byte == b'\n' || byte == b'\r' => {
                    let before = records.len();
                    self.end_line(byte, records);
                    if records.len() > before && is_full(records) {
                        return at + 1;
                    }
                }
                _ => {
                    at += self.read_plain(&bytes[at..], records);
                    continue;
                }
            }
            at += 1;
        }
        at
    }

    /// Appends the record that the end of the text closes. Returns the line of a
    /// quote that is open.
    pub fn finish(&mut self, records: &mut Records) -> Option<usize> {
        let open = matches!(self.state, FieldState::Quoted | FieldState::Escaped);
        if self.is_in_record() {
            self.end_record(records);
        }
        open.then_some(self.opened)
    }

    /// Line of a quote that is open.
    pub fn open_quote(&self) -> Option<usize> {
        matches!(self.state, FieldState::Quoted | FieldState::Escaped).then_some(self.opened)
    }

    /// Whether a record is open.
    pub fn is_in_record(&self) -> bool {
        self.fields > 0 || self.state != FieldState::Start
    }

    fn read_quoted(&mut self, bytes: &[u8], records: &mut Records) -> usize {
        let escape = self.dialect.escape;
        let end = match escape {
            None => memchr(b'"', bytes),
            Some(escape) => memchr2(b'"', escape, bytes),
        };
        let inside = &bytes[..end.unwrap_or(bytes.len())];
        self.count_lines(inside);
        records.text.extend_from_slice(inside);
        let Some(end) = end else {
            return bytes.len();
        };
        self.after_return = false;
        self.state = match bytes[end] {
            b'"' => FieldState::Closed,
            _ => FieldState::Escaped,
        };
        end + 1
    }

    fn read_plain(&mut self, bytes: &[u8], records: &mut Records) -> usize {
        self.stray_quotes += usize::from(self.state == FieldState::Closed);
        self.state = FieldState::Plain;
        self.after_return = false;
        let delimiter = self.dialect.delimiter;
        let end = memchr3(delimiter, b'\n', b'\r', bytes).unwrap_or(bytes.len());
        records.text.extend_from_slice(&bytes[..end]);
        end
    }

    fn end_field(&mut self, records: &mut Records) {
        records.ends.push(records.text.len());
        records.quoted.push(self.quoted);
        self.quoted = false;
        self.fields += 1;
        self.state = FieldState::Start;
    }

    fn end_record(&mut self, records: &mut Records) {
        self.end_field(records);
        records.records.push((records.ends.len(), self.record_line));
        self.fields = 0;
    }

    fn end_line(&mut self, byte: u8, records: &mut Records) {
        let second_half = byte == b'\n' && self.after_return;
        if self.is_in_record() || (self.keep_blank_lines && !second_half) {
            self.end_record(records);
        }
        self.count_lines(&[byte]);
        self.record_line = self.line;
    }

    /// Counts line feeds, carriage returns, and pairs of both.
    fn count_lines(&mut self, bytes: &[u8]) {
        let mut next = 0;
        for at in memchr2_iter(b'\n', b'\r', bytes) {
            let follows_return = self.after_return && at == next;
            self.line += usize::from(bytes[at] == b'\r' || !follows_return);
            self.after_return = bytes[at] == b'\r';
            next = at + 1;
        }
        if next < bytes.len() {
            self.after_return = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMAS: Dialect = Dialect {
        delimiter: b',',
        escape: None,
    };

    /// Records with their lines, split in pieces of `step` bytes. A quoted field is
    /// shown in brackets.
    fn split(text: &str, step: usize, keep_blank_lines: bool) -> Vec<(usize, String)> {
        let mut splitter = RecordSplitter::new(COMMAS);
        splitter.keep_blank_lines = keep_blank_lines;
        let mut records = Records::default();
        for piece in text.as_bytes().chunks(step) {
            assert_eq!(splitter.split(piece, &mut records, |_| false), piece.len());
        }
        splitter.finish(&mut records);
        let shown = |(text, quoted): (&[u8], bool)| {
            let text = String::from_utf8_lossy(text).into_owned();
            if quoted { format!("[{text}]") } else { text }
        };
        (0..records.len())
            .map(|record| {
                let fields: Vec<String> = records.fields(record).map(shown).collect();
                (records.line(record), fields.join("|"))
            })
            .collect()
    }

    #[test]
    fn quotes_are_kept_apart_from_nothing_in_pieces_of_any_size() {
        let text = "a,b\r\n\"\",\r\n\r\n\"x\"\"y\r\nz\",1\r\rl\"m,\"n\"o";
        for step in 1..20 {
            let found = split(text, step, false);
            let expected = [
                (1, "a|b"),
                (2, "[]|"),
                (4, "[x\"y\r\nz]|1"),
                (7, "l\"m|[no]"),
            ];
            let expected = expected.map(|(line, text)| (line, text.to_string()));
            assert_eq!(found, expected, "{step}");
        }
    }

    #[test]
    fn a_blank_line_may_be_a_record() {
        for (text, step) in [("a\n\n1\n", 1), ("a\r\n\r\n1\r\n", 1), ("a\r\r1", 2)] {
            let found = split(text, step, true);
            let expected = [(1, "a"), (2, ""), (3, "1")];
            let expected = expected.map(|(line, text)| (line, text.to_string()));
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn a_full_batch_ends_at_a_record() {
        let mut splitter = RecordSplitter::new(COMMAS);
        let mut records = Records::default();
        let text = b"a,b\n1,2\n3,4\n";
        assert_eq!(splitter.split(text, &mut records, |r| r.len() >= 2), 8);
        assert_eq!(records.len(), 2);
    }
}
