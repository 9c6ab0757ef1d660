//! Rows that a chart file shows, read batch by batch.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use super::super::options::ChartOptions;
use super::super::text::shortened;
use super::choose::{choose_kind, listed_columns, xy_columns};
use super::text::{MAX_TEXT_CHARS, amount_text, label_text, row_texts, value_text};
use crate::data::{
    Axis, ChartColumns, Series, find_column, float_values, group_long_digits, is_plottable,
};
use crate::error::{ChartError, Result};
use crate::kind::ChartKind;

/// Beyond twice this many points, every second one is dropped.
const MAX_POINTS: usize = 100_000;

/// Rows that a bar chart may have.
const MAX_BAR_ROWS: usize = 1_000_000;

/// Rows of a chart file.
pub struct ChartData {
    pub kind: ChartKind,
    pub series: Series,
    pub coloring: Coloring,
    /// Texts beside the marks.
    pub label: Option<Vec<String>>,
    pub hover: Vec<TooltipColumn>,
    /// Distance between the rows that are drawn, a power of two.
    pub stride: usize,
    /// Rows that have a value.
    pub value_rows: usize,
    pub total_rows: usize,
    /// Names of the columns with the ends of intervals.
    pub interval_names: Option<(String, String)>,
    columns: ChartColumns,
    color: Option<usize>,
    label_column: Option<usize>,
    /// Whether x holds numbers or times.
    x_is_plottable: bool,
}

/// Colours of the marks.
pub enum Coloring {
    Plain,
    Categories {
        name: String,
        /// In the order of their first rows.
        names: Vec<String>,
        /// The category of each row, as its number in `names`.
        rows: Vec<usize>,
        numbers: HashMap<String, usize>,
    },
    Scale {
        name: String,
        axis: Axis,
        /// NaN for rows without a value.
        values: Vec<f64>,
    },
}

/// A line of the tooltips.
pub struct TooltipColumn {
    pub name: String,
    column: usize,
    pub source: TooltipSource,
}

/// Source of a line of the tooltips.
pub enum TooltipSource {
    X,
    Y,
    Color,
    Texts(Vec<String>),
}

impl ChartData {
    /// Finds the columns.
    ///
    /// # Errors
    /// Columns that do not exist or hold no numbers, and options that this kind
    /// of chart does not take.
    pub fn new(schema: &Schema, options: &ChartOptions) -> Result<Self> {
        let kind = match options.kind {
            Some(kind) => kind,
            None => choose_kind(schema, options)?,
        };
        let (x, y) = (options.x.as_deref(), options.y.as_deref());
        if kind == ChartKind::Hist {
            let unused = [
                ("y", x.is_some() && y.is_some()),
                ("label", options.label.is_some()),
                ("hover", options.hover.is_some()),
            ];
            if let Some((option, _)) = unused.iter().find(|(_, given)| *given) {
                return Err(ChartError::Invalid(format!(
                    "a histogram counts the rows of one column, x; leave {option} out"
                )));
            }
        }
        let columns = match kind {
            // A default y beside a named x could be the same column.
            ChartKind::Scatter | ChartKind::Line if x.is_none() && y.is_none() => {
                let (x, y) = xy_columns(schema).unzip();
                ChartColumns::choose(schema, x, y, kind)?
            }
            ChartKind::Hist => ChartColumns::choose(schema, x.or(y), y, kind)?,
            _ => ChartColumns::choose(schema, x, y, kind)?,
        };
        let named = |name: &Option<String>| {
            let name = name.as_deref();
            name.map(|name| find_column(schema, name)).transpose()
        };
        let color = named(&options.color)?;
        let label_column = named(&options.label)?;
        let mut data = Self {
            kind,
            series: Series::empty(schema, &columns),
            coloring: Coloring::Plain,
            label: label_column.map(|_| Vec::new()),
            hover: Vec::new(),
            stride: 1,
            value_rows: 0,
            total_rows: 0,
            interval_names: columns.interval.map(|(low, high)| {
                let name = |column: usize| schema.field(column).name().clone();
                (name(low), name(high))
            }),
            columns,
            color,
            label_column,
            x_is_plottable: columns
                .x
                .is_none_or(|x| is_plottable(schema.field(x).data_type())),
        };
        data.coloring = color.map_or(Coloring::Plain, |color| data.coloring_of(schema, color));
        let shown = match &options.hover {
            Some(names) => listed_columns(schema, names)?,
            None => data.shown_columns(),
        };
        data.hover = shown
            .into_iter()
            .map(|column| data.hover_of(schema, column))
            .collect();
        Ok(data)
    }

