//! The files of a table, and those of its indexes.

use std::path::{Path, PathBuf};

use datafusion::catalog::TableProvider;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::ListingTable;

use crate::error::{Error, Result};
use semql_inference::vector_index::{FileStamp, IndexFile, file_name};

/// Suffix of the names of index files.
const SUFFIX: &str = ".hnsw";

/// The Parquet files of a table, in the order of their rows.
#[derive(Clone, Debug)]
pub struct DataFiles {
    pub paths: Vec<PathBuf>,
}

impl DataFiles {
    /// The files of `table`; `None` unless all of them are Parquet files on this machine,
    /// without partition columns.
    pub fn of(table: &dyn TableProvider) -> Option<Self> {
        let mut paths = Self::local_paths(table)?;
        if !paths.iter().all(|path| path.is_file()) {
            return None;
        }
        paths.sort();
        let mut names: Vec<String> = paths.iter().map(|path| file_name(path)).collect();
        names.sort();
        names.dedup();
        // A scan identifies its files by their names.
        (!paths.is_empty() && names.len() == paths.len()).then_some(Self { paths })
    }

    /// Whether `table` may have indexes, by its definition alone: no file is accessed.
    pub fn may_have_indexes(table: &dyn TableProvider) -> bool {
        Self::local_paths(table).is_some()
    }

    /// The local paths of a table of Parquet files without partition columns.
    fn local_paths(table: &dyn TableProvider) -> Option<Vec<PathBuf>> {
        let table = table.downcast_ref::<ListingTable>()?;
        let options = table.options();
        options.format.downcast_ref::<ParquetFormat>()?;
        if !options.table_partition_cols.is_empty() {
            return None;
        }
        let paths = table.table_paths().iter().map(|url| {
            let url: &url::Url = url.as_ref();
            (url.scheme() == "file").then(|| url.to_file_path().ok())?
        });
        paths.collect()
    }

    /// Sizes and times of the files now.
    ///
    /// # Errors
    /// A file that cannot be accessed.
    pub fn stamps(&self) -> Result<Vec<FileStamp>> {
        let stamps = self.paths.iter().map(|path| {
            let cannot = |e| Error::Setup(format!("{} cannot be read: {e}", path.display()));
            FileStamp::of(path).map_err(cannot)
        });
        stamps.collect()
    }

    /// The path of the index `name`, beside the first file.
    pub fn index_path(&self, name: &str) -> PathBuf {
        let first = &self.paths[0];
        first.with_file_name(format!("{}.{name}{SUFFIX}", file_name(first)))
    }

    /// The names of the existing indexes, sorted.
    pub fn indexes(&self) -> Vec<String> {
        let first = &self.paths[0];
        let begins = format!("{}.", file_name(first));
        let folder = first.parent().filter(|p| !p.as_os_str().is_empty());
        let Ok(entries) = folder.unwrap_or(Path::new(".")).read_dir() else {
            return Vec::new();
        };
        let names = entries.filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let name = name.strip_prefix(&begins)?.strip_suffix(SUFFIX)?;
            (!name.is_empty() && !name.contains('.')).then(|| name.to_string())
        });
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// Opens the index `name`.
    ///
    /// # Errors
    /// An index that does not exist, is damaged, or was built by another version.
    pub fn index(&self, name: &str) -> Result<IndexFile> {
        let path = self.index_path(name);
        IndexFile::open(&path).map_err(|error| error.at(&path))
    }
}
