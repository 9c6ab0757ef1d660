//! Expanded rows with one value per line, as psql's `\x` shows them.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use unicode_width::UnicodeWidthStr;

use super::style::Style;
use super::target::{OutputTarget, ResultWriter};
use super::value::{Cells, one_line};
use crate::error::Result;

/// Writer of expanded rows.
pub struct ExpandedWriter<'a> {
    /// Column names, padded to the width of the widest.
    names: Vec<String>,
    style: Style,
    out: &'a mut dyn OutputTarget,
    rows: usize,
}

impl<'a> ExpandedWriter<'a> {
    pub fn new(schema: SchemaRef, style: Style, out: &'a mut dyn OutputTarget) -> Self {
        let mut names: Vec<String> = schema.fields().iter().map(|f| one_line(f.name())).collect();
        let widest = names.iter().map(|name| name.width()).max().unwrap_or(0);
        for name in &mut names {
            name.push_str(&" ".repeat(widest - name.width()));
        }
        Self {
            names,
            style,
            out,
            rows: 0,
        }
    }
}

impl ResultWriter for ExpandedWriter<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let (dim, plain) = if self.style.color {
            ("\x1b[2m", "\x1b[0m")
        } else {
            ("", "")
        };
        let columns = batch
            .columns()
            .iter()
            .map(Cells::of)
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            self.rows += 1;
            writeln!(self.out, "{dim}─[ row {} ]─{plain}", self.rows)?;
            for (name, column) in self.names.iter().zip(&columns) {
                match column.short(row) {
                    Some(text) => writeln!(self.out, "{name} │ {}", one_line(&text))?,
                    None => writeln!(self.out, "{name} │ {dim}{}{plain}", self.style.null)?,
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        writeln!(
            self.out,
            "({} row{})",
            self.rows,
            if self.rows == 1 { "" } else { "s" }
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::super::testing::rendered;
    use super::*;

    #[test]
    fn values_are_on_separate_lines_and_not_truncated() {
        let long = "a title\nthat is longer than the width";
        let batch = RecordBatch::try_from_iter([
            ("n", Arc::new(Int64Array::from(vec![1, 2])) as _),
            (
                "名前",
                Arc::new(StringArray::from(vec![Some(long), None])) as _,
            ),
        ])
        .unwrap();
        let style = Style {
            expanded: true,
            width: Some(20),
            ..Style::default()
        };
        let expected = "\
─[ row 1 ]─
n    │ 1
名前 │ a title\\nthat is longer than the width
─[ row 2 ]─
n    │ 2
名前 │ NULL
(2 rows)
";
        assert_eq!(rendered(&batch, &style), expected);
    }
}
