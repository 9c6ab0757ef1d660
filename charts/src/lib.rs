//! Charts of [Arrow](arrow) batches: text for a terminal, and files in SVG, PNG,
//! HTML and Vega-Lite.
//!
//! ```
//! use std::sync::Arc;
//!
//! use arrow::array::{Int64Array, RecordBatch, StringArray};
//! use semql_charts::{ChartFile, ChartOptions, TerminalChart, find_format};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let batch = RecordBatch::try_from_iter([
//!     ("kind", Arc::new(StringArray::from(vec!["tea", "pens"])) as _),
//!     ("n", Arc::new(Int64Array::from(vec![30, 10])) as _),
//! ])?;
//!
//! let bars = TerminalChart::from_words(["bar".to_string()])?;
//! let text = bars.render(&batch.schema(), std::slice::from_ref(&batch), 80, false)?;
//! assert!(text.starts_with("n by kind\n"));
//!
//! let mut chart = ChartFile::new(&batch.schema(), ChartOptions::parse([("title", "Stock")])?)?;
//! chart.add(&batch)?;
//! let svg = chart.render(find_format("stock.svg", None).unwrap())?;
//! assert!(svg.bytes.starts_with(b"<svg"));
//! # Ok(())
//! # }
//! ```
//!
//! The feature `png`, on by default, renders PNG with fonts that come with the
//! crate. Without it, a chart in PNG is an error.

mod data;
mod error;
mod file;
mod kind;
mod terminal;
pub mod value;

pub use error::{ChartError, Misspelling, Result};
pub use file::{
    CHART_FORMATS, ChartFile, ChartFormat, ChartOptions, RenderedChart, Theme, find_format,
};
pub use kind::{CHART_KINDS, ChartKind};
pub use terminal::TerminalChart;
