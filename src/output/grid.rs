//! Layout of the columns of a table, and drawing of its lines.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use comfy_table::{
    Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table as ComfyTable, Width,
};
use unicode_width::UnicodeWidthStr;

use super::layout::{ColumnSize, MIN_COLUMN_WIDTH, fit_columns};
use super::style::Style;
use super::value::{Cells, cut, is_number, one_line};
use crate::dictionary::types::sql_name;
use crate::error::Result;

/// Preset of the upper border, the names and the line below them.
const HEADER_PRESET: &str = "││─ ├─┼┤│    ┬ ┌┐";
/// Preset of the rows.
const ROW_PRESET: &str = "││      │";

/// Characters of a cell that a table shows at most.
const MAX_CELL_CHARS: usize = 4096;

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

/// Cells of one row, `None` for NULL.
pub type CellRow = Vec<Option<String>>;

/// Reads the rows of a batch as cells of one line each.
pub fn cell_rows(batch: &RecordBatch, style: &Style) -> Result<Vec<CellRow>> {
    let columns = batch
        .columns()
        .iter()
        .map(Cells::of)
        .collect::<Result<Vec<_>, _>>()?;
    let limit = |text| match style.whole_cells {
        true => text,
        false => limit_chars(text),
    };
    let cell = |column: &Cells, row| column.short(row).map(|text| one_line(&limit(text)));
    Ok((0..batch.num_rows())
        .map(|row| columns.iter().map(|column| cell(column, row)).collect())
        .collect())
}

