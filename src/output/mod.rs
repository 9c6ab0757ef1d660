//! How results look: one file for each format, and this list.

pub mod chart;
mod delimited;
mod expanded;
mod json;
mod layout;
mod markdown;
mod pager;
pub mod progress;
pub mod sink;
mod table;
mod value;

use std::io::Write;
use std::str::FromStr;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::{Result, ShellError};

/// The form in which rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Table,
    Csv,
    Tsv,
    Json,
    Ndjson,
    Markdown,
}

/// Every format by its name.
pub const FORMATS: &[(&str, Format)] = &[
    ("table", Format::Table),
    ("csv", Format::Csv),
    ("tsv", Format::Tsv),
    ("json", Format::Json),
    ("ndjson", Format::Ndjson),
    ("markdown", Format::Markdown),
];

impl Format {
    /// Whether the first row shows only after the last one came: column widths
    /// need them all.
    pub fn waits_for_all(self) -> bool {
        self == Format::Table
    }
}

impl FromStr for Format {
    type Err = ShellError;

    fn from_str(text: &str) -> Result<Self> {
        let lower = text.trim().to_lowercase();
        match FORMATS.iter().find(|(name, _)| *name == lower) {
            Some((_, format)) => Ok(*format),
            None => {
                let names: Vec<&str> = FORMATS.iter().map(|(name, _)| *name).collect();
                Err(ShellError::usage(format!(
                    "there is no format '{text}'; there are {}",
                    names.join(", ")
                )))
            }
        }
    }
}

/// Everything that people can choose about the look of results.
#[derive(Clone, Debug)]
pub struct Style {
    pub format: Format,
    /// One line for each value instead of one for each row.
    pub expanded: bool,
    /// What stands for NULL in tables.
    pub null: String,
    /// Columns of the terminal; `None` asks it, and is unlimited where there is none.
    pub width: Option<usize>,
    pub color: bool,
    pub header: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            format: Format::Table,
            expanded: false,
            null: "NULL".to_string(),
            width: None,
            color: false,
            header: true,
        }
    }
}

/// Takes the batches of one result and writes them in some format.
pub trait ResultWriter {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()>;
    /// Writes what is held back and what stands at the end.
    fn finish(&mut self) -> Result<()>;
}

/// The writer for `style`, over `out`.
pub fn writer<'a>(
    schema: SchemaRef,
    style: &Style,
    out: &'a mut dyn Write,
) -> Box<dyn ResultWriter + 'a> {
    match style.format {
        Format::Table if style.expanded => Box::new(expanded::Expanded::new(schema, style, out)),
        Format::Table => Box::new(table::Table::new(schema, style, out)),
        Format::Csv => Box::new(delimited::Delimited::csv(schema, style, out)),
        Format::Tsv => Box::new(delimited::Delimited::tsv(schema, style, out)),
        Format::Json => Box::new(json::Json::array(out)),
        Format::Ndjson => Box::new(json::Json::lines(out)),
        Format::Markdown => Box::new(markdown::Markdown::new(schema, out)),
    }
}

/// Renders one batch as text, for tests.
#[cfg(test)]
pub fn rendered(batch: &RecordBatch, style: &Style) -> String {
    let mut out = Vec::new();
    {
        let mut writer = writer(batch.schema(), style, &mut out);
        writer.batch(batch).unwrap();
        writer.finish().unwrap();
    }
    String::from_utf8(out).unwrap()
}
