//! Columns of a result as numbers and labels: the model of every chart.

mod axis;
mod bins;
mod columns;
mod interval;
mod number;
mod range;
mod series;

pub use axis::Axis;
pub use bins::{Bins, sturges_bins};
pub use columns::{ChartColumns, find_column, is_plottable};
pub use interval::interval_columns;
pub use number::{MIN_GROUPED, format_number, group_digits, group_long_digits};
pub use range::{fraction, value_range};
#[cfg(test)]
pub use series::empty_series;
pub use series::{Series, float_values};
