//! Vectors kept in a file, shared with other processes.
//!
//! What goes wrong with the file never fails a query: a vector that cannot be
//! read is computed again, and one that cannot be written is not kept. What the
//! user should know of it is said once.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::file::{self, CacheFile, Suspect};
use super::format::{self, Usable, WRITE_PATIENCE, is_busy, is_damage};
use super::{Error, Fingerprint, Key, Stats, rows};

/// Smaller limits leave no room for the tables themselves.
const SMALLEST_LIMIT: u64 = 1 << 20;

/// How many uses are recorded together.
const USES: usize = 4096;

/// A bounded, persistent map from (model, text) to vector.
#[derive(Debug)]
pub struct DiskCache {
    folder: PathBuf,
    limit: u64,
    /// `None`: the file cannot be used, and a warning said why.
    file: Option<CacheFile>,
    renewed: bool,
    examined: bool,
    /// Whether the last try to write found the file locked for too long.
    kept_waiting: bool,
    /// Vectors that were used, which is not on record yet.
    used: Vec<i64>,
    warnings: VecDeque<String>,
    hits: u64,
    misses: u64,
    writes: u64,
    skipped: u64,
}

impl DiskCache {
    /// Opens or makes the cache file in `folder`, which is made too. The file
    /// takes about `limit` bytes, at least 1 MiB; a log of usually some 8 MiB
    /// comes on top while it is open.
    ///
    /// A damaged file, or one of another version, is renamed, and a new one takes
    /// its place. A file that can only be read is read.
    /// [`take_warning`](Self::take_warning) then says so.
    ///
    /// # Errors
    /// When the folder cannot be made, read or, unless it has a cache file, written.
    pub fn open(folder: &Path, limit: u64) -> Result<DiskCache, Error> {
        // The file must stay the same when the process changes its directory.
        let folder = std::path::absolute(folder).map_err(|error| {
            Error::new(format!(
                "the vector cache folder '{}' is no path: {error}. \
                 Set ai.cache to a folder, 'memory' or 'off'",
                folder.display()
            ))
        })?;
        let opened = file::open(&folder)?;
        Ok(DiskCache {
            folder,
            limit: limit.max(SMALLEST_LIMIT),
            file: opened.file,
            renewed: false,
            examined: false,
            kept_waiting: false,
            used: Vec::new(),
            warnings: opened.warning.into_iter().collect(),
            hits: 0,
            misses: 0,
            writes: 0,
            skipped: 0,
        })
    }

