//! Vector indexes: an HNSW graph over unit vectors, in one file that is mapped into
//! memory.

mod cache;
mod file;
mod search;
mod stamp;

pub use cache::IndexCache;
pub use file::{IndexFile, IndexFileError, IndexMetadata, MAX_DIMS, MAX_ROWS, SectionLengths};
pub use search::{Hit, IndexSearch, Prefilter, SearchStrategy, hits, hits_by_file};
pub use stamp::{FileStamp, file_name};
