//! Indexes of vectors: `CREATE INDEX` builds one beside the data, and searches use it
//! while the data is unchanged.
//!
//! An index belongs to a table of Parquet files on this machine. Its file holds the
//! vectors and the graph between them, and is mapped into memory. A search with an index
//! has the plan of one without; only the scan is restricted to rows that the index
//! returns, which are then compared exactly. With a filter, the columns of the filter are
//! read first, and the index returns rows that pass.

mod create;
mod data;
mod exec;
mod prefilter;
mod row_selection;
mod rule;
mod table;

pub use create::{CreatedIndex, IndexDefinition, create};
pub use data::DataFiles;
pub use exec::IndexScanExec;
pub use rule::SearchByIndex;
pub use semql_inference::vector_index::{IndexFile, IndexFileError, IndexMetadata};
