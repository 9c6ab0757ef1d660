//! Tables for people.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table as Grid, Width};
use unicode_width::UnicodeWidthStr;

use super::layout::{self, Column};
use super::value::{Cells, is_number, one_line};
use super::{ResultWriter, Style};
use crate::error::Result;

/// On a terminal, longer results show their first and last rows.
const MOST_ROWS: usize = 1000;

/// Borders as psql users know them, with rounded corners left to others.
const BORDERS: &str = "││──├─┼┤│    ┬┴┌┐└┘";

/// A cell is read up to here at most; no terminal shows more.
const MOST_OF_A_CELL: usize = 4096;

pub struct Table<'a> {
    schema: SchemaRef,
    style: Style,
    out: &'a mut dyn Write,
    batches: Vec<RecordBatch>,
}

impl<'a> Table<'a> {
    pub fn new(schema: SchemaRef, style: &Style, out: &'a mut dyn Write) -> Self {
        Self { schema, style: style.clone(), out, batches: Vec::new() }
    }
}

impl ResultWriter for Table<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() > 0 {
            self.batches.push(batch.clone());
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        let rows: usize = self.batches.iter().map(RecordBatch::num_rows).sum();
        let width = self.style.width.or_else(terminal_width);
        let cut = width.is_some() && rows > MOST_ROWS;
        let cells = if cut {
            self.cells(|row| row < MOST_ROWS / 2 || row >= rows - MOST_ROWS / 2)?
        } else {
            self.cells(|_| true)?
        };
        let text = self.render(&cells, cut.then_some(MOST_ROWS / 2), width);
        writeln!(self.out, "{}", text.0)?;
        let mut footer = format!("({rows} row{}", if rows == 1 { "" } else { "s" });
        if cut {
            footer.push_str(&format!(", {} in the middle not shown", rows - MOST_ROWS));
        }
        if text.1 > 0 {
            footer.push_str(&format!("; {} of {} columns not shown, \\x shows all", text.1, self.schema.fields().len()));
        }
        writeln!(self.out, "{footer})")?;
        Ok(())
    }
}

impl Table<'_> {
    /// The rows that `wanted` picks by number, `None` for NULL.
    fn cells(&self, wanted: impl Fn(usize) -> bool) -> Result<Vec<Vec<Option<String>>>> {
        let mut all = Vec::new();
        let mut number = 0;
        for batch in &self.batches {
            let columns = batch.columns().iter().map(Cells::short).collect::<Result<Vec<_>, _>>()?;
            for row in 0..batch.num_rows() {
                if wanted(number) {
                    let cells = columns.iter().map(|column| column.get(row));
                    all.push(cells.map(|cell| cell.map(|text| one_line(start(&text)))).collect());
                }
                number += 1;
            }
        }
        Ok(all)
    }

    /// The table, and how many columns found no room.
    fn render(&self, rows: &[Vec<Option<String>>], gap: Option<usize>, width: Option<usize>) -> (String, usize) {
        let fields = self.schema.fields();
        let null = self.style.null.as_str();
        let columns: Vec<Column> = fields
            .iter()
            .enumerate()
            .map(|(column, field)| {
                let cells = rows.iter().map(|row| row[column].as_deref().unwrap_or(null).width());
                Column {
                    wanted: cells.chain([field.name().width()]).max().unwrap_or(1).max(1),
                    flexible: !is_number(field.data_type()),
                }
            })
            .collect();
        let widths = match width {
            Some(available) => layout::widths(&columns, available),
            None => columns.iter().map(|column| Some(column.wanted)).collect(),
        };
        let hidden = widths.iter().filter(|width| width.is_none()).count();
        let first_hidden = widths.iter().position(Option::is_none);

        let mut grid = Grid::new();
        grid.load_preset(BORDERS).set_content_arrangement(ContentArrangement::Disabled);
        if self.style.color {
            grid.enforce_styling();
        }
        let line = |of: &dyn Fn(usize, usize) -> Cell| {
            let mut cells = Vec::new();
            for (column, width) in widths.iter().enumerate() {
                match width {
                    Some(width) => cells.push(of(column, *width)),
                    None if Some(column) == first_hidden => cells.push(Cell::new("…")),
                    None => {}
                }
            }
            cells
        };
        if self.style.header {
            grid.set_header(line(&|column, width| {
                let cell = Cell::new(cut(&one_line(fields[column].name()), width));
                let cell = cell.set_alignment(alignment(is_number(fields[column].data_type())));
                if self.style.color { cell.add_attribute(Attribute::Bold) } else { cell }
            }));
        }
        for (number, row) in rows.iter().enumerate() {
            if gap == Some(number) {
                grid.add_row(line(&|_, _| Cell::new("⋮").set_alignment(CellAlignment::Center)));
            }
            grid.add_row(line(&|column, width| match &row[column] {
                Some(text) => {
                    Cell::new(cut(text, width)).set_alignment(alignment(is_number(fields[column].data_type())))
                }
                None if self.style.color => Cell::new(cut(null, width)).fg(Color::DarkGrey),
                None => Cell::new(cut(null, width)),
            }));
        }
        // comfy-table must neither wrap nor stretch what was laid out here.
        let shown: Vec<usize> = line_widths(&widths, first_hidden);
        for (column, width) in grid.column_iter_mut().zip(shown) {
            let width = u16::try_from(width + 2).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        }
        (grid.to_string(), hidden)
    }
}

