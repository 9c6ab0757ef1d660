//! Markdown tables.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::ResultWriter;
use super::value::{Cells, is_number};
use crate::error::Result;

pub struct Markdown<'a> {
    schema: SchemaRef,
    started: bool,
    out: &'a mut dyn Write,
}

impl<'a> Markdown<'a> {
    pub fn new(schema: SchemaRef, out: &'a mut dyn Write) -> Self {
        Self { schema, started: false, out }
    }

    fn head(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.started, true) {
            return Ok(());
        }
        let fields = self.schema.fields();
        let names: Vec<String> = fields.iter().map(|field| cell(field.name())).collect();
        let rules: Vec<&str> =
            fields.iter().map(|f| if is_number(f.data_type()) { "---:" } else { "---" }).collect();
        writeln!(self.out, "| {} |\n| {} |", names.join(" | "), rules.join(" | "))?;
        Ok(())
    }
}

impl ResultWriter for Markdown<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        self.head()?;
        let columns = batch.columns().iter().map(Cells::short).collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let cells: Vec<String> =
                columns.iter().map(|c| cell(&c.get(row).unwrap_or_default())).collect();
            writeln!(self.out, "| {} |", cells.join(" | "))?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.head()
    }
}

/// A cell cannot hold a pipe or a line end, and no HTML of the data's own.
fn cell(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace('<', "&lt;")
        .replace('\r', "")
        .replace('\n', "<br>")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::super::{Format, Style, rendered};
    use super::*;

    #[test]
    fn pipes_line_ends_and_html_are_escaped() {
        let batch = RecordBatch::try_from_iter([
            ("n", Arc::new(Int64Array::from(vec![1])) as _),
            ("a|b", Arc::new(StringArray::from(vec!["x|y\n<b>"])) as _),
        ])
        .unwrap();
        let text = rendered(&batch, &Style { format: Format::Markdown, ..Style::default() });
        assert_eq!(text, "| n | a\\|b |\n| ---: | --- |\n| 1 | x\\|y<br>&lt;b> |\n");
    }
}
