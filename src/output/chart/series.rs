//! The columns of a result that a chart shows.

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Float64Type, Schema};

use super::super::value::{Cells, is_number, one_line};
use super::axis::Axis;
use crate::error::{Result, ShellError};
use crate::suggest;

/// Labels or positions, and the values over them.
pub struct Series {
    pub x_name: String,
    pub y_name: String,
    pub labels: Vec<String>,
    /// The same as numbers, where they are numbers.
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    pub x_axis: Axis,
    pub y_axis: Axis,
    /// Rows left out, since their value is NULL or no finite number.
    pub skipped: usize,
    /// Whether the values are whole numbers, as counts are.
    pub counts: bool,
}

/// What a kind of chart needs of its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Labels, and a number for each.
    LabelAndNumber,
    /// Two numbers; positions may be times.
    Positions,
    /// One column of numbers.
    Numbers,
}

/// Which columns a chart shows.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    /// `None` means the number of the row.
    pub x: Option<usize>,
    pub y: usize,
    needs: Needs,
}

impl Columns {
    /// Columns `x` and `y`, or the usual ones: the first text (for positions,
    /// the first number or time) and the first number beside it. A histogram
    /// has one column only.
    ///
    /// # Errors
    /// Columns that are not there or hold no numbers.
    pub fn find(schema: &Schema, x: Option<&str>, y: Option<&str>, needs: Needs) -> Result<Self> {
        let x = x.map(|name| column(schema, name)).transpose()?;
        let y = y.map(|name| column(schema, name)).transpose()?;
        let all = 0..schema.fields().len();
        let data_type = |column: usize| schema.field(column).data_type();
        let number = |column: &usize| is_number(data_type(*column));
        let drawn = |column: &usize| plottable(data_type(*column));
        // Numbers say more than times where a value is wanted.
        let value = |x: Option<usize>| {
            let others = all.clone().filter(|column| Some(*column) != x);
            others
                .clone()
                .find(number)
                .or_else(|| others.clone().find(drawn))
        };
        let (x, y) = match needs {
            Needs::Numbers => {
                let y = x.or_else(|| value(None));
                (y, y)
            }
            Needs::LabelAndNumber => {
                // Without a text, the first column is what the rest is about.
                let label = || {
                    all.clone()
                        .find(|column| !number(column))
                        .or(all.clone().next())
                };
                let x = x.or_else(label);
                let y = y.or_else(|| value(x));
                // A lone column is its own label.
                (x, y.or(x))
            }
            Needs::Positions => {
                let x = x.or_else(|| all.clone().find(drawn));
                match y.or_else(|| value(x)) {
                    // A lone column stands over the numbers of its rows.
                    None => (None, x),
                    y => (x, y),
                }
            }
        };
        let y = y.ok_or_else(|| ShellError::query("the result has no columns"))?;
        let must_be_numbers = match needs {
            Needs::Positions => [x, Some(y)],
            Needs::LabelAndNumber | Needs::Numbers => [None, Some(y)],
        };
        for column in must_be_numbers.into_iter().flatten() {
            if !plottable(data_type(column)) {
                return Err(ShellError::query(format!(
                    "column '{}' holds no numbers to draw",
                    schema.field(column).name()
                )));
            }
        }
        Ok(Self { x, y, needs })
    }
}

impl Series {
    /// Reads the rows of [`Columns::find`].
    pub fn read(
        schema: &Schema,
        batches: &[RecordBatch],
        x: Option<&str>,
        y: Option<&str>,
        needs: Needs,
    ) -> Result<Self> {
        let columns = Columns::find(schema, x, y, needs)?;
        let mut series = Self::empty(schema, &columns);
        for batch in batches {
            series.add(batch, &columns)?;
        }
        Ok(series)
    }