    fn coloring_of(&self, schema: &Schema, color: usize) -> Coloring {
        let field = schema.field(color);
        let name = field.name().clone();
        // Lines and stacks are split by categories only.
        if is_plottable(field.data_type())
            && matches!(self.kind, ChartKind::Bar | ChartKind::Scatter)
        {
            Coloring::Scale {
                name,
                axis: Axis::of(field.data_type()),
                values: Vec::new(),
            }
        } else {
            Coloring::Categories {
                name,
                names: Vec::new(),
                rows: Vec::new(),
                numbers: HashMap::new(),
            }
        }
    }

    /// The columns that the chart shows, each once.
    fn shown_columns(&self) -> Vec<usize> {
        let mut shown = Vec::new();
        let (low, high) = self.columns.interval.unzip();
        let all = [
            self.label_column,
            self.columns.x,
            Some(self.columns.y),
            low,
            high,
            self.color,
        ];
        for column in all.into_iter().flatten() {
            if !shown.contains(&column) {
                shown.push(column);
            }
        }
        shown
    }

    fn hover_of(&self, schema: &Schema, column: usize) -> TooltipColumn {
        let source = if self.columns.x == Some(column) {
            TooltipSource::X
        } else if self.columns.y == column {
            TooltipSource::Y
        } else if self.color == Some(column) {
            TooltipSource::Color
        } else {
            TooltipSource::Texts(Vec::new())
        };
        TooltipColumn {
            name: shortened(schema.field(column).name(), MAX_TEXT_CHARS),
            column,
            source,
        }
    }

    /// Whether the colours are those of the labels.
    pub fn color_is_x(&self) -> bool {
        self.color.is_some() && self.color == self.columns.x
    }

    /// Whether the rows are sorted by x, so that a few labels are enough.
    pub fn is_ordered(&self) -> bool {
        self.x_is_plottable && self.series.x.is_sorted()
    }

