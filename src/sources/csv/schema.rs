//! Columns of delimited text: names, types, and faults of the records.

use std::collections::{HashMap, HashSet};

use arrow::datatypes::{DataType, Field, Schema};

use super::dialect::Dialect;
use super::survey::survey_records;
use crate::error::{Result, ShellError};
use crate::sources::sample::{Sample, check_text};

/// Maximum number of columns of a file.
pub const MAX_COLUMNS: usize = 16_384;

/// Infers the columns of a file, all of them nullable.
///
/// # Errors
/// Text that is not UTF-8, records of uneven length, an unclosed quote: each with
/// its line.
pub fn infer_schema(sample: &Sample, dialect: Dialect) -> Result<Schema> {
    check_text(sample)?;
    let name = &sample.name;
    let found = survey_records(&sample.bytes, dialect, sample.whole);
    if let Some((line, fields)) = found.first_uneven {
        return Err(ShellError::query(format!(
            "'{name}' line {line}: {} where the header has {} (delimiter {}); correct the line, \
             or load it with CREATE EXTERNAL TABLE ... OPTIONS ('format.truncated_rows' 'true') \
             if fields are missing at the end",
            field_count(fields),
            found.fields,
            dialect.shown_delimiter()
        )));
    }
    if let (Some(line), true) = (found.open_since, sample.whole) {
        return Err(ShellError::query(format!(
            "'{name}' line {line}: a field starts with a quote that is never closed"
        )));
    }
    if found.fields > MAX_COLUMNS {
        return Err(ShellError::query(format!(
            "'{name}' has {}; at most {MAX_COLUMNS} are allowed (delimiter {})",
            field_count(found.fields),
            dialect.shown_delimiter()
        )));
    }
    // A record cut off by the sample would look uneven.
    let end = if sample.whole || found.end == 0 {
        sample.bytes.len()
    } else {
        found.end
    };
    let (inferred, _) = dialect
        .reader()
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
        widen_types(piece, dialect, &mut types, &mut codes);
    }
    let mut names = ColumnNames::default();
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

/// Widens the types by a piece of the file. A piece that starts within quotes does
/// not look like whole records, and is ignored.
fn widen_types(piece: &[u8], dialect: Dialect, types: &mut [DataType], codes: &mut HashSet<usize>) {
    let found = survey_records(piece, dialect, true);
    if found.records == 0
        || found.fields != types.len()
        || found.faults() > 0
        || found.open_since.is_some()
    {
        return;
    }
    let Ok((schema, _)) = dialect
        .reader()
        .with_header(false)
        .infer_schema(piece, None)
    else {
        return;
    };
    for (known, field) in types.iter_mut().zip(schema.fields()) {
        *known = wider(known, field.data_type());
    }
    codes.extend(found.codes);
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

/// Merges the columns of two files. Fields are found by position, so the headers
/// must be equal.
///
/// # Errors
/// Different headers.
pub fn merge_schemas(
    first: &Schema,
    first_name: &str,
    next: &Schema,
    next_name: &str,
) -> Result<Schema> {
    let names = |schema: &Schema| -> Vec<String> {
        schema.fields().iter().map(|f| f.name().clone()).collect()
    };
    if names(first) != names(next) {
        return Err(ShellError::query(format!(
            "'{next_name}' has other columns than '{first_name}': {} in place of {}; read them separately",
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

/// Type that holds the values of both types.
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

fn field_count(fields: usize) -> String {
    format!("{fields} field{}", if fields == 1 { "" } else { "s" })
}
