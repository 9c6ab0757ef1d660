//! Temporary copies of files whose servers do not send parts.

use std::collections::VecDeque;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{Attributes, GetRange, GetResult, GetResultPayload, Result};

use super::file_info::{FileInfo, resolve_range};
use crate::sources::store_errors::query_error;

/// Maximum size of all copies of a client together, and so of each.
pub const MAX_COPY_BYTES: u64 = 16 << 30;

/// Maximum number of copies of a client.
const MAX_COPIES: usize = 16;

/// Bytes of a copy that are read at a time.
const COPY_CHUNK_BYTES: u64 = 1 << 20;

/// Copy of a file whose server does not send parts. The file has no name, so only
/// this process can read it, and it disappears with its last reader.
#[derive(Clone)]
pub struct FileCopy {
    pub url: String,
    pub info: FileInfo,
    pub file: Arc<File>,
}

/// Cache of copies, the least recently used one first.
#[derive(Default)]
pub struct CopyCache(VecDeque<FileCopy>);

impl CopyCache {
    pub fn get(&mut self, url: &str) -> Option<FileCopy> {
        let position = self.0.iter().position(|copy| copy.url == url)?;
        let copy = self.0.remove(position)?;
        self.0.push_back(copy.clone());
        Some(copy)
    }

    /// Adds a copy, which replaces an older one of the same URL. Removes the least
    /// recently used copies above the limits.
    pub fn insert(&mut self, copy: FileCopy) {
        self.0.retain(|known| known.url != copy.url);
        self.0.push_back(copy);
        while self.0.len() > MAX_COPIES || self.bytes() > MAX_COPY_BYTES {
            self.0.pop_front();
        }
    }

    fn bytes(&self) -> u64 {
        self.0.iter().map(|copy| copy.info.size).sum()
    }
}

impl FileCopy {
    /// Reads the copy or a part of it.
    ///
    /// # Errors
    /// A range outside the file.
    pub fn part(&self, location: &Path, range: Option<&GetRange>) -> Result<GetResult> {
        let range = resolve_range(range, self.info.size)?;
        Ok(GetResult {
            payload: GetResultPayload::Stream(self.bytes(location, range.clone())),
            meta: self.info.meta(location),
            range,
            attributes: Attributes::default(),
        })
    }

    fn bytes(&self, location: &Path, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
        let name = location.to_string();
        let file = Arc::clone(&self.file);
        futures::stream::try_unfold(range, move |range| {
            let (file, name) = (Arc::clone(&file), name.clone());
            async move {
                let end = range.end.min(range.start.saturating_add(COPY_CHUNK_BYTES));
                if range.start >= end {
                    return Ok(None);
                }
                let chunk = blocking(move || read_at(&file, range.start..end)).await;
                let chunk = chunk.map_err(|error| {
                    query_error(format!(
                        "cannot read the copy of '{name}': {}",
                        error.kind()
                    ))
                })?;
                Ok(Some((Bytes::from(chunk), end..range.end)))
            }
        })
        .boxed()
    }
}

/// Reads a range of a file without its position, which concurrent readers share.
fn read_at(file: &File, range: Range<u64>) -> std::io::Result<Vec<u8>> {
    let length = usize::try_from(range.end - range.start).map_err(std::io::Error::other)?;
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match read_some_at(file, rest, range.start + filled as u64) {
            Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

#[cfg(unix)]
fn read_some_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_some_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, bytes, offset)
}

/// Runs file operations on a thread for blocking work.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(std::io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_copy_is_removed_first() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let copy = |url: &str, size| FileCopy {
            url: url.to_string(),
            info: FileInfo {
                size,
                version: None,
            },
            file: Arc::clone(&file),
        };
        let mut copies = CopyCache::default();
        for number in 0..MAX_COPIES {
            copies.insert(copy(&number.to_string(), 1));
        }
        assert!(copies.get("0").is_some());
        copies.insert(copy("new", 1));
        assert!(copies.get("0").is_some() && copies.get("1").is_none());
        assert_eq!(copies.0.len(), MAX_COPIES);
        copies.insert(copy("large", MAX_COPY_BYTES));
        assert_eq!(copies.0.len(), 1);
        assert!(copies.get("large").is_some());
    }
}
