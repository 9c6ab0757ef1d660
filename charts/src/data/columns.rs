//! Columns that a chart shows.

use arrow::datatypes::{DataType, Schema};

use super::interval::interval_columns;
use crate::error::{ChartError, Result};
use crate::kind::ChartKind;
use crate::value::is_number;

/// Columns that a chart shows.
#[derive(Clone, Copy, Debug)]
pub struct ChartColumns {
    /// `None` means the number of the row.
    pub x: Option<usize>,
    pub y: usize,
    /// Ends of the interval of each value, for bars.
    pub interval: Option<(usize, usize)>,
    pub kind: ChartKind,
}

impl ChartColumns {
    /// Columns `x` and `y`. By default the first text (for positions, the first
    /// number or time) and the first number beside it. A histogram has one
    /// column only.
    ///
    /// # Errors
    /// Columns that do not exist or hold no numbers.
    pub fn choose(
        schema: &Schema,
        x: Option<&str>,
        y: Option<&str>,
        kind: ChartKind,
    ) -> Result<Self> {
        let x = x.map(|name| find_column(schema, name)).transpose()?;
        let y = y.map(|name| find_column(schema, name)).transpose()?;
        let all = 0..schema.fields().len();
        let data_type = |column: usize| schema.field(column).data_type();
        let numeric = |column: &usize| is_number(data_type(*column));
        let plottable = |column: &usize| is_plottable(data_type(*column));
        // As a value, a number comes before a time.
        let value = |x: Option<usize>| {
            let others = all.clone().filter(|column| Some(*column) != x);
            others
                .clone()
                .find(numeric)
                .or_else(|| others.clone().find(plottable))
        };
        let (x, y) = match kind {
            ChartKind::Hist => {
                let y = x.or_else(|| value(None));
                (y, y)
            }
            ChartKind::Bar => {
                // Without a text, the first column is the label.
                let label = || {
                    all.clone()
                        .find(|column| !numeric(column))
                        .or(all.clone().next())
                };
                let x = x.or_else(label);
                let y = y.or_else(|| value(x));
                // A lone column is the label too.
                (x, y.or(x))
            }
            ChartKind::Line | ChartKind::Scatter => {
                let x = x.or_else(|| all.clone().find(plottable));
                match y.or_else(|| value(x)) {
                    // A lone column is drawn over its row numbers.
                    None => (None, x),
                    y => (x, y),
                }
            }
        };
        let y = y.ok_or_else(|| ChartError::Invalid("the result has no columns".to_string()))?;
        let must_be_numbers = match kind {
            ChartKind::Line | ChartKind::Scatter => [x, Some(y)],
            ChartKind::Bar | ChartKind::Hist => [None, Some(y)],
        };
        for column in must_be_numbers.into_iter().flatten() {
            if !is_plottable(data_type(column)) {
                return Err(ChartError::Invalid(format!(
                    "column '{}' holds no numbers to draw",
                    schema.field(column).name()
                )));
            }
        }
        let interval = match kind {
            ChartKind::Bar => interval_columns(schema, y),
            ChartKind::Line | ChartKind::Scatter | ChartKind::Hist => None,
        };
        Ok(Self {
            x,
            y,
            interval,
            kind,
        })
    }
}

/// Whether values of this type have a position on an axis.
pub fn is_plottable(data_type: &DataType) -> bool {
    is_number(data_type) || data_type.is_temporal()
}

/// The number of the column with this name, in any case.
///
/// # Errors
/// [`ChartError::UnknownColumn`].
pub fn find_column(schema: &Schema, name: &str) -> Result<usize> {
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    names()
        .position(|column| column == name)
        .or_else(|| names().position(|column| column.eq_ignore_ascii_case(name)))
        .ok_or_else(|| ChartError::UnknownColumn {
            name: name.to_string(),
            columns: names().map(str::to_string).collect(),
        })
}
