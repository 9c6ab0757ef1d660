//! Choice of the writer for a format.

use arrow::datatypes::SchemaRef;

use super::delimited::DelimitedWriter;
use super::delimited_dialect::DelimitedDialect;
use super::expanded::ExpandedWriter;
use super::format::OutputFormat;
use super::json::JsonWriter;
use super::markdown::MarkdownWriter;
use super::style::Style;
use super::table::TableWriter;
use super::target::{OutputTarget, ResultWriter};

/// Writer of a result with `schema` to `out`.
pub fn writer<'a>(
    schema: SchemaRef,
    style: &Style,
    out: &'a mut dyn OutputTarget,
) -> Box<dyn ResultWriter + 'a> {
    let terminal_width = out.terminal_width();
    let style = Style {
        width: match style.whole_cells {
            true => None,
            false => style.width.or(terminal_width),
        },
        color: style.color && terminal_width.is_some(),
        ..style.clone()
    };
    match style.format {
        OutputFormat::Table if style.expanded => Box::new(ExpandedWriter::new(schema, style, out)),
        OutputFormat::Table => Box::new(TableWriter::new(schema, style, out)),
        OutputFormat::Csv => {
            let dialect = DelimitedDialect::csv(style.header);
            Box::new(DelimitedWriter::new(schema, dialect, out))
        }
        OutputFormat::Tsv => {
            let dialect = DelimitedDialect::tsv(style.header);
            Box::new(DelimitedWriter::new(schema, dialect, out))
        }
        OutputFormat::Json => Box::new(JsonWriter::array(schema, out)),
        OutputFormat::Ndjson => Box::new(JsonWriter::lines(schema, out)),
        OutputFormat::Markdown => Box::new(MarkdownWriter::new(schema, out)),
    }
}
