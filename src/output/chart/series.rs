//! The columns of a result that a chart shows.

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Float64Type, SchemaRef};

use super::super::value::{Cells, is_number, one_line};
use crate::error::{Result, ShellError};

/// Labels or positions, and the values over them.
pub struct Series {
    pub x_name: String,
    pub y_name: String,
    pub labels: Vec<String>,
    /// The same as numbers, where they are numbers.
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    /// Rows left out, since their value is NULL or no finite number.
    pub skipped: usize,
    /// Whether the values are whole numbers, as counts are.
    pub counts: bool,
}

impl Series {
    /// Reads columns `x` and `y`, or the usual ones: the first text (for
    /// positions, the first number) and the first number beside it. A
    /// histogram has one column only.
    pub fn read(
        schema: &SchemaRef,
        batches: &[RecordBatch],
        x: Option<&str>,
        y: Option<&str>,
        numeric_x: bool,
        single: bool,
    ) -> Result<Self> {
        let numbers: Vec<usize> = (0..schema.fields().len()).filter(|&c| plottable(schema.field(c).data_type())).collect();
        let x = match x {
            Some(name) => Some(column(schema, name)?),
            None if single || numeric_x => numbers.first().copied(),
            None => (0..schema.fields().len()).find(|&c| !is_number(schema.field(c).data_type())),
        };
        let y = match y {
            Some(name) => Some(column(schema, name)?),
            None if single => x,
            None => numbers.iter().copied().find(|c| Some(*c) != x),
        };
        let Some(y) = y.filter(|&y| plottable(schema.field(y).data_type())) else {
            return Err(ShellError::query("there is no column of numbers to draw; name one: \\chart bar LABEL VALUE"));
        };
        let x = x.unwrap_or(y);
        let mut series = Self {
            x_name: schema.field(x).name().clone(),
            y_name: schema.field(y).name().clone(),
            labels: Vec::new(),
            x: Vec::new(),
            y: Vec::new(),
            skipped: 0,
            counts: schema.field(y).data_type().is_integer(),
        };
        for batch in batches {
            series.add(batch.column(x), batch.column(y), numeric_x)?;
        }
        Ok(series)
    }

    fn add(&mut self, x: &ArrayRef, y: &ArrayRef, numeric_x: bool) -> Result<()> {
        let labels = Cells::short(x)?;
        let (x_numbers, y_numbers) = (floats(x)?, floats(y)?);
        for row in 0..y.len() {
            let position = x_numbers[row];
            match y_numbers[row].filter(|v| v.is_finite() && (!numeric_x || position.is_some_and(f64::is_finite))) {
                Some(value) => {
                    self.labels.push(labels.get(row).map_or_else(|| "NULL".to_string(), |text| one_line(&text)));
                    self.x.push(position.unwrap_or(0.0));
                    self.y.push(value);
                }
                None => self.skipped += 1,
            }
        }
        Ok(())
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

fn plottable(data_type: &DataType) -> bool {
    is_number(data_type) || data_type.is_temporal()
}

fn column(schema: &SchemaRef, name: &str) -> Result<usize> {
    schema
        .fields()
        .iter()
        .position(|field| field.name() == name)
        .or_else(|| schema.fields().iter().position(|field| field.name().eq_ignore_ascii_case(name)))
        .ok_or_else(|| {
            let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            ShellError::query(format!("the last result has no column '{name}'; it has {}", names.join(", ")))
        })
}

/// Values as floats, times as their number; `None` for what is neither.
fn floats(array: &ArrayRef) -> Result<Vec<Option<f64>>> {
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let numbers = if array.data_type().is_temporal() {
        cast_with_options(array, &DataType::Int64, &options)
            .or_else(|_| cast_with_options(array, &DataType::Int32, &options))
            .and_then(|numbers| cast_with_options(&numbers, &DataType::Float64, &options))
    } else {
        cast_with_options(array, &DataType::Float64, &options)
    };
    Ok(match numbers {
        Ok(numbers) => numbers.as_primitive::<Float64Type>().iter().collect(),
        Err(_) => vec![None; array.len()],
    })
}