fn limit_chars(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_CELL_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Column of the drawn table.
struct VisibleColumn {
    /// Its index in the rows; `None` for the mark of hidden columns.
    column: Option<usize>,
    /// Width of its text in terminal columns, without the spaces around it.
    width: usize,
    alignment: CellAlignment,
}

/// Table with fixed column widths.
pub struct Grid {
    names: Vec<String>,
    /// SQL types below the column names; on terminals only.
    types: Option<Vec<String>>,
    columns: Vec<VisibleColumn>,
    /// Number of hidden columns.
    pub hidden: usize,
    /// Whether cells are truncated to the width of their column, or may exceed it.
    truncates: bool,
    style: Style,
}

impl Grid {
    /// Lays out a table for `rows`, within `style.width` terminal columns if set.
    pub fn new(schema: &Schema, rows: &[CellRow], style: &Style) -> Self {
        let fields = schema.fields();
        let names: Vec<String> = fields.iter().map(|field| one_line(field.name())).collect();
        let types: Option<Vec<String>> = (style.color && style.header).then(|| {
            fields
                .iter()
                .map(|field| one_line(&sql_name(field.data_type())))
                .collect()
        });
        let sizes: Vec<ColumnSize> = fields
            .iter()
            .enumerate()
            .map(|(column, field)| {
                let number = is_number(field.data_type());
                let cell = |row: &CellRow| row[column].as_ref().unwrap_or(&style.null).width();
                let mut natural = rows.iter().map(cell).max().unwrap_or(0);
                if style.header {
                    natural = natural.max(names[column].width());
                }
                if let Some(types) = &types {
                    // A long type name does not widen the column.
                    natural = natural.max(types[column].width().min(MIN_COLUMN_WIDTH));
                }
                ColumnSize {
                    natural: natural.max(1),
                    shrinkable: !number,
                }
            })
            .collect();
        let widths = match style.width {
            Some(available) => fit_columns(&sizes, available),
            None => sizes.iter().map(|size| Some(size.natural)).collect(),
        };
        let mut columns: Vec<VisibleColumn> = Vec::new();
        for (column, width) in widths.iter().enumerate() {
            let mark = width.is_none();
            // Hidden columns are adjacent and share one mark.
            if mark && columns.last().is_some_and(|before| before.column.is_none()) {
                continue;
            }
            let right = !mark && is_number(fields[column].data_type());
            columns.push(VisibleColumn {
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
            columns,
            hidden: widths.iter().filter(|width| width.is_none()).count(),
            truncates: style.width.is_some(),
            style: style.clone(),
        }
    }

    /// Draws the lines above the first row, without a final line end.
    pub fn head(&self) -> String {
        if !self.style.header {
            return self.edge('┌', '┬', '┐');
        }
        let mut lines = self.lines(HEADER_PRESET);
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
                1 => style_texts(&line, BOLD),
                2 => style_texts(&line, DIM),
                _ => line,
            });
        styled.collect::<Vec<_>>().join("\n")
    }

    /// Draws one line for each row, without a final line end.
    pub fn body(&self, rows: &[CellRow]) -> String {
        let mut lines = self.lines(ROW_PRESET);
        for row in rows {
            lines.add_row(self.line(|column, width| {
                let text = row[column].as_ref().unwrap_or(&self.style.null);
                let text = self.fit_cell(text, width);
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

    /// Draws the line in place of the omitted rows.
    pub fn gap(&self) -> String {
        let mut lines = self.lines(ROW_PRESET);
        lines.add_row(self.line(|_, _| Cell::new("⋮")));
        self.constrain(&mut lines);
        lines.to_string()
    }

    /// Draws the border below the last row.
    pub fn foot(&self) -> String {
        self.edge('└', '┴', '┘')
    }

    /// Truncates the text of a cell to the width of its column, where cells are truncated.
    fn fit_cell(&self, text: &str, width: usize) -> String {
        if self.truncates {
            cut(text, width)
        } else {
            text.to_string()
        }
    }

    fn lines(&self, borders: &str) -> ComfyTable {
        let mut lines = ComfyTable::new();
        // Characters missing in a preset keep their defaults, so blanks follow.
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
        let cells = self.columns.iter().map(|visible| match visible.column {
            Some(column) => cell(column, visible.width).set_alignment(visible.alignment),
            None => Cell::new("…"),
        });
        cells.collect()
    }

    /// Sets the widths of the layout on a part of the table.
    fn constrain(&self, lines: &mut ComfyTable) {
        for (column, visible) in lines.column_iter_mut().zip(&self.columns) {
            let width = u16::try_from(visible.width + 2).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        }
    }

    fn edge(&self, left: char, middle: char, right: char) -> String {
        let mut edge = String::from(left);
        for (number, visible) in self.columns.iter().enumerate() {
            if number > 0 {
                edge.push(middle);
            }
            edge.push_str(&"─".repeat(visible.width + 2));
        }
        edge.push(right);
        edge
    }
}

/// Applies an ANSI style to the texts of a line, and not to its borders.
fn style_texts(line: &str, style: &str) -> String {
    let pieces: Vec<String> = line
        .split('│')
        .map(|text| {
            if text.is_empty() {
                String::new()
            } else {
                format!("{style}{text}{RESET}")
            }
        })
        .collect();
    pieces.join("│")
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};

    use super::*;

    fn row(cells: &[Option<&str>]) -> CellRow {
        cells.iter().map(|cell| cell.map(str::to_string)).collect()
    }

    fn schema() -> Schema {
        Schema::new(vec![
            Field::new("n", DataType::Int64, true),
            Field::new("title", DataType::Utf8, true),
        ])
    }

    #[test]
    fn separately_drawn_parts_have_the_same_widths() {
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
    fn without_a_width_a_late_long_cell_is_not_truncated() {
        let grid = Grid::new(
            &schema(),
            &[row(&[Some("1"), Some("tea")])],
            &Style::default(),
        );
        let late = grid.body(&[row(&[Some("2"), Some("a late long title")])]);
        assert_eq!(late, "│ 2 │ a late long title │");
    }

    #[test]
    fn a_terminal_shows_dim_types_below_the_names() {
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
    fn line_ends_in_names_are_escaped() {
        let schema = Schema::new(vec![Field::new("a\nb", DataType::Utf8, true)]);
        let grid = Grid::new(&schema, &[], &Style::default());
        assert_eq!(grid.head().lines().nth(1), Some("│ a\\nb │"));
    }

    #[test]
    fn a_very_long_cell_ends_with_an_ellipsis() {
        let text = limit_chars("x".repeat(MAX_CELL_CHARS + 1));
        assert!(text.ends_with("x…"));
        assert_eq!(text.chars().count(), MAX_CELL_CHARS + 1);
        assert_eq!(
            limit_chars("x".repeat(MAX_CELL_CHARS)).len(),
            MAX_CELL_CHARS
        );
    }
}
