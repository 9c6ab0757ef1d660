//! Dialects and columns of several files of delimited text.

use std::collections::HashMap;

use arrow::datatypes::{Field, Schema};

use super::csv::{ColumnEvidence, CsvReading, Dialect, SampledColumns, read_sample, sniff_dialect};
use super::sample::Sample;
use crate::error::Result;

/// Dialect and columns of a file.
pub struct CsvColumns {
    pub dialect: Dialect,
    pub columns: SampledColumns,
}

/// Detects the dialect and the columns of a file. `like` is another file of the same
/// location: its dialect is taken if it gives the same header, since the dialect of a
/// short file can be unclear.
///
/// # Errors
/// As [`read_sample`].
pub fn columns_of(
    sample: &Sample,
    delimiter: u8,
    sniff: bool,
    like: Option<&CsvColumns>,
) -> Result<CsvColumns> {
    let dialect = sniff_dialect(sample, delimiter, sniff);
    if let Some(like) = like
        && like.dialect != dialect
        && let Ok(columns) = read_sample(sample, like.dialect)
        && columns.names == like.columns.names
    {
        let dialect = like.dialect;
        return Ok(CsvColumns { dialect, columns });
    }
    let columns = read_sample(sample, dialect)?;
    Ok(CsvColumns { dialect, columns })
}

/// Types of the columns of all files, by name.
pub struct CsvTypes<'a>(HashMap<&'a str, ColumnEvidence>);

impl<'a> CsvTypes<'a> {
    pub fn of(files: &'a [CsvColumns]) -> Self {
        let mut types: HashMap<&str, ColumnEvidence> = HashMap::new();
        for file in files {
            for (name, evidence) in file.columns.names.iter().zip(&file.columns.evidence) {
                types.entry(name).or_default().merge(evidence);
            }
        }
        Self(types)
    }

    /// Columns of a file with the types of all files, and how they are read.
    pub fn columns(&self, file: &CsvColumns) -> (Schema, CsvReading) {
        let mut decimal_commas = Vec::new();
        let mut fields = Vec::with_capacity(file.columns.names.len());
        for (position, name) in file.columns.names.iter().enumerate() {
            let evidence = self.0.get(name.as_str()).cloned().unwrap_or_default();
            let column = evidence.column_type();
            if column.decimal_comma {
                decimal_commas.push(position);
            }
            fields.push(Field::new(name, column.data_type, true));
        }
        let reading = CsvReading {
            dialect: file.dialect,
            decimal_commas,
        };
        (Schema::new(fields), reading)
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType;

    use super::*;

    fn sample(text: &str) -> Sample {
        Sample {
            bytes: text.as_bytes().to_vec(),
            pieces: Vec::new(),
            whole: true,
            name: "x.csv".into(),
        }
    }

    fn types(files: &[&str]) -> Vec<DataType> {
        let files: Vec<CsvColumns> = files
            .iter()
            .map(|text| columns_of(&sample(text), b',', true, None).unwrap())
            .collect();
        let (schema, _) = CsvTypes::of(&files).columns(&files[0]);
        schema
            .fields()
            .iter()
            .map(|field| field.data_type().clone())
            .collect()
    }

    #[test]
    fn a_header_alone_decides_no_type() {
        assert_eq!(types(&["a,b\r\n"]), [DataType::Utf8, DataType::Utf8]);
        assert_eq!(
            types(&["a,b\r\n", "b,a\n1,2024-01-01\n"]),
            [DataType::Date32, DataType::Int64]
        );
    }

    #[test]
    fn an_unclear_dialect_is_that_of_the_other_file() {
        let first = columns_of(&sample("a;b\n1;2\n"), b',', true, None).unwrap();
        assert_eq!(first.dialect.delimiter, b';');
        // One value with as many commas as the header has semicolons.
        let next = columns_of(&sample("a;b\n1,5;2,5\n"), b',', true, Some(&first)).unwrap();
        assert_eq!(next.dialect, first.dialect);
        let other = columns_of(&sample("a,b\n1,2\n"), b',', true, Some(&first)).unwrap();
        assert_eq!(other.dialect.delimiter, b',');
    }

    #[test]
    fn columns_have_the_types_of_all_files() {
        assert_eq!(types(&["a\n1\n", "a\n0.5\n"]), [DataType::Float64]);
        assert_eq!(types(&["a\n1\n", "a\ntrue\n"]), [DataType::Utf8]);
        assert_eq!(
            types(&["a\n1\n", "a\n18446744073709551615\n"]),
            [DataType::UInt64]
        );
        // A point and a comma are not both decimal.
        assert_eq!(
            types(&["a;b\n1,5;1\n", "a,b\n1.5,1\n"]),
            [DataType::Utf8, DataType::Int64]
        );
    }
}