    /// The series of these columns before any row.
    pub fn empty(schema: &Schema, columns: &Columns) -> Self {
        let y = schema.field(columns.y);
        let x = columns.x.map(|x| schema.field(x));
        Self {
            x_name: x.map_or("row", |x| x.name()).to_string(),
            y_name: y.name().clone(),
            labels: Vec::new(),
            x: Vec::new(),
            y: Vec::new(),
            x_axis: x.map_or(Axis::Numbers, |x| Axis::of(x.data_type())),
            y_axis: Axis::of(y.data_type()),
            skipped: 0,
            counts: y.data_type().is_integer(),
        }
    }

    /// Adds the rows of a batch; gives the numbers of those that have a value.
    pub fn add(&mut self, batch: &RecordBatch, columns: &Columns) -> Result<Vec<usize>> {
        let positions = columns.needs == Needs::Positions;
        let mut added = Vec::with_capacity(batch.num_rows());
        let y = floats(batch.column(columns.y));
        let x = match columns.x {
            Some(x) => floats(batch.column(x)),
            None => {
                let before = self.y.len() + self.skipped;
                (0..y.len())
                    .map(|row| Some((before + row + 1) as f64))
                    .collect()
            }
        };
        let labels = match columns.needs {
            Needs::LabelAndNumber => Some(Cells::of(batch.column(columns.x.unwrap_or(columns.y)))?),
            Needs::Positions | Needs::Numbers => None,
        };
        for (row, (x, y)) in x.into_iter().zip(y).enumerate() {
            let x = x.filter(|x| x.is_finite());
            let Some(y) = y.filter(|y| y.is_finite() && (x.is_some() || !positions)) else {
                self.skipped += 1;
                continue;
            };
            if let Some(labels) = &labels {
                let label = labels.short(row).map(|text| one_line(&text));
                self.labels
                    .push(label.unwrap_or_else(|| "NULL".to_string()));
            }
            self.x.push(x.unwrap_or(0.0));
            self.y.push(y);
            added.push(row);
        }
        Ok(added)
    }

    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }

    /// What stands below a chart, if something was left out.
    pub fn note(&self) -> String {
        match self.skipped {
            0 => String::new(),
            1 => "1 row without a value is not drawn\n".to_string(),
            n => format!("{n} rows without a value are not drawn\n"),
        }
    }
}

/// Whether values of this type have a place on an axis.
pub fn plottable(data_type: &DataType) -> bool {
    is_number(data_type) || data_type.is_temporal()
}

/// The number of the column that is called so, in any case.
///
/// # Errors
/// If there is none.
pub fn column(schema: &Schema, name: &str) -> Result<usize> {
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    names()
        .position(|column| column == name)
        .or_else(|| names().position(|column| column.eq_ignore_ascii_case(name)))
        .ok_or_else(|| {
            ShellError::query(format!(
                "the result has no column '{name}'; it has {}{}",
                names().collect::<Vec<_>>().join(", "),
                suggest::hint(name, names())
            ))
        })
}

/// Values as floats, times as their number; `None` for what is neither.
pub fn floats(array: &ArrayRef) -> Vec<Option<f64>> {
    let options = CastOptions {
        safe: true,
        ..CastOptions::default()
    };
    let numbers = if array.data_type().is_temporal() {
        cast_with_options(array, &DataType::Int64, &options)
            .or_else(|_| cast_with_options(array, &DataType::Int32, &options))
            .and_then(|numbers| cast_with_options(&numbers, &DataType::Float64, &options))
    } else {
        cast_with_options(array, &DataType::Float64, &options)
    };
    match numbers {
        Ok(numbers) => numbers.as_primitive::<Float64Type>().iter().collect(),
        Err(_) => vec![None; array.len()],
    }
}

/// A series without values, for tests.
#[cfg(test)]
pub fn named(x: &str, y: &str) -> Series {
    Series {
        x_name: x.to_string(),
        y_name: y.to_string(),
        labels: Vec::new(),
        x: Vec::new(),
        y: Vec::new(),
        x_axis: Axis::Numbers,
        y_axis: Axis::Numbers,
        skipped: 0,
        counts: false,
    }
}
