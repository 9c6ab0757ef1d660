//! The columns that a chart shows, read batch by batch.

mod choice;
mod fills;

use std::collections::HashMap;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::Schema;

use super::super::chart::axis::{Axis, grouped, in_threes, number};
use super::super::chart::series::{Columns, Needs, Series, column, floats, plottable};
use super::super::value::Cells;
use super::spec::{Kind, Spec};
use super::text::shortened;
use crate::error::{Result, ShellError};
use choice::{chosen, listed, xy};
pub use fills::Fills;

/// From twice as many points on, every second one is left out.
const MOST_POINTS: usize = 100_000;

/// More rows than this are no bars.
const MOST_BARS_READ: usize = 1_000_000;

/// The longest text of a tooltip and of a category, in characters.
const LONGEST_TEXT: usize = 200;

/// What a chart is made from.
pub struct Data {
    pub kind: Kind,
    pub series: Series,
    pub paint: Paint,
    /// Texts beside the marks.
    pub label: Option<Vec<String>>,
    pub hover: Vec<Hover>,
    /// Every how many rows one was taken.
    pub every: usize,
    /// Rows that have a value.
    pub valued: usize,
    /// All rows.
    pub read: usize,
    columns: Columns,
    color: Option<usize>,
    label_column: Option<usize>,
    /// Whether x holds numbers or times.
    places: bool,
}

/// What colours the marks.
pub enum Paint {
    Plain,
    Categories {
        name: String,
        /// In the order in which they came.
        names: Vec<String>,
        of: Vec<usize>,
        known: HashMap<String, usize>,
    },
    Scale {
        name: String,
        axis: Axis,
        /// NaN where there is none.
        values: Vec<f64>,
    },
}

/// One line of the tooltips.
pub struct Hover {
    pub name: String,
    column: usize,
    pub is: Shown,
}

/// What a line of the tooltips shows.
pub enum Shown {
    X,
    Y,
    Color,
    Texts(Vec<String>),
}

impl Data {
    /// Finds the columns.
    ///
    /// # Errors
    /// Columns that are not there or hold no numbers, and options that this
    /// kind of chart has no use for.
    pub fn new(schema: &Schema, spec: &Spec) -> Result<Self> {
        let kind = match spec.kind {
            Some(kind) => kind,
            None => chosen(schema, spec)?,
        };
        let (needs, x) = match kind {
            Kind::Bar => (Needs::LabelAndNumber, spec.x.as_deref()),
            Kind::Line | Kind::Scatter => (Needs::Positions, spec.x.as_deref()),
            Kind::Hist => (Needs::Numbers, spec.x.as_deref().or(spec.y.as_deref())),
        };
        if kind == Kind::Hist {
            let useless = [
                ("y", spec.x.is_some() && spec.y.is_some()),
                ("label", spec.label.is_some()),
                ("hover", spec.hover.is_some()),
            ];
            if let Some((option, _)) = useless.iter().find(|(_, given)| *given) {
                return Err(ShellError::query(format!(
                    "a histogram counts the rows of one column, x; leave {option} out"
                )));
            }
        }
        let columns = match (x, kind) {
            // What stands for y if only x is named must not be x again.
            (None, Kind::Scatter | Kind::Line) if spec.y.is_none() => xy(schema).map_or_else(
                || Columns::find(schema, None, None, needs),
                |(x, y)| Columns::find(schema, Some(x), Some(y), needs),
            )?,
            _ => Columns::find(schema, x, spec.y.as_deref(), needs)?,
        };
        let named = |name: &Option<String>| {
            let name = name.as_deref();
            name.map(|name| column(schema, name)).transpose()
        };
        let color = named(&spec.color)?;
        let label_column = named(&spec.label)?;
        let mut data = Self {
            kind,
            series: Series::empty(schema, &columns),
            paint: Paint::Plain,
            label: label_column.map(|_| Vec::new()),
            hover: Vec::new(),
            every: 1,
            valued: 0,
            read: 0,
            columns,
            color,
            label_column,
            places: columns
                .x
                .is_none_or(|x| plottable(schema.field(x).data_type())),
        };
        data.paint = color.map_or(Paint::Plain, |color| data.paint_of(schema, color));
        let shown = match &spec.hover {
            Some(names) => listed(schema, names)?,
            None => data.shown(),
        };
        data.hover = shown
            .into_iter()
            .map(|column| data.hover_of(schema, column))
            .collect();
        Ok(data)
    }