    /// Adds the rows of a batch.
    ///
    /// # Errors
    /// More rows than a bar chart may have, and values without a text.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let before = self.series.y.len();
        let rows = self.series.add(batch, &self.columns)?;
        self.total_rows += batch.num_rows();
        if let Some(color) = self.color {
            let array = batch.column(color);
            match &mut self.coloring {
                Coloring::Plain => {}
                Coloring::Categories {
                    names,
                    rows: categories,
                    numbers,
                    ..
                } => {
                    for text in row_texts(array, &rows)? {
                        let next = names.len();
                        let number = *numbers.entry(text).or_insert_with_key(|text| {
                            names.push(text.clone());
                            next
                        });
                        categories.push(number);
                    }
                }
                Coloring::Scale { values, .. } => {
                    let all = float_values(array);
                    let value = |row: &usize| all[*row].filter(|value| value.is_finite());
                    values.extend(rows.iter().map(|row| value(row).unwrap_or(f64::NAN)));
                }
            }
        }
        if let (Some(labels), Some(column)) = (&mut self.label, self.label_column) {
            labels.extend(row_texts(batch.column(column), &rows)?);
        }
        for hover in &mut self.hover {
            if let TooltipSource::Texts(cells) = &mut hover.source {
                cells.extend(row_texts(batch.column(hover.column), &rows)?);
            }
        }
        let value_rows = self.value_rows;
        self.value_rows += rows.len();
        match self.kind {
            ChartKind::Bar if self.value_rows > MAX_BAR_ROWS => Err(ChartError::Invalid(format!(
                "a bar chart of more than {} rows; count or sum them first, with GROUP BY",
                group_long_digits(&MAX_BAR_ROWS.to_string())
            ))),
            ChartKind::Line | ChartKind::Scatter => {
                self.thin(before, value_rows);
                Ok(())
            }
            ChartKind::Bar | ChartKind::Hist => Ok(()),
        }
    }

    /// Keeps every n-th row, n a power of two, so that at most twice
    /// [`MAX_POINTS`] remain. Rows from `new` on are new; `earlier` rows with a
    /// value came before them.
    fn thin(&mut self, new: usize, earlier: usize) {
        if self.stride > 1 {
            let stride = self.stride;
            self.retain(|at| at < new || (earlier + at - new).is_multiple_of(stride));
        }
        while self.series.y.len() > 2 * MAX_POINTS {
            // Row number k of those kept is row k * stride of all.
            self.retain(|at| at.is_multiple_of(2));
            self.stride *= 2;
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
        match &mut self.coloring {
            Coloring::Plain => {}
            Coloring::Categories { rows, .. } => retain(rows, &keep),
            Coloring::Scale { values, .. } => retain(values, &keep),
        }
        if let Some(labels) = &mut self.label {
            retain(labels, &keep);
        }
        for hover in &mut self.hover {
            if let TooltipSource::Texts(cells) = &mut hover.source {
                retain(cells, &keep);
            }
        }
    }

    /// The default title, as in the terminal with long names cut.
    pub fn title(&self) -> String {
        let name = |name: &str| shortened(name, 80);
        self.kind
            .title(&name(&self.series.x_name), &name(&self.series.y_name))
    }

    /// Whether the values are counts, which have a sum.
    pub fn is_summable(&self) -> bool {
        self.series.integers && self.series.y.iter().all(|value| *value >= 0.0)
    }

    /// The text of a value on y.
    pub fn y_text(&self, value: f64) -> String {
        match self.kind {
            ChartKind::Bar | ChartKind::Hist => amount_text(self.series.y_axis, value),
            ChartKind::Line | ChartKind::Scatter => value_text(self.series.y_axis, value),
        }
    }

    /// The text of a row's position on x.
    pub fn x_text(&self, row: usize) -> String {
        match self.series.labels.get(row) {
            Some(label) => label_text(label),
            None => value_text(self.series.x_axis, self.series.x[row]),
        }
    }

    /// A line of a row's tooltip.
    pub fn tooltip_text(&self, hover: &TooltipColumn, row: usize) -> String {
        match &hover.source {
            TooltipSource::X => self.x_text(row),
            TooltipSource::Y => self.y_text(self.series.y[row]),
            TooltipSource::Texts(cells) => cells.get(row).cloned().unwrap_or_default(),
            TooltipSource::Color => match &self.coloring {
                Coloring::Plain => String::new(),
                Coloring::Categories { names, rows, .. } => names[rows[row]].clone(),
                Coloring::Scale { axis, values, .. } if values[row].is_finite() => {
                    value_text(*axis, values[row])
                }
                Coloring::Scale { .. } => "NULL".to_string(),
            },
        }
    }

    /// Remarks about rows that are not drawn.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.stride > 1 {
            let count = |count: usize| group_long_digits(&count.to_string());
            notes.push(format!(
                "{} of {} points are drawn, every {}th.",
                count(self.series.y.len()),
                count(self.value_rows),
                self.stride
            ));
        }
        let left_out = self.series.note();
        if !left_out.is_empty() {
            notes.push(format!("{}.", left_out.trim_end()));
        }
        notes
    }
}
