//! The lines of a table: which columns are shown how wide, and drawing them.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use comfy_table::{
    Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table as Lines, Width,
};
use unicode_width::UnicodeWidthStr;

use super::Style;
use super::layout::{self, Column};
use super::value::{Cells, cut, is_number, one_line};
use crate::dictionary::types::sql_name;
use crate::error::Result;

/// The border above, the names and the line below them; then the rows.
const HEAD: &str = "││─ ├─┼┤│    ┬ ┌┐";
const BODY: &str = "││      │";

/// A cell is read up to here, in characters; a table is no place for more.
const MOST_OF_A_CELL: usize = 4096;

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// The cells of one row, `None` for NULL.
pub type Row = Vec<Option<String>>;

/// The rows of a batch as cells on one line each.
pub fn rows(batch: &RecordBatch) -> Result<Vec<Row>> {
    let columns = batch
        .columns()
        .iter()
        .map(Cells::of)
        .collect::<Result<Vec<_>, _>>()?;
    let cell = |column: &Cells, row| column.short(row).map(|text| one_line(&shortened(text)));
    Ok((0..batch.num_rows())
        .map(|row| columns.iter().map(|column| cell(column, row)).collect())
        .collect())
}

fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MOST_OF_A_CELL) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// One column as it is drawn.
struct Shown {
    /// Its place in the rows; `None` for the mark of those left out.
    column: Option<usize>,
    /// Terminal columns of its text, without the spaces around it.
    width: usize,
    alignment: CellAlignment,
}

/// A table whose widths are settled.
pub struct Grid {
    names: Vec<String>,
    /// SQL names below the column names; on screens only.
    types: Option<Vec<String>>,
    shown: Vec<Shown>,
    /// Columns that found no room.
    pub hidden: usize,
    /// Whether cells are cut at their column's width, or may stand out of it.
    cuts: bool,
    style: Style,
}

impl Grid {
    /// Lays out a table for `rows`; in `style.width` terminal columns if that
    /// is set.
    pub fn new(schema: &Schema, rows: &[Row], style: &Style) -> Self {
        let fields = schema.fields();
        let names: Vec<String> = fields.iter().map(|field| one_line(field.name())).collect();
        let types: Option<Vec<String>> = (style.color && style.header).then(|| {
            fields
                .iter()
                .map(|field| one_line(&sql_name(field.data_type())))
                .collect()
        });
        let columns: Vec<Column> = fields
            .iter()
            .enumerate()
            .map(|(column, field)| {
                let number = is_number(field.data_type());
                let cell = |row: &Row| row[column].as_ref().unwrap_or(&style.null).width();
                let mut wanted = rows.iter().map(cell).max().unwrap_or(0);
                if style.header {
                    wanted = wanted.max(names[column].width());
                }
                if let Some(types) = &types {
                    // A long type is no reason for a wide column.
                    wanted = wanted.max(types[column].width().min(layout::LEAST));
                }
                Column {
                    wanted: wanted.max(1),
                    flexible: !number,
                }
            })
            .collect();
        let widths = match style.width {
            Some(available) => layout::widths(&columns, available),
            None => columns.iter().map(|column| Some(column.wanted)).collect(),
        };
        let mut shown: Vec<Shown> = Vec::new();
        for (column, width) in widths.iter().enumerate() {
            let mark = width.is_none();
            // Columns left out stand side by side; one mark is for all.
            if mark && shown.last().is_some_and(|before| before.column.is_none()) {
                continue;
            }
            let right = !mark && is_number(fields[column].data_type());
            shown.push(Shown {
                column: (!mark).then_some(column),
                width: width.unwrap_or(1),
                alignment: if right {
                    CellAlignment::Right
                } else {
                    CellAlignment::Left
                },
            });
        }
        Self {
            names,
            types,
            shown,
            hidden: widths.iter().filter(|width| width.is_none()).count(),
            cuts: style.width.is_some(),
            style: style.clone(),
        }
    }

    /// Everything above the first row, without a line end.
    pub fn head(&self) -> String {
        if !self.style.header {
            return self.edge('┌', '┬', '┐');
        }
        let mut lines = self.lines(HEAD);
        lines.set_header(self.line(|column, width| {
            let name = cut(&self.names[column], width);
            Cell::new(match &self.types {
                Some(types) => format!("{name}\n{}", cut(&types[column], width)),
                None => name,
            })
        }));
        self.constrain(&mut lines);
        if self.types.is_none() {
            return lines.to_string();
        }
        let styled = lines
            .lines()
            .enumerate()
            .map(|(number, line)| match number {
                1 => between_borders(&line, BOLD),
                2 => between_borders(&line, DIM),
                _ => line,
            });
        styled.collect::<Vec<_>>().join("\n")
    }

    /// One line for each row, without a line end after the last.
    pub fn body(&self, rows: &[Row]) -> String {
        let mut lines = self.lines(BODY);
        for row in rows {
            lines.add_row(self.line(|column, width| {
                let text = row[column].as_ref().unwrap_or(&self.style.null);
                let text = if self.cuts {
                    cut(text, width)
                } else {
                    text.clone()
                };
                let dim = self.style.color && row[column].is_none();
                if dim {
                    Cell::new(text).fg(Color::DarkGrey)
                } else {
                    Cell::new(text)
                }
            }));
        }
        self.constrain(&mut lines);
        lines.to_string()
    }

