//! How results look: one file for each format, and this list.

pub mod chart;
mod delimited;
mod ends;
mod expanded;
pub mod figure;
mod grid;
mod json;
mod layout;
mod markdown;
mod pager;
pub mod progress;
pub mod sink;
mod table;
pub mod value;

use std::io::Write;
use std::str::FromStr;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::{Result, ShellError};
use crate::suggest;

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
        if let Some((_, format)) = FORMATS.iter().find(|(name, _)| *name == lower) {
            return Ok(*format);
        }
        let names: Vec<&str> = FORMATS.iter().map(|(name, _)| *name).collect();
        Err(ShellError::usage(format!(
            "there is no format '{text}'{}; there are {}",
            suggest::hint(&lower, names.iter().copied()),
            names.join(", ")
        )))
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
    /// Columns that a table may take; `None` means those of the screen, and as
    /// many as it needs where there is none.
    pub width: Option<usize>,
    /// Colours, on a screen; files and pipes never get any.
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

/// Where results are written, and whether a person sees them there.
pub trait Place: Write {
    /// The columns of the screen; `None` for a file or a pipe.
    fn screen(&self) -> Option<usize>;
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
    out: &'a mut dyn Place,
) -> Box<dyn ResultWriter + 'a> {
    let screen = out.screen();
    let style = Style {
        width: style.width.or(screen),
        color: style.color && screen.is_some(),
        ..style.clone()
    };
    match style.format {
        Format::Table if style.expanded => Box::new(expanded::Expanded::new(schema, style, out)),
        Format::Table => Box::new(table::Table::new(schema, style, out)),
        Format::Csv => Box::new(delimited::Delimited::csv(schema, &style, out)),
        Format::Tsv => Box::new(delimited::Delimited::tsv(schema, &style, out)),
        Format::Json => Box::new(json::Json::array(out)),
        Format::Ndjson => Box::new(json::Json::lines(out)),
        Format::Markdown => Box::new(markdown::Markdown::new(schema, out)),
    }
}

#[cfg(test)]
impl Place for Vec<u8> {
    fn screen(&self) -> Option<usize> {
        None
    }
}

/// One result as text, for tests.
#[cfg(test)]
pub fn rendered(batch: &RecordBatch, style: &Style) -> String {
    let mut out = Vec::new();
    write_all(batch, style, &mut out);
    String::from_utf8(out).unwrap()
}

/// Writes one batch that is a whole result, for tests.
#[cfg(test)]
fn write_all(batch: &RecordBatch, style: &Style, out: &mut dyn Place) {
    let mut writer = writer(batch.schema(), style, out);
    writer.batch(batch).unwrap();
    writer.finish().unwrap();
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::StringArray;

    use super::*;

    /// A place that a person looks at.
    pub struct Screen(pub Vec<u8>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Place for Screen {
        fn screen(&self) -> Option<usize> {
            Some(30)
        }
    }

    #[test]
    fn colours_and_the_screens_width_stay_on_the_screen() {
        let text = StringArray::from(vec![Some("a title that is wider than the screen"), None]);
        let batch = RecordBatch::try_from_iter([("title", Arc::new(text) as _)]).unwrap();
        for expanded in [false, true] {
            let style = Style {
                color: true,
                expanded,
                ..Style::default()
            };
            let file = rendered(&batch, &style);
            assert!(!file.contains('\u{1b}'), "{file:?}");
            assert!(file.contains("wider than the screen"), "{file:?}");
            let mut screen = Screen(Vec::new());
            write_all(&batch, &style, &mut screen);
            let screen = String::from_utf8(screen.0).unwrap();
            assert!(screen.contains('\u{1b}'), "{screen:?}");
        }
    }

    #[test]
    fn a_misspelt_format_is_told_the_nearest_one() {
        let error = "markdwon".parse::<Format>().unwrap_err();
        assert!(
            error.message.contains("did you mean 'markdown'?"),
            "{error}"
        );
        assert_eq!(" NDJSON".parse::<Format>().unwrap(), Format::Ndjson);
    }
}
