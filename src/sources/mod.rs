//! Files as tables: `SELECT * FROM 'products.parquet'`, folders, patterns and
//! remote locations.
//!
//! `location` parses a location. `local_files` and `remote_files` find its files,
//! whose `format` follows from their names. `files` makes a table of them, with
//! dialect and types from a `sample`. `remote` opens stores on first use: `s3` a
//! bucket, `web` and `hub` their own.

mod csv;
mod data_files;
mod file_tables;
mod files;
mod folder_walk;
pub mod format;
pub mod glob;
mod hub;
mod json;
mod json_reader;
mod local_files;
mod located_files;
pub mod location;
mod missing_file;
mod policed;
pub mod remote;
mod remote_files;
mod s3;
mod sample;
mod store_errors;
mod web;

pub use file_tables::{install, register_table};

#[cfg(test)]
mod tests;