    /// The line that stands for rows that are not shown.
    pub fn gap(&self) -> String {
        let mut lines = self.lines(BODY);
        lines.add_row(self.line(|_, _| Cell::new("⋮")));
        self.constrain(&mut lines);
        lines.to_string()
    }

    /// The border below the last row.
    pub fn foot(&self) -> String {
        self.edge('└', '┴', '┘')
    }

    fn lines(&self, borders: &str) -> Lines {
        let mut lines = Lines::new();
        // What a preset leaves out stays as it was by default, so blanks follow.
        lines.load_preset(&format!("{borders:<19}"));
        lines.set_content_arrangement(ContentArrangement::Disabled);
        if self.style.color {
            lines.enforce_styling();
        } else {
            lines.force_no_tty();
        }
        lines
    }

    fn line(&self, cell: impl Fn(usize, usize) -> Cell) -> Vec<Cell> {
        let cells = self.shown.iter().map(|shown| match shown.column {
            Some(column) => cell(column, shown.width).set_alignment(shown.alignment),
            None => Cell::new("…"),
        });
        cells.collect()
    }

    /// Every piece of a table gets the widths that were laid out here.
    fn constrain(&self, lines: &mut Lines) {
        for (column, shown) in lines.column_iter_mut().zip(&self.shown) {
            let width = u16::try_from(shown.width + 2).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        }
    }

    fn edge(&self, left: char, middle: char, right: char) -> String {
        let mut edge = String::from(left);
        for (number, shown) in self.shown.iter().enumerate() {
            if number > 0 {
                edge.push(middle);
            }
            edge.push_str(&"─".repeat(shown.width + 2));
        }
        edge.push(right);
        edge
    }
}

/// `line` with a look for the texts, not for the lines between them.
fn between_borders(line: &str, look: &str) -> String {
    let pieces: Vec<String> = line
        .split('│')
        .map(|text| {
            if text.is_empty() {
                String::new()
            } else {
                format!("{look}{text}{PLAIN}")
            }
        })
        .collect();
    pieces.join("│")
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};

    use super::*;

    fn row(cells: &[Option<&str>]) -> Row {
        cells.iter().map(|cell| cell.map(str::to_string)).collect()
    }

    fn schema() -> Schema {
        Schema::new(vec![
            Field::new("n", DataType::Int64, true),
            Field::new("title", DataType::Utf8, true),
        ])
    }

    #[test]
    fn pieces_drawn_one_after_the_other_fit_each_other() {
        let rows = [row(&[Some("1"), Some("tea pot")]), row(&[Some("20"), None])];
        let grid = Grid::new(&schema(), &rows, &Style::default());
        let text = [
            grid.head(),
            grid.body(&rows[..1]),
            grid.gap(),
            grid.body(&rows[1..]),
            grid.foot(),
        ];
        let expected = "\
┌────┬─────────┐
│  n │ title   │
├────┼─────────┤
│  1 │ tea pot │
│  ⋮ │ ⋮       │
│ 20 │ NULL    │
└────┴─────────┘";
        assert_eq!(text.join("\n"), expected);
    }

    #[test]
    fn without_a_width_a_late_long_cell_is_not_cut() {
        let grid = Grid::new(
            &schema(),
            &[row(&[Some("1"), Some("tea")])],
            &Style::default(),
        );
        let late = grid.body(&[row(&[Some("2"), Some("a late long title")])]);
        assert_eq!(late, "│ 2 │ a late long title │");
    }

    #[test]
    fn on_a_screen_types_stand_dim_below_the_names() {
        let style = Style {
            color: true,
            width: Some(60),
            ..Style::default()
        };
        let grid = Grid::new(&schema(), &[row(&[Some("1"), None])], &style);
        let head = grid.head();
        let lines: Vec<&str> = head.lines().collect();
        let expected = "│\x1b[2m BIGINT \x1b[0m│\x1b[2m VARCHAR \x1b[0m│";
        assert_eq!((lines.len(), lines[2]), (4, expected), "{head}");
        assert!(lines[1].contains("\x1b[1m      n \x1b[0m"), "{head}");
    }

    #[test]
    fn names_cannot_break_the_table() {
        let schema = Schema::new(vec![Field::new("a\nb", DataType::Utf8, true)]);
        let grid = Grid::new(&schema, &[], &Style::default());
        assert_eq!(grid.head().lines().nth(1), Some("│ a\\nb │"));
    }

    #[test]
    fn a_very_long_cell_says_that_it_was_cut() {
        let text = shortened("x".repeat(MOST_OF_A_CELL + 1));
        assert!(text.ends_with("x…"));
        assert_eq!(text.chars().count(), MOST_OF_A_CELL + 1);
        assert_eq!(shortened("x".repeat(MOST_OF_A_CELL)).len(), MOST_OF_A_CELL);
    }
}
