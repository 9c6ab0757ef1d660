//! Tables drawn in box characters.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::grid::{CellRow, Grid, cell_rows};
use super::head_tail::HeadTail;
use super::style::Style;
use super::target::{OutputTarget, ResultWriter};
use crate::error::Result;

/// Rows of a table with a width. Longer results show their first and last rows.
const MAX_ROWS_WITH_WIDTH: usize = 1000;

/// Rows and bytes that determine the column widths of a table without a width.
/// Such a table shows all rows, and memory does not grow with the result.
const MAX_MEASURED_ROWS: usize = 10_000;
const MAX_MEASURED_BYTES: usize = 32 << 20;

/// Rows drawn at once.
const ROWS_PER_DRAW: usize = 1024;

/// Writer of tables.
pub struct TableWriter<'a> {
    schema: SchemaRef,
    style: Style,
    out: &'a mut dyn OutputTarget,
    rows: usize,
    state: TableState,
}

enum TableState {
    /// Collects the first and last rows.
    HeadTail(HeadTail),
    /// Collects the rows that determine the widths.
    Measuring {
        batches: Vec<RecordBatch>,
        bytes: usize,
    },
    Streaming(Grid),
}

impl<'a> TableWriter<'a> {
    pub fn new(schema: SchemaRef, style: Style, out: &'a mut dyn OutputTarget) -> Self {
        let state = match style.width {
            Some(_) => TableState::HeadTail(HeadTail::new(MAX_ROWS_WITH_WIDTH / 2)),
            None => TableState::Measuring {
                batches: Vec::new(),
                bytes: 0,
            },
        };
        Self {
            schema,
            style,
            out,
            rows: 0,
            state,
        }
    }

    /// Determines the widths, and writes the collected rows.
    fn start(&mut self, batches: &[RecordBatch]) -> Result<Grid> {
        let rows = all_cell_rows(batches, &self.style)?;
        let grid = Grid::new(&self.schema, &rows, &self.style);
        writeln!(self.out, "{}", grid.head())?;
        self.draw(&grid, &rows)?;
        Ok(grid)
    }

    fn draw(&mut self, grid: &Grid, rows: &[CellRow]) -> Result<()> {
        for rows in rows.chunks(ROWS_PER_DRAW) {
            writeln!(self.out, "{}", grid.body(rows))?;
        }
        Ok(())
    }

    fn write_head_tail(&mut self, buffer: HeadTail) -> Result<(Grid, usize)> {
        let (first, last, omitted) = buffer.into_parts();
        let mut rows = all_cell_rows(&first, &self.style)?;
        let before = rows.len();
        rows.extend(all_cell_rows(&last, &self.style)?);
        let grid = Grid::new(&self.schema, &rows, &self.style);
        writeln!(self.out, "{}", grid.head())?;
        self.draw(&grid, &rows[..before])?;
        if omitted > 0 {
            writeln!(self.out, "{}", grid.gap())?;
        }
        self.draw(&grid, &rows[before..])?;
        Ok((grid, omitted))
    }

    fn footer(&self, grid: &Grid, omitted: usize) -> String {
        let mut footer = format!(
            "({} row{}",
            self.rows,
            if self.rows == 1 { "" } else { "s" }
        );
        if omitted > 0 {
            footer.push_str(&format!(", {omitted} in the middle not shown"));
        }
        if grid.hidden > 0 {
            let all = self.schema.fields().len();
            footer.push_str(&format!(
                "; {} of {all} columns not shown, \\x shows all",
                grid.hidden
            ));
        }
        footer.push(')');
        footer
    }
}