    fn paint_of(&self, schema: &Schema, color: usize) -> Paint {
        let field = schema.field(color);
        let name = field.name().clone();
        // Lines and stacks are parted by categories only.
        if plottable(field.data_type()) && matches!(self.kind, Kind::Bar | Kind::Scatter) {
            Paint::Scale {
                name,
                axis: Axis::of(field.data_type()),
                values: Vec::new(),
            }
        } else {
            Paint::Categories {
                name,
                names: Vec::new(),
                of: Vec::new(),
                known: HashMap::new(),
            }
        }
    }

    /// The columns that the chart shows, each once.
    fn shown(&self) -> Vec<usize> {
        let mut shown = Vec::new();
        let all = [
            self.label_column,
            self.columns.x,
            Some(self.columns.y),
            self.color,
        ];
        for column in all.into_iter().flatten() {
            if !shown.contains(&column) {
                shown.push(column);
            }
        }
        shown
    }

    fn hover_of(&self, schema: &Schema, column: usize) -> Hover {
        let is = if self.columns.x == Some(column) {
            Shown::X
        } else if self.columns.y == column {
            Shown::Y
        } else if self.color == Some(column) {
            Shown::Color
        } else {
            Shown::Texts(Vec::new())
        };
        Hover {
            name: shortened(schema.field(column).name(), LONGEST_TEXT),
            column,
            is,
        }
    }

    /// Whether the colours are those of the labels.
    pub fn color_is_x(&self) -> bool {
        self.color.is_some() && self.color == self.columns.x
    }

    /// Whether the rows lie along x one after the other, so that a few of their
    /// labels say where the others are.
    pub fn is_ordered(&self) -> bool {
        self.places && self.series.x.is_sorted()
    }