    /// Hands each vector found, `dims` numbers long, to `found` with the position
    /// of its key in `keys`; in what order is not said. Returns how many were
    /// found. A vector that is damaged or has another length is not found.
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
                &file.usable.connection,
                model,
                keys,
                dims,
                &mut self.used,
                // Counted here, because what was handed over before an error counts.
                &mut |position, vector: &[f32]| {
                    hits += 1;
                    found(position, vector);
                },
            );
            match read {
                Ok(false) => {}
                Ok(true) => self.examine(),
                Err(error) => self.after_reading(&error),
            }
        }
        self.hits += hits as u64;
        self.misses += (keys.len() - hits.min(keys.len())) as u64;
        if self.used.len() >= USES {
            self.record_uses();
        }
        hits
    }

    /// Stores vectors of `dims` numbers in one transaction: when the process is
    /// killed, all of them are there or none. Others, unused for long, go where the
    /// limit is reached. Returns how many were stored; a vector of another length,
    /// or with a number that is not finite, is not.
    ///
    /// Waits up to two seconds for another process that is writing, and then drops
    /// the batch.
    pub fn put_many<'a>(
        &mut self,
        model: &Fingerprint,
        dims: usize,
        vectors: impl Iterator<Item = (Key, &'a [f32])>,
    ) -> usize {
        let Some(Usable {
            connection,
            writable: true,
            ..
        }) = self.file.as_mut().map(|file| &mut file.usable)
        else {
            return 0;
        };
        let uses = &mut self.used;
        let limit = self.limit;
        let wait = if self.kept_waiting {
            WRITE_PATIENCE / 20
        } else {
            WRITE_PATIENCE
        };
        let written = transact(connection, wait, |connection| {
            rows::mark_used(connection, uses)?;
            rows::write(connection, model, dims, vectors, limit)
        });
        match written {
            Ok(written) => {
                self.kept_waiting = false;
                self.writes += written as u64;
                self.used.clear();
                if let Err(error) = rows::trim(connection, limit) {
                    self.after_writing(&error);
                }
                written
            }
            Err(error) => {
                self.skipped += 1;
                self.after_writing(&error);
                0
            }
        }
    }

    /// Removes every vector of every model and returns how many there were.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn clear(&mut self) -> Result<u64, Error> {
        let path = file::path_in(&self.folder);
        let refused = |why: &dyn std::fmt::Display| {
            Error::new(format!(
                "the vector cache {} was not cleared: {why}. \
                 Try again, or delete the file when no process uses it",
                path.display()
            ))
        };
        let Some(CacheFile { usable, .. }) = &mut self.file else {
            return Err(refused(&"it cannot be used"));
        };
        if !usable.writable {
            return Err(refused(&"it can only be read"));
        }
        self.used.clear();
        let cleared = transact(&mut usable.connection, WRITE_PATIENCE, rows::clear);
        match cleared {
            Ok(removed) => {
                // Nobody waits for the space, and a reader may stand in the way.
                let connection = &usable.connection;
                let _ = connection.execute_batch("VACUUM");
                let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
                Ok(removed)
            }
            Err(error) if is_damage(&error) => {
                self.renew(&error.to_string());
                Ok(0)
            }
            Err(error) => Err(refused(&error)),
        }
    }

    /// Something the user should know, once.
    pub fn take_warning(&mut self) -> Option<String> {
        self.warnings.pop_front()
    }

    /// What is in the file now, and what this process got from it so far.
    pub fn stats(&mut self) -> Stats {
        let path = file::path_in(&self.folder);
        let totals = self
            .file
            .as_ref()
            .map_or(Ok((0, 0)), |file| rows::totals(&file.usable.connection));
        let (entries, models) = totals.unwrap_or_else(|error| {
            self.after_reading(&error);
            (0, 0)
        });
        Stats {
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

    /// Records which vectors were used, unless somebody else is writing: then
    /// there will be another time.
    fn record_uses(&mut self) {
        let Some(Usable {
            connection,
            writable: true,
            ..
        }) = self.file.as_mut().map(|file| &mut file.usable)
        else {
            self.used.clear();
            return;
        };
        let uses = &mut self.used;
        let recorded = transact(connection, Duration::ZERO, |connection| {
            rows::mark_used(connection, uses)
        });
        match recorded {
            Err(error) if is_busy(&error) && self.used.len() < 16 * USES => {}
            Err(error) if is_busy(&error) => self.used.clear(),
            Err(error) => {
                self.used.clear();
                self.after_writing(&error);
            }
            Ok(()) => self.used.clear(),
        }
    }

    /// Reads the whole file, once, because a vector in it turned out to be wrong. A
    /// bit that flipped in a vector costs that vector; where bits flipped in what
    /// leads to the vectors, some could be written again and again and never found.
    fn examine(&mut self) {
        if self.examined {
            return;
        }
        self.examined = true;
        if let Some(file) = &self.file
            && let Err(why) = format::check(&file.usable.connection)
        {
            self.renew(&why);
        }
    }

    fn after_reading(&mut self, error: &rusqlite::Error) {
        if is_damage(error) {
            self.renew(&error.to_string());
        } else if !is_busy(error) {
            self.warn(format!(
                "the vector cache {} cannot be read any more ({error}): it is not used until semql \
                 starts again. Look after the disk, or choose another folder with ai.cache",
                file::path_in(&self.folder).display()
            ));
            self.file = None;
        }
    }

    fn after_writing(&mut self, error: &rusqlite::Error) {
        if is_busy(error) {
            // One long wait for a process that hangs, not one for each batch.
            self.kept_waiting = true;
        } else if is_damage(error) {
            self.renew(&error.to_string());
        } else if let Some(file) = &mut self.file {
            file.usable.writable = false;
            let what_to_do = match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => "Make room on the disk",
                _ => "Look after the disk",
            };
            self.warn(format!(
                "the vector cache {} takes no more vectors ({error}): what it has is used, and \
                 nothing is added until semql starts again. {what_to_do}, or choose another folder \
                 with ai.cache",
                file::path_in(&self.folder).display()
            ));
        }
    }

    /// Puts a new file in the place of a damaged one, the first time.
    fn renew(&mut self, why: &str) {
        // Closed here, for no process may have it open when it is renamed.
        let born = self
            .file
            .take()
            .and_then(|CacheFile { usable, .. }| usable.writable.then_some(usable.born));
        self.used.clear();
        let Some(born) = born.filter(|_| !self.renewed) else {
            self.warn(format!(
                "the vector cache {} is damaged ({why}) and not used until semql starts again. \
                 Look after the disk, or choose another folder with ai.cache",
                file::path_in(&self.folder).display()
            ));
            return;
        };
        self.renewed = true;
        let suspect = Suspect {
            born,
            why: why.to_owned(),
        };
        match file::open_again(&self.folder, suspect) {
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
        &self.file.as_ref().unwrap().usable.connection
    }
}

impl Drop for DiskCache {
    fn drop(&mut self) {
        self.record_uses();
    }
}

/// Runs `work` in a transaction of its own, for which it waits at most `wait`.
fn transact<T>(
    connection: &mut Connection,
    wait: Duration,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.busy_timeout(wait)?;
    let done = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .and_then(|transaction| {
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        });
    connection.busy_timeout(WRITE_PATIENCE)?;
    done
}

/// The file and its log.
fn bytes_on_disk(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    [path.as_os_str(), &log]
        .iter()
        .filter_map(|path| fs::metadata(path).ok())
        .map(|file| file.len())
        .sum()
}
