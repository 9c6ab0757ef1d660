//! One value a line, as psql's `\x` shows wide rows.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use unicode_width::UnicodeWidthStr;

use super::value::{Cells, one_line};
use super::{ResultWriter, Style};
use crate::error::Result;

pub struct Expanded<'a> {
    schema: SchemaRef,
    null: String,
    out: &'a mut dyn Write,
    rows: usize,
}

impl<'a> Expanded<'a> {
    pub fn new(schema: SchemaRef, style: &Style, out: &'a mut dyn Write) -> Self {
        Self { schema, null: style.null.clone(), out, rows: 0 }
    }
}

impl ResultWriter for Expanded<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let fields = self.schema.fields();
        let widest = fields.iter().map(|field| field.name().width()).max().unwrap_or(0);
        let columns = batch.columns().iter().map(Cells::short).collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            self.rows += 1;
            writeln!(self.out, "─[ row {} ]─", self.rows)?;
            for (field, column) in fields.iter().zip(&columns) {
                let value = column.get(row).map(|text| one_line(&text));
                let padding = " ".repeat(widest - field.name().width());
                let value = value.unwrap_or_else(|| self.null.clone());
                writeln!(self.out, "{}{padding} │ {value}", field.name())?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        writeln!(self.out, "({} row{})", self.rows, if self.rows == 1 { "" } else { "s" })?;
        Ok(())
    }
}