    /// Takes a batch in.
    ///
    /// # Errors
    /// More bars than anybody can look at, and values that have no text.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let before = self.series.y.len();
        let rows = self.series.add(batch, &self.columns)?;
        self.read += batch.num_rows();
        if let Some(color) = self.color {
            let array = batch.column(color);
            match &mut self.paint {
                Paint::Plain => {}
                Paint::Categories {
                    names, of, known, ..
                } => {
                    for text in texts(array, &rows)? {
                        let next = names.len();
                        let at = *known.entry(text).or_insert_with_key(|text| {
                            names.push(text.clone());
                            next
                        });
                        of.push(at);
                    }
                }
                Paint::Scale { values, .. } => {
                    let all = floats(array);
                    let value = |row: &usize| all[*row].filter(|value| value.is_finite());
                    values.extend(rows.iter().map(|row| value(row).unwrap_or(f64::NAN)));
                }
            }
        }
        if let (Some(labels), Some(column)) = (&mut self.label, self.label_column) {
            labels.extend(texts(batch.column(column), &rows)?);
        }
        for hover in &mut self.hover {
            if let Shown::Texts(cells) = &mut hover.is {
                cells.extend(texts(batch.column(hover.column), &rows)?);
            }
        }
        let seen = self.valued;
        self.valued += rows.len();
        match self.kind {
            Kind::Bar if self.valued > MOST_BARS_READ => Err(ShellError::query(format!(
                "a bar chart of more than {} rows; count or sum them first, with GROUP BY",
                grouped(&MOST_BARS_READ.to_string())
            ))),
            Kind::Line | Kind::Scatter => {
                self.thin(before, seen);
                Ok(())
            }
            Kind::Bar | Kind::Hist => Ok(()),
        }
    }

    /// Keeps every n-th row, n a power of two, so that there are never many
    /// more than [`MOST_POINTS`]. The rows from `new` on are new; `seen` came
    /// before them.
    fn thin(&mut self, new: usize, seen: usize) {
        if self.every > 1 {
            let every = self.every;
            self.retain(|at| at < new || (seen + at - new).is_multiple_of(every));
        }
        while self.series.y.len() > 2 * MOST_POINTS {
            // Row number k of those kept is row k * every of all.
            self.retain(|at| at.is_multiple_of(2));
            self.every *= 2;
        }
    }

    fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        fn retain<T>(all: &mut Vec<T>, keep: &impl Fn(usize) -> bool) {
            let mut at = 0;
            all.retain(|_| {
                at += 1;
                keep(at - 1)
            });
        }
        retain(&mut self.series.x, &keep);
        retain(&mut self.series.y, &keep);
        match &mut self.paint {
            Paint::Plain => {}
            Paint::Categories { of, .. } => retain(of, &keep),
            Paint::Scale { values, .. } => retain(values, &keep),
        }
        if let Some(labels) = &mut self.label {
            retain(labels, &keep);
        }
        for hover in &mut self.hover {
            if let Shown::Texts(cells) = &mut hover.is {
                retain(cells, &keep);
            }
        }
    }

    /// Whether the values are parts of a whole: counts that can be summed.
    pub fn sums(&self) -> bool {
        self.series.counts && self.series.y.iter().all(|value| *value >= 0.0)
    }

    /// The text of a value on y.
    pub fn y_text(&self, value: f64) -> String {
        match self.kind {
            Kind::Bar | Kind::Hist => amount_text(self.series.y_axis, value),
            Kind::Line | Kind::Scatter => value_text(self.series.y_axis, value),
        }
    }

    /// The text of a row's place on x.
    pub fn x_text(&self, row: usize) -> String {
        match self.series.labels.get(row) {
            Some(label) => label_text(label),
            None => value_text(self.series.x_axis, self.series.x[row]),
        }
    }

    /// What the tooltip of a row says on a line.
    pub fn cell(&self, hover: &Hover, row: usize) -> String {
        match &hover.is {
            Shown::X => self.x_text(row),
            Shown::Y => self.y_text(self.series.y[row]),
            Shown::Texts(cells) => cells.get(row).cloned().unwrap_or_default(),
            Shown::Color => match &self.paint {
                Paint::Plain => String::new(),
                Paint::Categories { names, of, .. } => names[of[row]].clone(),
                Paint::Scale { axis, values, .. } if values[row].is_finite() => {
                    value_text(*axis, values[row])
                }
                Paint::Scale { .. } => "NULL".to_string(),
            },
        }
    }

    /// What a reader has to know of rows that are not drawn.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.every > 1 {
            let count = |count: usize| grouped(&count.to_string());
            notes.push(format!(
                "{} of {} points are drawn, every {}th.",
                count(self.series.y.len()),
                count(self.valued),
                self.every
            ));
        }
        let left_out = self.series.note();
        if !left_out.is_empty() {
            notes.push(format!("{}.", left_out.trim_end()));
        }
        notes
    }
}

/// The text of a value that may be a year: long numbers have their digits in
/// threes, times are dates.
pub fn value_text(axis: Axis, value: f64) -> String {
    match axis {
        Axis::Numbers => grouped(&number(value)),
        Axis::Times(_) => axis.text(value),
    }
}

/// The text of what is counted or measured: digits are in threes.
pub fn amount_text(axis: Axis, value: f64) -> String {
    match axis {
        Axis::Numbers => {
            let text = number(value);
            if text.contains('e') {
                text
            } else {
                in_threes(&text)
            }
        }
        Axis::Times(_) => axis.text(value),
    }
}

/// A day is shown without its midnight.
fn label_text(label: &str) -> String {
    let day = label
        .strip_suffix('Z')
        .unwrap_or(label)
        .strip_suffix("T00:00:00")
        .filter(|day| day.len() >= 10 && day.bytes().all(|b| b.is_ascii_digit() || b == b'-'));
    shortened(day.unwrap_or(label), LONGEST_TEXT)
}

/// The texts of some rows of a column: whole numbers in threes.
fn texts(array: &ArrayRef, rows: &[usize]) -> Result<Vec<String>> {
    let cells = Cells::of(array)?;
    let whole = array.data_type().is_integer();
    let float = array.data_type().is_floating();
    let text = |row: &usize| match cells.short(*row) {
        None => "NULL".to_string(),
        Some(text) if whole => grouped(&text),
        Some(text) if float => text
            .parse()
            .map_or_else(|_| text.clone(), |value| grouped(&number(value))),
        Some(text) => shortened(&text, LONGEST_TEXT),
    };
    Ok(rows.iter().map(text).collect())
}
