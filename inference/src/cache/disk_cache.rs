//! Cache in a file that processes share.
//!
//! Failures of the file never fail a query: a vector that cannot be read is
//! computed again, and one that cannot be written is dropped. Each failure that
//! concerns the user causes one warning.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::error::CacheError;
use super::file::{self, CacheFile, DamagedFile};
use super::format::{self, CacheConnection, WRITE_TIMEOUT, is_busy, is_damage};
use super::key::{Fingerprint, Key};
use super::rows;
use super::stats::CacheStats;

/// Minimum limit in bytes: the tables themselves need some space.
const MIN_LIMIT: u64 = 1 << 20;

/// Uses that are recorded together.
const USE_BATCH: usize = 4096;

/// Bounded, persistent map from (model, text) to vector.
#[derive(Debug)]
pub struct DiskCache {
    folder: PathBuf,
    limit: u64,
    /// `None` if the file cannot be used; a warning has reported why.
    file: Option<CacheFile>,
    replaced: bool,
    checked: bool,
    /// Whether the last write timed out.
    timed_out: bool,
    /// Ids of used vectors that the file does not record yet.
    used: Vec<i64>,
    warnings: VecDeque<String>,
    hits: u64,
    misses: u64,
    writes: u64,
    skipped: u64,
}

impl DiskCache {
    /// Opens the cache file in `folder`, and creates both if they are missing. The
    /// file takes about `limit` bytes, at least 1 MiB. While it is open, a log takes
    /// about 8 MiB more.
    ///
    /// A damaged file, or one of another version, is renamed and replaced. A
    /// write-protected file is opened read-only. Both cause a
    /// [warning](Self::take_warning).
    ///
    /// # Errors
    /// When the folder cannot be created or read, or has no cache file and cannot
    /// be written.
    pub fn open(folder: &Path, limit: u64) -> Result<Self, CacheError> {
        // An absolute path, since the process may change its directory.
        let folder = std::path::absolute(folder).map_err(|error| {
            CacheError::new(format!(
                "the vector cache folder '{}' is not a valid path: {error}. \
                 Set ai.cache to a folder, 'memory' or 'off'",
                folder.display()
            ))
        })?;
        let opened = file::open(&folder)?;
        Ok(Self {
            folder,
            limit: limit.max(MIN_LIMIT),
            file: opened.file,
            replaced: false,
            checked: false,
            timed_out: false,
            used: Vec::new(),
            warnings: opened.warning.into_iter().collect(),
            hits: 0,
            misses: 0,
            writes: 0,
            skipped: 0,
        })
    }

    /// Calls `found` with each vector of `dims` numbers that is in the file, and with
    /// the position of its key in `keys`. The order of the calls is undefined.
    /// Returns their number. Skips vectors that are damaged or of another length.
    pub fn get_many(
        &mut self,
        model: &Fingerprint,
        keys: &[Key],
        dims: usize,
        found: &mut impl FnMut(usize, &[f32]),
    ) -> usize {
        let mut hits = 0;
        if let Some(file) = &self.file {
            let read = rows::read(
                &file.opened.connection,
                model,
                keys,
                dims,
                &mut self.used,
                // Counted here, to include the vectors before an error.
                &mut |position, vector: &[f32]| {
                    hits += 1;
                    found(position, vector);
                },
            );
            match read {
                Ok(false) => {}
                Ok(true) => self.check(),
                Err(error) => self.handle_read_error(&error),
            }
        }
        self.hits += hits as u64;
        self.misses += (keys.len() - hits.min(keys.len())) as u64;
        if self.used.len() >= USE_BATCH {
            self.record_uses();
        }
        hits
    }

    /// Stores vectors of `dims` numbers in one transaction: when the process is
    /// killed, the file has all of them or none. Evicts vectors beyond the limit.
    /// Returns how many were stored. Vectors of another length, or with a number
    /// that is not finite, are skipped.
    ///
    /// Drops the batch if another process writes for more than two seconds.
    pub fn put_many<'a>(
        &mut self,
        model: &Fingerprint,
        dims: usize,
        vectors: impl Iterator<Item = (Key, &'a [f32])>,
    ) -> usize {
        let Some(CacheConnection {
            connection,
            writable: true,
            ..
        }) = self.file.as_mut().map(|file| &mut file.opened)
        else {
            return 0;
        };
        let uses = &mut self.used;
        let limit = self.limit;
        let timeout = if self.timed_out {
            WRITE_TIMEOUT / 20
        } else {
            WRITE_TIMEOUT
        };
        let written = transact(connection, timeout, |connection| {
            rows::mark_used(connection, uses)?;
            rows::write(connection, model, dims, vectors, limit)
        });
        match written {
            Ok(written) => {
                self.timed_out = false;
                self.writes += written as u64;
                self.used.clear();
                if let Err(error) = rows::trim(connection, limit) {
                    self.handle_write_error(&error);
                }
                written
            }
            Err(error) => {
                self.skipped += 1;
                self.handle_write_error(&error);
                0
            }
        }
    }

