//! Formats of results, the pager and the progress line.

mod chart;
mod delimited;
mod dispatch;
mod expanded;
mod format;
mod grid;
mod head_tail;
mod json;
mod layout;
mod markdown;
mod pager;
pub mod progress;
pub mod sink;
mod style;
mod table;
mod target;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use dispatch::writer;
pub use format::{OUTPUT_FORMATS, OutputFormat};
pub use semql_charts::value;
pub use style::Style;
