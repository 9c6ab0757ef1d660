//! Rows of a chart file: values, colours, labels and tooltips.

mod chart_data;
mod choose;
mod fills;
mod text;

pub use chart_data::{ChartData, Coloring, TooltipColumn, TooltipSource};
pub use fills::Fills;
pub use text::amount_text;
