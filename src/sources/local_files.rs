//! Files of a location on this machine: a file, a folder or a pattern.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::datasource::listing::ListingTableUrl;
use datafusion::execution::context::SessionState;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::data_files::{FileSelection, common_format, is_data_file};
use super::folder_walk::{WalkDepth, list_files};
use super::format::{self, NamedFormat};
use super::glob::{self, Glob};
use super::located_files::{LocatedFile, LocatedFiles};
use super::location::not_a_path;
use super::missing_file::missing_file;
use super::store_errors::read_error;
use crate::error::{ErrorKind, Result, ShellError};

/// Maximum number of concurrent requests for the metadata of files.
const MAX_CONCURRENT_HEADS: usize = 16;

/// Finds the files at `path`, which is the path of `location`.
///
/// # Errors
/// There are no files, none of a known format, or several formats.
pub async fn find(state: &SessionState, location: &str, path: &Path) -> Result<LocatedFiles> {
    let LocalFiles {
        urls,
        names,
        format,
    } = list_on_blocking_thread(location, path).await?;
    let Some(first) = urls.first() else {
        return Err(ShellError::query(format!("there is no file '{location}'")));
    };
    let store = state.runtime_env().object_store(first)?;
    let metas = heads(location, &store, &urls).await?;
    let files = metas.into_iter().zip(urls).zip(names);
    let files = files.map(|((meta, url), path)| LocatedFile { meta, url, path });
    Ok(LocatedFiles {
        store,
        files: files.collect(),
        format,
    })
}

/// Files of a location on this machine, all of one format.
struct LocalFiles {
    urls: Vec<ListingTableUrl>,
    /// Paths of the files below their folder.
    names: Vec<String>,
    format: NamedFormat,
}

/// Lists the files of a location on a thread for blocking work. Dropping the
/// future ends the listing.
async fn list_on_blocking_thread(location: &str, path: &Path) -> Result<LocalFiles> {
    let cancelled = CancellationToken::new();
    let _cancel_on_drop = cancelled.clone().drop_guard();
    let (owned_location, owned_path) = (location.to_string(), path.to_path_buf());
    let listing =
        tokio::task::spawn_blocking(move || list_local(&owned_location, &owned_path, &cancelled));
    listing.await.map_err(|error| {
        ShellError::of_kind(
            ErrorKind::Internal,
            format!("cannot list '{location}': {error}"),
        )
    })?
}

fn list_local(location: &str, path: &Path, cancelled: &CancellationToken) -> Result<LocalFiles> {
    let (root, names, format) = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            let mut names = list_files(path, WalkDepth::Partitions, cancelled)?;
            names.retain(|name| is_data_file(name));
            let format = common_format(location, &names, FileSelection::Folder)?;
            (path.to_path_buf(), names, format)
        }
        Ok(_) => {
            let (folder, name) = split_path(location, path)?;
            let format = format::from_file_name(&name)
                .map_err(|why| ShellError::query(format!("'{location}' {why}")))?;
            (folder, vec![name], format)
        }
        Err(_) if glob::is_pattern(location) => {
            let (folder, names) = list_pattern(location, path, cancelled)?;
            let format = common_format(location, &names, FileSelection::Pattern)?;
            (folder, names, format)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(missing_file(location, path));
        }
        Err(error) => {
            return Err(ShellError::query(format!(
                "cannot open '{location}': {error}"
            )));
        }
    };
    // The names are kept: a link to a file may lead to a name without an
    // extension.
    let root = fs::canonicalize(&root)
        .map_err(|error| ShellError::query(format!("cannot open '{location}': {error}")))?;
    let mut urls = Vec::with_capacity(names.len());
    for name in &names {
        urls.push(file_url(location, &root.join(name))?);
    }
    Ok(LocalFiles {
        urls,
        names,
        format,
    })
}

/// Lists the files that a pattern matches, relative to its folder.
fn list_pattern(
    location: &str,
    path: &Path,
    cancelled: &CancellationToken,
) -> Result<(PathBuf, Vec<String>)> {
    let text = path.to_string_lossy();
    let (folder, pattern) = glob::split(&text);
    let glob =
        Glob::new(pattern).map_err(|why| ShellError::query(format!("'{location}' {why}")))?;
    let folder = if folder.is_empty() {
        Path::new(".")
    } else {
        Path::new(folder)
    };
    if !folder.is_dir() {
        return Err(missing_file(location, folder));
    }
    let depth = if pattern.contains("**") {
        WalkDepth::Any
    } else {
        WalkDepth::Folders(pattern.matches('/').count())
    };
    let mut names = list_files(folder, depth, cancelled)?;
    names.retain(|name| !cancelled.is_cancelled() && glob.matches(name));
    Ok((folder.to_path_buf(), names))
}

fn split_path(location: &str, path: &Path) -> Result<(PathBuf, String)> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| not_a_path(location))?;
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    Ok((
        folder.unwrap_or(Path::new(".")).to_path_buf(),
        name.to_string(),
    ))
}

fn file_url(location: &str, path: &Path) -> Result<ListingTableUrl> {
    let url = Url::from_file_path(path).map_err(|()| not_a_path(location))?;
    Ok(ListingTableUrl::try_new(url, None)?)
}

/// Requests the metadata of files.
async fn heads(
    location: &str,
    store: &Arc<dyn ObjectStore>,
    urls: &[ListingTableUrl],
) -> Result<Vec<ObjectMeta>> {
    let paths: Vec<ObjectPath> = urls.iter().map(|url| url.prefix().clone()).collect();
    futures::stream::iter(paths)
        .map(|path| async move { store.head(&path).await })
        .buffered(MAX_CONCURRENT_HEADS)
        .try_collect()
        .await
        .map_err(|error| read_error(location, &error))
}
