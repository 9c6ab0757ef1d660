//! Markdown tables.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::target::ResultWriter;
use super::value::{Cells, is_number};
use crate::error::Result;

/// Writer of a Markdown table.
pub struct MarkdownWriter<'a> {
    schema: SchemaRef,
    started: bool,
    out: &'a mut dyn Write,
}

impl<'a> MarkdownWriter<'a> {
    pub fn new(schema: SchemaRef, out: &'a mut dyn Write) -> Self {
        Self {
            schema,
            started: false,
            out,
        }
    }

    fn write_header(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.started, true) {
            return Ok(());
        }
        let fields = self.schema.fields();
        let names: Vec<String> = fields
            .iter()
            .map(|field| escape_cell(field.name()))
            .collect();
        let rules: Vec<&str> = fields
            .iter()
            .map(|f| {
                if is_number(f.data_type()) {
                    "---:"
                } else {
                    "---"
                }
            })
            .collect();
        writeln!(
            self.out,
            "| {} |\n| {} |",
            names.join(" | "),
            rules.join(" | ")
        )?;
        Ok(())
    }
}

impl ResultWriter for MarkdownWriter<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        self.write_header()?;
        let columns = batch
            .columns()
            .iter()
            .map(Cells::of)
            .collect::<Result<Vec<_>, _>>()?;
        let (mut line, mut value) = (String::new(), String::new());
        for row in 0..batch.num_rows() {
            line.clear();
            for column in &columns {
                value.clear();
                column.write(row, &mut value)?;
                line.push_str("| ");
                line.push_str(&escape_cell(&value));
                line.push(' ');
            }
            line.push_str("|\n");
            self.out.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.write_header()
    }
}

/// Escapes pipes, line ends and HTML.
fn escape_cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    let mut after_return = false;
    for c in text.chars() {
        match c {
            '\\' => cell.push_str("\\\\"),
            '|' => cell.push_str("\\|"),
            '&' => cell.push_str("&amp;"),
            '<' => cell.push_str("&lt;"),
            '\n' if after_return => {}
            '\n' | '\r' => cell.push_str("<br>"),
            c if c.is_control() => cell.push(' '),
            c => cell.push(c),
        }
        after_return = c == '\r';
    }
    cell
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, ListArray, StringArray};
    use arrow::datatypes::Float32Type;

    use super::super::format::OutputFormat;
    use super::super::style::Style;
    use super::super::testing::rendered;
    use super::*;

    #[test]
    fn pipes_line_ends_and_html_are_escaped() {
        let batch = RecordBatch::try_from_iter([
            ("n", Arc::new(Int64Array::from(vec![1])) as _),
            (
                "a|b",
                Arc::new(StringArray::from(vec!["x|y\r\n<b> &lt;\rz"])) as _,
            ),
        ])
        .unwrap();
        let text = rendered(
            &batch,
            &Style {
                format: OutputFormat::Markdown,
                ..Style::default()
            },
        );
        assert_eq!(
            text,
            "| n | a\\|b |\n| ---: | --- |\n| 1 | x\\|y<br>&lt;b> &amp;lt;<br>z |\n"
        );
    }

    #[test]
    fn vectors_are_whole_and_null_is_empty() {
        let vector = Some((0..9).map(|n| Some(n as f32)).collect::<Vec<_>>());
        let lists = ListArray::from_iter_primitive::<Float32Type, _, _>([vector, None]);
        let batch = RecordBatch::try_from_iter([("v", Arc::new(lists) as _)]).unwrap();
        let text = rendered(
            &batch,
            &Style {
                format: OutputFormat::Markdown,
                ..Style::default()
            },
        );
        let rows: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            rows,
            ["| [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0] |", "|  |"]
        );
    }
}
