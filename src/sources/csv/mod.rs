//! Delimited text: delimiter and escapes of a file, its columns, and its rows.

mod arrays;
mod column;
mod dialect;
mod faults;
mod literal;
mod reader;
mod records;
mod schema;
mod sniff;
mod survey;

pub use column::ColumnEvidence;
pub use dialect::Dialect;
pub use reader::{CsvDecoder, CsvReading};
pub use schema::{SampledColumns, read_sample};
pub use sniff::sniff_dialect;

#[cfg(test)]
mod tests;
