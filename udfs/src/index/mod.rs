//! Indexes of vectors: `CREATE INDEX` makes one and keeps it beside the data,
//! searches go by it while the data is the same.
//!
//! An index belongs to a table of Parquet files on this machine. It holds the
//! vectors and the graph between them, in one file that is mapped into memory.
//! The plan of a search stays what it is; only its scan is narrowed down to the
//! rows that the index names, which are then compared exactly. Where a filter
//! applies, the columns that it reads are read first, and the index is searched
//! for rows that pass.

mod create;
mod data;
mod exec;
mod file;
mod narrow;
mod opened;
mod passing;
mod rule;
mod search;
mod table;

pub use create::{Created, Wanted, create};
pub use data::DataFiles;
pub use exec::IndexScanExec;
pub use file::{About, IndexFile, IndexFileError};
pub(crate) use opened::Opened;
pub use rule::SearchByIndex;
