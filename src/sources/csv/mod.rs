//! Delimited text: delimiter and escapes of a file, and its columns.

mod dialect;
mod schema;
mod sniff;
mod survey;

pub use schema::{infer_schema, merge_schemas};
pub use sniff::sniff_dialect;

#[cfg(test)]
mod tests;
