//! Delimited text: which delimiter and which escapes a file uses, whether its
//! records are even, and the types of its columns.

use std::collections::{HashMap, HashSet};

use arrow::csv::reader::Format as Reader;
use arrow::datatypes::{DataType, Field, Schema};

use super::sample::{Sample, check_text};
use crate::error::{Result, ShellError};

/// Delimiters that are looked for, the likeliest first.
const DELIMITERS: &[u8] = b",;\t|";

/// Most columns of a file.
const MAX_COLUMNS: usize = 16_384;

/// How much of a sample the choice of a delimiter looks at.
const LOOK: usize = 256 << 10;

/// How a file writes its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub delimiter: u8,
    /// Set where quotes within quotes are written `\"` and not `""`.
    pub escape: Option<u8>,
}

/// What a pass over the records finds.
#[derive(Debug, Default)]
struct Survey {
    records: usize,
    /// Fields of the first record.
    fields: usize,
    /// Records with another number of fields; the first: line and fields.
    uneven: usize,
    first_uneven: Option<(usize, usize)>,
    /// Quotes that close amid a field.
    stray_quotes: usize,
    /// Where the last whole record ends.
    end: usize,
    /// A quoted field was still open at the end; the line it began on.
    open_since: Option<usize>,
    /// Columns with digits after a leading zero: codes rather than numbers.
    codes: HashSet<usize>,
}

