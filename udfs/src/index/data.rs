//! Which files are behind a table, and where its indexes lie.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use datafusion::catalog::TableProvider;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::ListingTable;
use serde::{Deserialize, Serialize};

use super::file::IndexFile;
use crate::error::{Error, Result};

/// How the names of index files end.
const SUFFIX: &str = ".hnsw";

/// The Parquet files of a table, in the order of their rows.
#[derive(Clone, Debug)]
pub struct DataFiles {
    pub paths: Vec<PathBuf>,
}

/// A file as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    pub name: String,
    pub bytes: u64,
    /// Nanoseconds since 1970.
    pub modified: u64,
}

impl Stamp {
    /// How a file is now.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = path.metadata()?;
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH);
        Ok(Self {
            name: name_of(path),
            bytes: metadata.len(),
            modified: modified.map_or(0, |since| since.as_nanos() as u64),
        })
    }
}

impl DataFiles {
    /// Those of `table`; `None` where they are not on this machine, no Parquet,
    /// or in folders that stand for columns.
    pub fn of(table: &dyn TableProvider) -> Option<Self> {
        let table = table.downcast_ref::<ListingTable>()?;
        let options = table.options();
        options.format.downcast_ref::<ParquetFormat>()?;
        if !options.table_partition_cols.is_empty() {
            return None;
        }
        let mut paths = Vec::new();
        for url in table.table_paths() {
            let url: &url::Url = url.as_ref();
            let path = (url.scheme() == "file").then(|| url.to_file_path().ok())??;
            paths.push(path.is_file().then_some(path)?);
        }
        paths.sort();
        let mut names: Vec<String> = paths.iter().map(|path| name_of(path)).collect();
        names.sort();
        names.dedup();
        // A scan tells its files by their names.
        (!paths.is_empty() && names.len() == paths.len()).then_some(Self { paths })
    }

    /// How they are now.
    ///
    /// # Errors
    /// If one cannot be looked at.
    pub fn stamps(&self) -> Result<Vec<Stamp>> {
        let stamps = self.paths.iter().map(|path| {
            let cannot = |e| Error::Setup(format!("{} cannot be read: {e}", path.display()));
            Stamp::of(path).map_err(cannot)
        });
        stamps.collect()
    }

    /// Where the index called `name` is or would be: beside the first file.
    pub fn index_path(&self, name: &str) -> PathBuf {
        let first = &self.paths[0];
        first.with_file_name(format!("{}.{name}{SUFFIX}", name_of(first)))
    }

    /// The names of the indexes that there are, in their order.
    pub fn indexes(&self) -> Vec<String> {
        let first = &self.paths[0];
        let begins = format!("{}.", name_of(first));
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

    /// Opens the index called `name`.
    ///
    /// # Errors
    /// If there is none, if another version of semql wrote it, or if it is
    /// damaged.
    pub fn index(&self, name: &str) -> Result<IndexFile> {
        let path = self.index_path(name);
        IndexFile::open(&path).map_err(|error| error.at(&path))
    }
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
