//! Files as tables: `SELECT * FROM 'products.parquet'`, folders, patterns and
//! remote locations.
//!
//! `location` parses a location. `local_files` and `remote_files` find its files,
//! whose `format` follows from their names. `files` detects their columns, of text by
//! a `sample`, and groups files with equal ones. `location_table` makes a table of the
//! groups. `remote` opens stores on first use: `s3` a
//! bucket, `web` and `hub` their own. `databases` opens tables of databases,
//! `delta` tables of Delta Lake.

mod batch_decoder;
mod column_merge;
mod common_type;
mod csv;
mod csv_files;
mod data_files;
#[cfg(feature = "databases")]
pub mod databases;
pub mod delta;
mod exact_cast;
mod file_tables;
mod files;
mod folder_walk;
pub mod format;
pub mod glob;
mod hub;
mod json;
mod json_reader;
mod json_types;
mod line_range;
mod local_files;
mod located_files;
pub mod location;
mod location_table;
mod missing_file;
mod number_range;
pub mod partition_values;
mod partitioned_table;
mod policed;
pub mod remote;
mod remote_files;
mod s3;
mod sample;
mod scan_group;
pub mod scan_serde;
mod store_errors;
mod text_scan;
mod united_table;
mod web;

#[cfg(test)]
pub use file_tables::register_table;
pub use file_tables::{install, open_table};

#[cfg(test)]
mod tests;