impl ResultWriter for TableWriter<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.rows += batch.num_rows();
        match &mut self.state {
            TableState::HeadTail(buffer) => buffer.add(batch),
            TableState::Measuring { batches, bytes } => {
                batches.push(batch.clone());
                *bytes += batch.get_array_memory_size();
                if self.rows >= MAX_MEASURED_ROWS || *bytes >= MAX_MEASURED_BYTES {
                    let batches = std::mem::take(batches);
                    self.state = TableState::Streaming(self.start(&batches)?);
                }
            }
            TableState::Streaming(grid) => {
                for rows in cell_rows(batch, &self.style)?.chunks(ROWS_PER_DRAW) {
                    writeln!(self.out, "{}", grid.body(rows))?;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        let empty = TableState::Measuring {
            batches: Vec::new(),
            bytes: 0,
        };
        let (grid, omitted) = match std::mem::replace(&mut self.state, empty) {
            TableState::HeadTail(buffer) => self.write_head_tail(buffer)?,
            TableState::Measuring { batches, .. } => (self.start(&batches)?, 0),
            TableState::Streaming(grid) => (grid, 0),
        };
        writeln!(self.out, "{}\n{}", grid.foot(), self.footer(&grid, omitted))?;
        Ok(())
    }
}

fn all_cell_rows(batches: &[RecordBatch], style: &Style) -> Result<Vec<CellRow>> {
    let mut rows = Vec::new();
    for batch in batches {
        rows.extend(cell_rows(batch, style)?);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, StringArray};
    use unicode_width::UnicodeWidthStr;

    use super::super::dispatch::writer;
    use super::super::testing::rendered;
    use super::*;

    fn batch() -> RecordBatch {
        RecordBatch::try_from_iter([
            (
                "n",
                Arc::new(Int64Array::from(vec![Some(1), None, Some(300)])) as _,
            ),
            (
                "title",
                Arc::new(StringArray::from(vec![
                    Some("tea"),
                    Some("日本茶\nx"),
                    None,
                ])) as _,
            ),
            (
                "price",
                Arc::new(Float64Array::from(vec![1.5, 2.0, 10.25])) as _,
            ),
        ])
        .unwrap()
    }

    #[test]
    fn numbers_are_right_aligned_and_cells_have_one_line() {
        let expected = "\
┌──────┬───────────┬───────┐
│    n │ title     │ price │
├──────┼───────────┼───────┤
│    1 │ tea       │   1.5 │
│ NULL │ 日本茶\\nx │   2.0 │
│  300 │ NULL      │ 10.25 │
└──────┴───────────┴───────┘
(3 rows)
";
        assert_eq!(rendered(&batch(), &Style::default()), expected);
    }

    #[test]
    fn without_a_header_only_rows_are_drawn() {
        let style = Style {
            header: false,
            null: "-".into(),
            ..Style::default()
        };
        let text = rendered(&batch().slice(1, 1), &style);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "│ - │ 日本茶\\nx │ 2.0 │");
        assert_eq!(lines.len(), 4, "{text}");
    }

    #[test]
    fn a_small_width_truncates_texts_and_keeps_numbers() {
        let long = "a very long product title that does not fit";
        let batch = RecordBatch::try_from_iter([
            ("docid", Arc::new(Int64Array::from(vec![123_456_789])) as _),
            ("title", Arc::new(StringArray::from(vec![long])) as _),
        ])
        .unwrap();
        let text = rendered(
            &batch,
            &Style {
                width: Some(40),
                ..Style::default()
            },
        );
        assert!(text.lines().all(|line| line.width() <= 40), "{text}");
        assert!(
            text.contains("│ 123456789 │ a very") && text.contains("… │"),
            "{text}"
        );
    }

    #[test]
    fn whole_cells_are_never_cut() {
        let line = "x".repeat(5000);
        let lines = StringArray::from(vec![line.as_str()]);
        let batch = RecordBatch::try_from_iter([("plan", Arc::new(lines) as _)]).unwrap();
        let style = Style {
            width: Some(40),
            whole_cells: true,
            ..Style::default()
        };
        let text = rendered(&batch, &style);
        assert!(text.contains(&line), "{text}");
    }

    #[test]
    fn hidden_columns_are_counted() {
        let column = || Arc::new(StringArray::from(vec!["a product title"])) as _;
        let names: Vec<String> = (0..12).map(|n| format!("column_{n}")).collect();
        let columns = names.iter().map(|name| (name, column()));
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let text = rendered(
            &batch,
            &Style {
                width: Some(60),
                ..Style::default()
            },
        );
        assert!(
            text.lines().take(5).all(|line| line.width() <= 60),
            "{text}"
        );
        assert!(
            text.contains("column_0") && text.contains("column_…"),
            "{text}"
        );
        assert_eq!(
            text.lines().nth(1).unwrap().matches("│ … │").count(),
            1,
            "{text}"
        );
        let shown = text.lines().nth(3).unwrap().matches("a produ…").count();
        let footer = format!(
            "(1 row; {} of 12 columns not shown, \\x shows all)\n",
            12 - shown
        );
        assert!(text.ends_with(&footer), "{text}");
    }

    #[test]
    fn zero_rows_show_the_columns() {
        for width in [None, Some(80)] {
            let text = rendered(
                &batch().slice(0, 0),
                &Style {
                    width,
                    ..Style::default()
                },
            );
            assert_eq!(text.lines().count(), 5, "{text}");
            assert!(
                text.contains("title") && text.ends_with("(0 rows)\n"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_terminal_shows_the_ends_of_a_long_result_and_a_file_all_rows() {
        let numbers = Int64Array::from_iter_values(0..50_000);
        let batch = RecordBatch::try_from_iter([("n", Arc::new(numbers) as _)]).unwrap();
        let screen = rendered(
            &batch,
            &Style {
                width: Some(40),
                ..Style::default()
            },
        );
        for shown in ["   499 │", " 49500 │", "⋮"] {
            assert!(screen.contains(shown), "{shown}");
        }
        assert!(!screen.contains("   500 │") && !screen.contains(" 49499 │"));
        assert!(screen.ends_with("(50000 rows, 49000 in the middle not shown)\n"));
        let file = rendered(&batch, &Style::default());
        assert_eq!(file.lines().count(), 3 + 50_000 + 2);
    }

    #[test]
    fn a_file_receives_rows_before_the_result_ends() {
        let numbers = Int64Array::from_iter_values(0..MAX_MEASURED_ROWS as i64);
        let many = RecordBatch::try_from_iter([("n", Arc::new(numbers) as _)]).unwrap();
        let mut out = Vec::new();
        let mut writer = writer(many.schema(), &Style::default(), &mut out);
        writer.batch(&many).unwrap();
        writer.batch(&many.slice(7, 1)).unwrap();
        drop(writer);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 3 + MAX_MEASURED_ROWS + 1);
        assert!(text.ends_with("│    7 │\n"), "{}", &text[text.len() - 40..]);
    }
}
