//! Tables for people.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::ends::Ends;
use super::grid::{self, Grid, Row};
use super::{Place, ResultWriter, Style};
use crate::error::Result;

/// Where a width is given, longer results show their first and last rows.
const MOST_ROWS: usize = 1000;

/// Elsewhere all rows are shown, and widths are settled by the first of them:
/// a result of any length must not have to be held.
const MEASURED_ROWS: usize = 10_000;
const MEASURED_BYTES: usize = 32 << 20;

/// Rows drawn at a time.
const DRAWN_ROWS: usize = 1024;

pub struct Table<'a> {
    schema: SchemaRef,
    style: Style,
    out: &'a mut dyn Place,
    rows: usize,
    state: State,
}

enum State {
    /// A screen shows both ends.
    Ends(Ends),
    /// The widths are still open.
    Measuring {
        batches: Vec<RecordBatch>,
        bytes: usize,
    },
    Streaming(Grid),
}

impl<'a> Table<'a> {
    pub fn new(schema: SchemaRef, style: Style, out: &'a mut dyn Place) -> Self {
        let state = match style.width {
            Some(_) => State::Ends(Ends::new(MOST_ROWS / 2)),
            None => State::Measuring {
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

    /// Settles the widths, and writes what was held until then.
    fn start(&mut self, batches: &[RecordBatch]) -> Result<Grid> {
        let rows = cells(batches)?;
        let grid = Grid::new(&self.schema, &rows, &self.style);
        writeln!(self.out, "{}", grid.head())?;
        self.draw(&grid, &rows)?;
        Ok(grid)
    }

    fn draw(&mut self, grid: &Grid, rows: &[Row]) -> Result<()> {
        for rows in rows.chunks(DRAWN_ROWS) {
            writeln!(self.out, "{}", grid.body(rows))?;
        }
        Ok(())
    }

    fn both_ends(&mut self, ends: Ends) -> Result<(Grid, usize)> {
        let (first, last, left_out) = ends.into_parts();
        let mut rows = cells(&first)?;
        let before = rows.len();
        rows.extend(cells(&last)?);
        let grid = Grid::new(&self.schema, &rows, &self.style);
        writeln!(self.out, "{}", grid.head())?;
        self.draw(&grid, &rows[..before])?;
        if left_out > 0 {
            writeln!(self.out, "{}", grid.gap())?;
        }
        self.draw(&grid, &rows[before..])?;
        Ok((grid, left_out))
    }

    fn footer(&self, grid: &Grid, left_out: usize) -> String {
        let mut footer = format!(
            "({} row{}",
            self.rows,
            if self.rows == 1 { "" } else { "s" }
        );
        if left_out > 0 {
            footer.push_str(&format!(", {left_out} in the middle not shown"));
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

impl ResultWriter for Table<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.rows += batch.num_rows();
        match &mut self.state {
            State::Ends(ends) => ends.add(batch),
            State::Measuring { batches, bytes } => {
                batches.push(batch.clone());
                *bytes += batch.get_array_memory_size();
                if self.rows >= MEASURED_ROWS || *bytes >= MEASURED_BYTES {
                    let batches = std::mem::take(batches);
                    self.state = State::Streaming(self.start(&batches)?);
                }
            }
            State::Streaming(grid) => {
                for rows in grid::rows(batch)?.chunks(DRAWN_ROWS) {
                    writeln!(self.out, "{}", grid.body(rows))?;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        let empty = State::Measuring {
            batches: Vec::new(),
            bytes: 0,
        };
        let (grid, left_out) = match std::mem::replace(&mut self.state, empty) {
            State::Ends(ends) => self.both_ends(ends)?,
            State::Measuring { batches, .. } => (self.start(&batches)?, 0),
            State::Streaming(grid) => (grid, 0),
        };
        writeln!(
            self.out,
            "{}\n{}",
            grid.foot(),
            self.footer(&grid, left_out)
        )?;
        Ok(())
    }
}

fn cells(batches: &[RecordBatch]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for batch in batches {
        rows.extend(grid::rows(batch)?);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, StringArray};
    use unicode_width::UnicodeWidthStr;

    use super::super::{rendered, writer};
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
    fn numbers_stand_right_and_cells_stay_on_one_line() {
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
    fn without_a_header_the_rows_are_all_there_is() {
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
    fn a_narrow_screen_cuts_texts_and_keeps_numbers() {
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
    fn columns_without_room_are_counted() {
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
    fn zero_rows_still_show_the_columns() {
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
    fn a_screen_shows_both_ends_of_a_long_result_and_a_file_all_of_it() {
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
    fn a_file_gets_rows_before_the_last_one_came() {
        let numbers = Int64Array::from_iter_values(0..MEASURED_ROWS as i64);
        let many = RecordBatch::try_from_iter([("n", Arc::new(numbers) as _)]).unwrap();
        let mut out = Vec::new();
        let mut writer = writer(many.schema(), &Style::default(), &mut out);
        writer.batch(&many).unwrap();
        writer.batch(&many.slice(7, 1)).unwrap();
        drop(writer);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 3 + MEASURED_ROWS + 1);
        assert!(text.ends_with("│    7 │\n"), "{}", &text[text.len() - 40..]);
    }
}
