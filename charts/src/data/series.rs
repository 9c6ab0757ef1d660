//! Values of the columns that a chart shows.

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Float64Type, Schema};

use super::axis::Axis;
use super::columns::ChartColumns;
use crate::error::Result;
use crate::kind::ChartKind;
use crate::value::{Cells, one_line};

/// Labels or positions, and the values over them.
pub struct Series {
    pub x_name: String,
    pub y_name: String,
    pub labels: Vec<String>,
    /// The labels as numbers; 0 where they are texts.
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    /// Interval of each value, or empty without intervals.
    pub intervals: Vec<Option<(f64, f64)>>,
    pub x_axis: Axis,
    pub y_axis: Axis,
    /// Rows whose value is NULL or not finite; they are not drawn.
    pub skipped: usize,
    /// Whether the values are integers, as counts are.
    pub integers: bool,
}

impl Series {
    /// The values of whole batches.
    ///
    /// # Errors
    /// Values without a text.
    pub fn read(schema: &Schema, batches: &[RecordBatch], columns: &ChartColumns) -> Result<Self> {
        let mut series = Self::empty(schema, columns);
        for batch in batches {
            series.add(batch, columns)?;
        }
        Ok(series)
    }

    /// The series of these columns before any row.
    pub fn empty(schema: &Schema, columns: &ChartColumns) -> Self {
        let y = schema.field(columns.y);
        let x = columns.x.map(|x| schema.field(x));
        Self {
            x_name: x.map_or("row", |x| x.name()).to_string(),
            y_name: y.name().clone(),
            labels: Vec::new(),
            x: Vec::new(),
            y: Vec::new(),
            intervals: Vec::new(),
            x_axis: x.map_or(Axis::Numbers, |x| Axis::of(x.data_type())),
            y_axis: Axis::of(y.data_type()),
            skipped: 0,
            integers: y.data_type().is_integer(),
        }
    }

    /// Adds the rows of a batch and returns the numbers of those with a value.
    ///
    /// # Errors
    /// Values without a text.
    pub fn add(&mut self, batch: &RecordBatch, columns: &ChartColumns) -> Result<Vec<usize>> {
        let mut added = Vec::with_capacity(batch.num_rows());
        let y = float_values(batch.column(columns.y));
        let x = match columns.x {
            Some(x) => float_values(batch.column(x)),
            None => {
                let before = self.y.len() + self.skipped;
                (0..y.len())
                    .map(|row| Some((before + row + 1) as f64))
                    .collect()
            }
        };
        let (labels, positions) = match columns.kind {
            ChartKind::Bar => {
                let labels = batch.column(columns.x.unwrap_or(columns.y));
                (Some(Cells::of(labels)?), false)
            }
            ChartKind::Line | ChartKind::Scatter => (None, true),
            ChartKind::Hist => (None, false),
        };
        let ends = columns.interval.map(|(low, high)| {
            let ends = [low, high].map(|end| float_values(batch.column(end)));
            ends.map(|ends| {
                ends.into_iter()
                    .map(|end| end.filter(|end| end.is_finite()))
            })
        });
        let intervals: Vec<Option<(f64, f64)>> = match ends {
            Some([low, high]) => low
                .zip(high)
                .map(|(low, high)| low.zip(high).filter(|(low, high)| low <= high))
                .collect(),
            None => Vec::new(),
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
            if let Some(interval) = intervals.get(row) {
                self.intervals.push(*interval);
            }
            added.push(row);
        }
        Ok(added)
    }

    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }

    /// The line below a chart about rows that are not drawn; empty without any.
    pub fn note(&self) -> String {
        match self.skipped {
            0 => String::new(),
            1 => "1 row without a value is not drawn\n".to_string(),
            n => format!("{n} rows without a value are not drawn\n"),
        }
    }
}

/// Values as floats, times as their number; `None` for other values.
pub fn float_values(array: &ArrayRef) -> Vec<Option<f64>> {
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
pub fn empty_series(x: &str, y: &str) -> Series {
    Series {
        x_name: x.to_string(),
        y_name: y.to_string(),
        labels: Vec::new(),
        x: Vec::new(),
        y: Vec::new(),
        intervals: Vec::new(),
        x_axis: Axis::Numbers,
        y_axis: Axis::Numbers,
        skipped: 0,
        integers: false,
    }
}
