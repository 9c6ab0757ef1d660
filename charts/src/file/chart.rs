//! A chart for a file: takes rows batch by batch, then renders.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use super::data::ChartData;
use super::format::{ChartFormat, RenderedChart};
use super::options::ChartOptions;
use crate::error::Result;

/// A chart for a file, and the rows that it has so far.
pub struct ChartFile {
    pub(super) data: ChartData,
    options: ChartOptions,
}

impl ChartFile {
    /// A chart of these columns before any row.
    ///
    /// # Errors
    /// Columns that do not exist, or that this kind of chart cannot draw.
    pub fn new(schema: &Schema, options: ChartOptions) -> Result<Self> {
        Ok(Self {
            data: ChartData::new(schema, &options)?,
            options,
        })
    }

    /// Adds the rows of a batch.
    ///
    /// # Errors
    /// More rows than a bar chart may have.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        self.data.add(batch)
    }

    /// Number of rows so far.
    pub fn rows(&self) -> usize {
        self.data.total_rows
    }

    /// What the chart shows, such as `bar chart of n by category`.
    pub fn summary(&self) -> String {
        format!("{} of {}", self.data.kind.noun(), self.data.title())
    }

    /// The file.
    ///
    /// # Errors
    /// Too little memory for the picture, or a build without the format.
    pub fn render(&self, format: &ChartFormat) -> Result<RenderedChart> {
        format.render(&self.data, &self.options)
    }
}
