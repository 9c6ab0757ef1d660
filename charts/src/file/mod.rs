//! Charts as files, one file for each format.

mod bars;
mod chart;
mod color;
mod compose;
mod data;
mod format;
mod html;
mod options;
#[cfg(feature = "png")]
mod png;
mod points;
mod scale;
mod scene;
mod svg;
#[cfg(test)]
mod tests;
mod text;
mod vega;

pub use chart::ChartFile;
pub use format::{CHART_FORMATS, ChartFormat, RenderedChart, find_format};
pub use options::{ChartOptions, Theme};
