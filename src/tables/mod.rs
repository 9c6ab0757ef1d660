//! Tables in memory, and the view that one session has of the catalogue.
//!
//! A [`StoredTable`] has immutable `version`s of its rows, a `definition` with
//! columns, `identity` numbers and `constraints`, and stores only rows that conform
//! to it. [`SessionTables`] adds temporary tables and the uncommitted changes of a
//! transaction to the shared catalogue, which `session_catalog` presents to the
//! engine.

mod changes;
mod constraints;
mod definition;
mod descriptions;
mod errors;
mod identity;
mod keys;
mod open_transaction;
mod private_versions;
mod row_view;
mod rows_name;
mod session_catalog;
mod session_tables;
mod shared_catalogs;
mod stored_table;
mod table_name;
mod table_sink;
mod table_state;
mod version;

pub use changes::TableChanges;
pub use definition::{CheckRule, ColumnRule, ForeignKeyRule, KeyRule, MaxLength, TableDefinition};
pub use descriptions::Descriptions;
pub use identity::{IdentityKind, IdentitySequence};
pub use open_transaction::TemporaryTable;
pub use rows_name::rows_name;
pub use session_catalog::{DefaultSchema, SessionCatalogs, TEMPORARY_SCHEMA};
pub use session_tables::SessionTables;
pub use shared_catalogs::SharedCatalogs;
pub use stored_table::StoredTable;
pub use table_name::TableName;
pub use version::ROW_ID;
