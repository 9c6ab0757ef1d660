//! Formats of results, the pager and the progress line.

mod chart;
pub mod delimited;
pub mod delimited_dialect;
mod dispatch;
mod expanded;
mod format;
mod grid;
mod head_tail;
pub mod json;
mod json_values;
mod layout;
mod markdown;
pub mod member_names;
mod pager;
pub mod progress;
pub mod sink;
mod style;
mod table;
pub mod target;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use dispatch::writer;
pub use format::OutputFormat;
pub use pager::{PAGER_MODES, PagerMode};
pub use semql_charts::value;
pub use style::Style;
