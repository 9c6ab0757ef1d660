//! Tables of databases and warehouses, through ADBC drivers.
//!
//! `driver` lists the drivers and loads their libraries. `address` parses the address of
//! a table. `database` opens connections. `table` is the engine's table: `predicate`
//! decides which filters the database evaluates, `query` writes its SQL, `scan` reads its
//! rows, and `sink` writes rows in one transaction, `staged_append` those of other types
//! than the table has, both by `bulk_load`. `types` maps types of drivers to those of the engine, and back.

mod address;
mod bulk_load;
mod database;
mod driver;
mod error;
mod predicate;
mod query;
mod row_channel;
mod scan;
mod sink;
mod staged_append;
mod table;
mod types;

pub use address::{DatabaseAddress, TableName};
pub use database::Database;
pub use driver::{DRIVERS, DatabaseDriver, by_name};
pub use error::{DatabaseError, Result};
pub use sink::WriteMode;
pub use table::DatabaseTable;
pub use types::is_stored;