    /// Removes every vector of every model, and returns their number.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn clear(&mut self) -> Result<u64, CacheError> {
        let path = file::path_in(&self.folder);
        let failure = |why: &dyn std::fmt::Display| {
            CacheError::new(format!(
                "the vector cache {} cannot be cleared: {why}. \
                 Try again, or delete the file while no process uses it",
                path.display()
            ))
        };
        let Some(CacheFile { opened, .. }) = &mut self.file else {
            return Err(failure(&"it cannot be used"));
        };
        if !opened.writable {
            return Err(failure(&"it can only be read"));
        }
        self.used.clear();
        let cleared = transact(&mut opened.connection, WRITE_TIMEOUT, rows::clear);
        match cleared {
            Ok(removed) => {
                // A reader may block the release of the space; it is not urgent.
                let connection = &opened.connection;
                let _ = connection.execute_batch("VACUUM");
                let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
                Ok(removed)
            }
            Err(error) if is_damage(&error) => {
                self.replace(&error.to_string());
                Ok(0)
            }
            Err(error) => Err(failure(&error)),
        }
    }

    /// Removes and returns the next warning for the user, if there is one.
    pub fn take_warning(&mut self) -> Option<String> {
        self.warnings.pop_front()
    }

    /// Contents of the file, and its use by this process.
    pub fn stats(&mut self) -> CacheStats {
        let path = file::path_in(&self.folder);
        let totals = self
            .file
            .as_ref()
            .map_or(Ok((0, 0)), |file| rows::totals(&file.opened.connection));
        let (entries, models) = totals.unwrap_or_else(|error| {
            self.handle_read_error(&error);
            (0, 0)
        });
        CacheStats {
            entries,
            models,
            bytes: bytes_on_disk(&path),
            location: path.display().to_string(),
            limit: self.limit,
            hits: self.hits,
            misses: self.misses,
            writes: self.writes,
            skipped: self.skipped,
        }
    }

    /// Records which vectors were used. While another process writes, postpones it.
    fn record_uses(&mut self) {
        let Some(CacheConnection {
            connection,
            writable: true,
            ..
        }) = self.file.as_mut().map(|file| &mut file.opened)
        else {
            self.used.clear();
            return;
        };
        let uses = &mut self.used;
        let recorded = transact(connection, Duration::ZERO, |connection| {
            rows::mark_used(connection, uses)
        });
        match recorded {
            Err(error) if is_busy(&error) && self.used.len() < 16 * USE_BATCH => {}
            Err(error) if is_busy(&error) => self.used.clear(),
            Err(error) => {
                self.used.clear();
                self.handle_write_error(&error);
            }
            Ok(()) => self.used.clear(),
        }
    }

    /// Checks the whole file, once, after a vector in it proved wrong. A flipped bit
    /// in a vector costs that vector only. Flipped bits in an index could cause
    /// vectors that are written again and again and never found.
    fn check(&mut self) {
        if self.checked {
            return;
        }
        self.checked = true;
        if let Some(file) = &self.file
            && let Err(why) = format::check(&file.opened.connection)
        {
            self.replace(&why);
        }
    }

    fn handle_read_error(&mut self, error: &rusqlite::Error) {
        if is_damage(error) {
            self.replace(&error.to_string());
        } else if !is_busy(error) {
            self.warn(format!(
                "the vector cache {} can no longer be read ({error}) and is not used until semql starts \
                 again. Check the disk, or set ai.cache to another folder",
                file::path_in(&self.folder).display()
            ));
            self.file = None;
        }
    }

    fn handle_write_error(&mut self, error: &rusqlite::Error) {
        if is_busy(error) {
            // After one full timeout, later batches wait less.
            self.timed_out = true;
        } else if is_damage(error) {
            self.replace(&error.to_string());
        } else if let Some(file) = &mut self.file {
            file.opened.writable = false;
            let remedy = match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => "Free space on the disk",
                _ => "Check the disk",
            };
            self.warn(format!(
                "the vector cache {} cannot be written ({error}): its vectors are used, and none is \
                 added until semql starts again. {remedy}, or set ai.cache to another folder",
                file::path_in(&self.folder).display()
            ));
        }
    }

    /// Replaces a damaged file, once.
    fn replace(&mut self, why: &str) {
        // Closes the file: no process may have it open when it is renamed.
        let created = self
            .file
            .take()
            .and_then(|CacheFile { opened, .. }| opened.writable.then_some(opened.created));
        self.used.clear();
        let Some(created) = created.filter(|_| !self.replaced) else {
            self.warn(format!(
                "the vector cache {} is damaged ({why}) and is not used until semql starts again. \
                 Check the disk, or set ai.cache to another folder",
                file::path_in(&self.folder).display()
            ));
            return;
        };
        self.replaced = true;
        let damaged = DamagedFile {
            created,
            why: why.to_owned(),
        };
        match file::reopen(&self.folder, damaged) {
            Ok(opened) => {
                self.file = opened.file;
                self.warnings.extend(opened.warning);
            }
            Err(error) => self.warn(error.to_string()),
        }
    }

    fn warn(&mut self, warning: String) {
        self.warnings.push_back(warning);
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        &self.file.as_ref().unwrap().opened.connection
    }
}

impl Drop for DiskCache {
    fn drop(&mut self) {
        self.record_uses();
    }
}

/// Runs `work` in a transaction; waits at most `timeout` for other writers.
fn transact<T>(
    connection: &mut Connection,
    timeout: Duration,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.busy_timeout(timeout)?;
    let done = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .and_then(|transaction| {
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        });
    connection.busy_timeout(WRITE_TIMEOUT)?;
    done
}

/// Bytes of the file and its log.
fn bytes_on_disk(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    [path.as_os_str(), &log]
        .iter()
        .filter_map(|path| fs::metadata(path).ok())
        .map(|file| file.len())
        .sum()
}