fn line_widths(widths: &[Option<usize>], first_hidden: Option<usize>) -> Vec<usize> {
    let mut shown = Vec::new();
    for (column, width) in widths.iter().enumerate() {
        match width {
            Some(width) => shown.push(*width),
            None if Some(column) == first_hidden => shown.push(1),
            None => {}
        }
    }
    shown
}

fn alignment(number: bool) -> CellAlignment {
    if number { CellAlignment::Right } else { CellAlignment::Left }
}

fn start(text: &str) -> &str {
    match text.char_indices().nth(MOST_OF_A_CELL) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// `text` in at most `width` columns, an ellipsis for what was cut.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let mut short = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used + wide + 1 > width {
            break;
        }
        used += wide;
        short.push(c);
    }
    short.push('…');
    short
}

/// The terminal's columns; `None` where results do not go to one.
fn terminal_width() -> Option<usize> {
    let terminal = console::Term::stdout();
    terminal.is_term().then(|| usize::from(terminal.size().1))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, StringArray};

    use super::super::rendered;
    use super::*;

    fn batch() -> RecordBatch {
        RecordBatch::try_from_iter([
            ("n", Arc::new(Int64Array::from(vec![Some(1), None, Some(300)])) as _),
            ("title", Arc::new(StringArray::from(vec![Some("tea"), Some("日本茶\nx"), None])) as _),
            ("price", Arc::new(Float64Array::from(vec![1.5, 2.0, 10.25])) as _),
        ])
        .unwrap()
    }

    #[test]
    fn numbers_stand_right_and_cells_stay_on_one_line() {
        let text = rendered(&batch(), &Style::default());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "│    n │ title      │ price │");
        assert_eq!(lines[4], "│ NULL │ 日本茶\\nx  │   2.0 │");
        assert_eq!(*lines.last().unwrap(), "(3 rows)");
    }

    #[test]
    fn a_narrow_terminal_cuts_texts_and_keeps_numbers() {
        let long = "a very long product title that does not fit";
        let batch = RecordBatch::try_from_iter([
            ("docid", Arc::new(Int64Array::from(vec![123_456_789])) as _),
            ("title", Arc::new(StringArray::from(vec![long])) as _),
        ])
        .unwrap();
        let text = rendered(&batch, &Style { width: Some(40), ..Style::default() });
        assert!(text.lines().all(|line| line.width() <= 40), "{text}");
        assert!(text.contains("123456789") && text.contains('…'), "{text}");
    }

    #[test]
    fn zero_rows_still_show_the_columns() {
        let text = rendered(&batch().slice(0, 0), &Style::default());
        assert!(text.contains("title") && text.ends_with("(0 rows)\n"), "{text}");
    }

    #[test]
    fn long_results_show_both_ends() {
        let numbers = Int64Array::from_iter_values(0..5000);
        let batch = RecordBatch::try_from_iter([("n", Arc::new(numbers) as _)]).unwrap();
        let text = rendered(&batch, &Style { width: Some(40), ..Style::default() });
        assert!(text.contains(" 4999 ") && text.contains('⋮'));
        assert!(text.ends_with("(5000 rows, 4000 in the middle not shown)\n"));
        assert!(rendered(&batch, &Style::default()).contains(" 2500 "));
    }
}