impl Survey {
    fn faults(&self) -> usize {
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
enum At {
    Start,
    Plain,
    Quoted,
    /// After a quote within quotes: the end, or the first of two.
    Closed,
    Escaped,
}

/// Goes over the records the way the engine's reader does.
fn survey(bytes: &[u8], dialect: Dialect, whole: bool) -> Survey {
    let mut found = Survey::default();
    let (mut at, mut line, mut record_line) = (At::Start, 1, 1);
    let (mut fields, mut field_start, mut opened) = (0, 0, 1);
    for (position, &byte) in bytes.iter().enumerate() {
        let newline = byte == b'\n';
        let next = match at {
            At::Quoted if Some(byte) == dialect.escape => At::Escaped,
            At::Quoted if byte == b'"' => At::Closed,
            At::Quoted | At::Escaped => At::Quoted,
            At::Start if byte == b'"' => {
                opened = line;
                At::Quoted
            }
            At::Closed if byte == b'"' => At::Quoted,
            At::Start | At::Plain | At::Closed if byte == dialect.delimiter => {
                note_code(&mut found, fields, &bytes[field_start..position]);
                fields += 1;
                field_start = position + 1;
                At::Start
            }
            At::Start | At::Plain | At::Closed if newline || byte == b'\r' => {
                // A record that is nothing at all is a blank line.
                if fields > 0 || at != At::Start {
                    note_code(&mut found, fields, &bytes[field_start..position]);
                    found.record(record_line, fields + 1, position + 1);
                }
                fields = 0;
                field_start = position + 1;
                record_line = line + usize::from(newline);
                At::Start
            }
            At::Closed => {
                found.stray_quotes += 1;
                At::Plain
            }
            At::Start | At::Plain => At::Plain,
        };
        at = next;
        line += usize::from(newline);
    }
    if matches!(at, At::Quoted | At::Escaped) {
        found.open_since = Some(opened);
    }
    if whole && (fields > 0 || at != At::Start) {
        note_code(&mut found, fields, &bytes[field_start..]);
        found.record(record_line, fields + 1, bytes.len());
    }
    found
}

fn note_code(found: &mut Survey, field: usize, text: &[u8]) {
    if found.records > 0 && text.len() > 1 && text[0] == b'0' && text.iter().all(u8::is_ascii_digit)
    {
        found.codes.insert(field);
    }
}

/// The dialect that leaves the fewest faults. Where nothing speaks against it,
/// that is the delimiter of the extension, without escapes.
pub fn dialect(sample: &Sample, delimiter: u8, sniff: bool) -> Dialect {
    let head = &sample.bytes[..sample.bytes.len().min(LOOK)];
    let whole = sample.whole && head.len() == sample.bytes.len();
    let plain = Dialect {
        delimiter,
        escape: None,
    };
    let others = DELIMITERS
        .iter()
        .filter(|_| sniff)
        .map(|delimiter| Dialect {
            delimiter: *delimiter,
            ..plain
        });
    // Fields beyond one are what a delimiter is for; then evenness decides.
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
        let survey = survey(&sample.bytes, dialect, sample.whole);
        survey.faults() + usize::from(sample.whole && survey.open_since.is_some())
    };
    if faults(escaped) < faults(plain) {
        escaped
    } else {
        plain
    }
}

/// Smaller is better: one field only, then the share of faulty records in
/// thousandths.
fn rank(head: &[u8], dialect: Dialect, whole: bool) -> (bool, usize) {
    // The better of both kinds of escapes: which it is, is decided later.
    let faults = |escape| {
        let survey = survey(head, Dialect { escape, ..dialect }, whole);
        (
            survey.fields < 2,
            survey.faults() * 1000 / survey.records.max(1),
        )
    };
    faults(None).min(faults(Some(b'\\')))
}

/// The columns of a file, all of them nullable.
///
/// # Errors
/// Text that is not UTF-8, records of uneven length, a quote that never closes:
/// each with its line.
pub fn schema(sample: &Sample, dialect: Dialect) -> Result<Schema> {
    check_text(sample)?;
    let name = &sample.name;
    let found = survey(&sample.bytes, dialect, sample.whole);
    if let Some((line, fields)) = found.first_uneven {
        return Err(ShellError::query(format!(
            "'{name}' line {line}: {} where the header has {} (delimiter {}); correct the line, \
             or load it with CREATE EXTERNAL TABLE ... OPTIONS ('format.truncated_rows' 'true') \
             if fields are missing at the end",
            counted(fields),
            found.fields,
            shown(dialect.delimiter)
        )));
    }
    if let (Some(line), true) = (found.open_since, sample.whole) {
        return Err(ShellError::query(format!(
            "'{name}' line {line}: a field begins with a quote that never closes"
        )));
    }
    if found.fields > MAX_COLUMNS {
        return Err(ShellError::query(format!(
            "'{name}' has {}, and at most {MAX_COLUMNS} are read (delimiter {})",
            counted(found.fields),
            shown(dialect.delimiter)
        )));
    }
    // A record that the sample cuts off would look uneven.
    let end = if sample.whole || found.end == 0 {
        sample.bytes.len()
    } else {
        found.end
    };
    let (inferred, _) = reader(dialect)
        .with_header(true)
        .infer_schema(&sample.bytes[..end], None)
        .map_err(|error| ShellError::query(format!("cannot read '{name}': {error}")))?;
    let mut types: Vec<DataType> = inferred
        .fields()
        .iter()
        .map(|f| f.data_type().clone())
        .collect();
    let mut codes = found.codes;
    for piece in &sample.pieces {
        look_further(piece, dialect, &mut types, &mut codes);
    }
    let mut names = Names::default();
    let fields: Vec<Field> = inferred
        .fields()
        .iter()
        .zip(types)
        .enumerate()
        .map(|(position, (field, data_type))| {
            let data_type = match data_type {
                DataType::Null => DataType::Utf8,
                DataType::Int64 if codes.contains(&position) => DataType::Utf8,
                known => known,
            };
            Field::new(names.unique(field.name(), position), data_type, true)
        })
        .collect();
    if fields.is_empty() {
        return Err(ShellError::query(format!("'{name}' has no header line")));
    }
    Ok(Schema::new(fields))
}

fn reader(dialect: Dialect) -> Reader {
    let reader = Reader::default()
        .with_delimiter(dialect.delimiter)
        .with_quote(b'"');
    match dialect.escape {
        Some(escape) => reader.with_escape(escape),
        None => reader,
    }
}

/// Widens the types by a piece from amid the file. A piece that does not look
/// like whole records, since it begins within quotes, says nothing.
fn look_further(
    piece: &[u8],
    dialect: Dialect,
    types: &mut [DataType],
    codes: &mut HashSet<usize>,
) {
    let found = survey(piece, dialect, true);
    if found.records == 0
        || found.fields != types.len()
        || found.faults() > 0
        || found.open_since.is_some()
    {
        return;
    }
    let Ok((schema, _)) = reader(dialect).with_header(false).infer_schema(piece, None) else {
        return;
    };
    for (known, field) in types.iter_mut().zip(schema.fields()) {
        *known = wider(known, field.data_type());
    }
    codes.extend(found.codes);
}

/// Names of columns, no two of them equal.
#[derive(Default)]
struct Names {
    taken: HashSet<String>,
    /// The count that a name is tried with next.
    next: HashMap<String, usize>,
}

impl Names {
    /// The name of a column: blank ones get their number, repeated ones a count.
    fn unique(&mut self, name: &str, position: usize) -> String {
        let name = name.trim_start_matches('\u{feff}');
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

/// Joins the columns of the next file to those of the first. Fields are found
/// by position, so the headers must agree.
///
/// # Errors
/// The headers differ.
pub fn join(first: &Schema, first_name: &str, next: &Schema, next_name: &str) -> Result<Schema> {
    let names = |schema: &Schema| -> Vec<String> {
        schema.fields().iter().map(|f| f.name().clone()).collect()
    };
    if names(first) != names(next) {
        return Err(ShellError::query(format!(
            "'{next_name}' has other columns than '{first_name}': {} in place of {}; read them one by one",
            names(next).join(", "),
            names(first).join(", ")
        )));
    }
    let fields: Vec<Field> = first
        .fields()
        .iter()
        .zip(next.fields())
        .map(|(a, b)| Field::new(a.name(), wider(a.data_type(), b.data_type()), true))
        .collect();
    Ok(Schema::new(fields))
}

fn wider(a: &DataType, b: &DataType) -> DataType {
    match (a, b) {
        _ if a == b => a.clone(),
        (DataType::Null, known) | (known, DataType::Null) => known.clone(),
        (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => {
            DataType::Float64
        }
        _ => DataType::Utf8,
    }
}

fn counted(fields: usize) -> String {
    format!("{fields} field{}", if fields == 1 { "" } else { "s" })
}

fn shown(delimiter: u8) -> String {
    match delimiter {
        b'\t' => "tab".to_string(),
        other => format!("'{}'", char::from(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::fuzz::{self, Random};

    fn sample(text: &str) -> Sample {
        Sample {
            bytes: text.as_bytes().to_vec(),
            pieces: Vec::new(),
            whole: true,
            name: "x.csv".into(),
        }
    }

    fn sniffed(text: &str) -> Dialect {
        dialect(&sample(text), b',', true)
    }

    fn types(text: &str) -> Vec<(String, DataType)> {
        let sample = sample(text);
        let schema = schema(&sample, dialect(&sample, b',', true)).unwrap();
        schema
            .fields()
            .iter()
            .map(|f| (f.name().clone(), f.data_type().clone()))
            .collect()
    }

    #[test]
    fn the_delimiter_is_the_one_that_makes_even_records() {
        assert_eq!(sniffed("a,b\n1,2\n").delimiter, b',');
        assert_eq!(sniffed("a;b\n1,5;2\n").delimiter, b';');
        assert_eq!(sniffed("a\tb\n1\t2\n").delimiter, b'\t');
        assert_eq!(sniffed("a|b\n\"x|y\"|2\n").delimiter, b'|');
        assert_eq!(sniffed("name\none; two\nthree\n").delimiter, b',');
    }

    #[test]
    fn backslashes_escape_only_where_that_explains_more() {
        assert_eq!(
            sniffed("a,b\n\"say \\\"hi, you\\\"\",2\n").escape,
            Some(b'\\')
        );
        assert_eq!(sniffed("a,b\n\"say \"\"hi\"\"\",2\n").escape, None);
        assert_eq!(sniffed("a,b\n\"C:\\\",2\n\"D:\\\",3\n").escape, None);
    }

    #[test]
    fn a_late_float_and_quoted_newlines_are_seen() {
        let mut text = String::from("n,t\n");
        for i in 0..5000 {
            text.push_str(&format!("{i},\"two\nlines\"\n"));
        }
        text.push_str("1.5,x\n");
        assert_eq!(types(&text)[0].1, DataType::Float64);
    }

    #[test]
    fn pieces_from_further_on_widen_the_types() {
        let mut sample = sample("a,b\n1,2\n3,4\n");
        sample.whole = false;
        sample.pieces = vec![
            b"1.5,7\n".to_vec(),
            b"amid quotes\",\"x\n".to_vec(),
            b"x,y,z\n".to_vec(),
        ];
        let schema = schema(&sample, dialect(&sample, b',', true)).unwrap();
        assert_eq!(schema.field(0).data_type(), &DataType::Float64);
        assert_eq!(schema.field(1).data_type(), &DataType::Int64);
    }

    #[test]
    fn codes_keep_their_zeros_and_empty_columns_are_text() {
        let types = types("ean,n,none\n0012,1,\n7,0,\n");
        assert_eq!(types[0].1, DataType::Utf8);
        assert_eq!(types[1].1, DataType::Int64);
        assert_eq!(types[2].1, DataType::Utf8);
    }

    #[test]
    fn every_column_has_a_name_of_its_own() {
        let names: Vec<String> = types("\u{feff}a,a,,b\n1,2,3,4\n")
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["a", "a_2", "column_3", "b"]);
    }

    #[test]
    fn columns_are_bounded() {
        let header = ",".repeat(MAX_COLUMNS);
        let sample = sample(&format!("{header}\n"));
        let error = schema(&sample, dialect(&sample, b',', true)).unwrap_err();
        assert!(error.message.contains("at most 16384"), "{error}");
    }

    #[test]
    fn random_bytes_have_a_dialect_and_columns_or_an_error() {
        let likely = b"ab01,;\t|\"\"\\\n\n\r .-";
        let all: Vec<u8> = (0..=u8::MAX).collect();
        let mut random = Random::new(4);
        for case in 0..fuzz::cases(20_000) {
            let alphabet: &[u8] = if case % 8 == 0 { &all } else { likely };
            let pieces = random.below(3);
            let sample = Sample {
                bytes: random.bytes(alphabet, 120),
                pieces: (0..pieces).map(|_| random.bytes(alphabet, 60)).collect(),
                whole: random.below(2) == 0,
                name: "x.csv".into(),
            };
            let dialect = dialect(&sample, b',', random.below(2) == 0);
            assert!(DELIMITERS.contains(&dialect.delimiter));
            if let Ok(schema) = schema(&sample, dialect) {
                let names: HashSet<&String> = schema.fields().iter().map(|f| f.name()).collect();
                assert_eq!(names.len(), schema.fields().len(), "{:?}", sample.bytes);
            }
        }
    }

    #[test]
    fn an_uneven_record_is_named_by_its_line() {
        let sample = sample("a,b\n\"x\ny\",1\n\n1,2,3\n");
        let error = schema(
            &sample,
            Dialect {
                delimiter: b',',
                escape: None,
            },
        )
        .unwrap_err();
        assert!(
            error
                .message
                .contains("line 5: 3 fields where the header has 2"),
            "{error}"
        );
    }

    #[test]
    fn an_open_quote_is_named_by_its_line() {
        let sample = sample("a,b\n1,2\n3,\"x\n");
        let error = schema(
            &sample,
            Dialect {
                delimiter: b',',
                escape: None,
            },
        )
        .unwrap_err();
        assert!(error.message.contains("line 3"), "{error}");
    }

    #[test]
    fn files_that_are_read_together_need_one_header() {
        let a = Schema::new(vec![Field::new("a", DataType::Int64, true)]);
        let b = Schema::new(vec![Field::new("a", DataType::Float64, true)]);
        assert_eq!(
            join(&a, "1", &b, "2").unwrap().field(0).data_type(),
            &DataType::Float64
        );
        let c = Schema::new(vec![Field::new("c", DataType::Int64, true)]);
        assert!(join(&a, "1", &c, "2").is_err());
    }
}
