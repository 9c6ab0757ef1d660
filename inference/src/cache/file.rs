//! The cache file: opens and creates it, and renames an unusable one.
//!
//! Processes share the file through SQLite's write-ahead log. If a process renamed
//! or removed a file that another one has open, the other one would delete the log
//! of the new file. Each process with an open cache therefore holds a shared lock
//! on a second file. Only a process with the exclusive lock may create or rename
//! the cache file. The operating system releases the locks of a process that ends.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::error::CacheError;
use super::format::{self, CacheConnection, FileProblem};
use crate::atomic_file::sync_folder;
use crate::file_lock::try_acquire;

const FILE: &str = "semql-cache.sqlite";
const LOCK: &str = "semql-cache.lock";
/// Name of the file until it is complete.
const UNFINISHED: &str = "semql-cache.sqlite.new";

/// Maximum wait for a lock that another process holds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// An open cache file.
#[derive(Debug)]
pub(super) struct CacheFile {
    // Above the lock, to be dropped before it.
    pub opened: CacheConnection,
    _lock: Option<File>,
}

/// Outcome of opening.
#[derive(Debug)]
pub(super) struct OpenOutcome {
    /// `None` if the file is unusable or locked, and another process uses it.
    pub file: Option<CacheFile>,
    pub warning: Option<String>,
}

/// A file that proved damaged while it was open.
#[derive(Debug)]
pub(super) struct DamagedFile {
    /// Identifies the file: another process may have replaced it meanwhile.
    pub created: i64,
    pub why: String,
}

/// The path of the cache file in `folder`.
pub(super) fn path_in(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Opens the cache in `folder`, and creates folder and file if they are missing.
/// Renames a file that is damaged or in another format, with a warning, and creates
/// a new one. Opens a write-protected file read-only.
///
/// # Errors
/// When the folder cannot be created or read, or has no cache file and cannot be
/// written.
pub(super) fn open(folder: &Path) -> Result<OpenOutcome, CacheError> {
    open_or_replace(folder, None)
}

/// Replaces a damaged file, which the caller has closed, and opens the new one.
pub(super) fn reopen(folder: &Path, damaged: DamagedFile) -> Result<OpenOutcome, CacheError> {
    open_or_replace(folder, Some(damaged))
}

fn open_or_replace(
    folder: &Path,
    mut damaged: Option<DamagedFile>,
) -> Result<OpenOutcome, CacheError> {
    fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
    let lock = match File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join(LOCK))
    {
        Ok(lock) => lock,
        Err(error) if is_read_only(&error) && path_in(folder).exists() => {
            return open_read_only(folder, None, &error);
        }
        Err(error) => return Err(unusable(folder, &error)),
    };

    let locked = "another process has locked it";
    let mut warning = None;
    // The first pass may have to create the file; the second opens it.
    for _ in 0..2 {
        let mut why = locked.to_owned();
        if let Some(damaged) = &damaged {
            why.clone_from(&damaged.why);
        } else {
            if !try_acquire(LOCK_TIMEOUT, || lock.try_lock_shared())
                .map_err(|error| unusable(folder, &error))?
            {
                return Ok(unavailable(folder, &locked));
            }
            match format::open(&path_in(folder)) {
                Ok(opened) => {
                    if !opened.writable {
                        warning = Some(read_only_warning(folder, &"the file is write-protected"));
                    }
                    return Ok(OpenOutcome {
                        file: Some(CacheFile {
                            opened,
                            _lock: Some(lock),
                        }),
                        warning,
                    });
                }
                Err(FileProblem::Unreachable(error)) if format::is_busy(&error) => {
                    return Ok(unavailable(folder, &error));
                }
                // The lock file is older than the folder's write protection.
                Err(FileProblem::Unreachable(error)) if format::is_read_only(&error) => {
                    return open_read_only(folder, Some(lock), &error);
                }
                Err(FileProblem::Unreachable(error)) => return Err(unusable(folder, &error)),
                Err(FileProblem::Absent) => {}
                Err(FileProblem::Damaged(reason) | FileProblem::Foreign(reason)) => why = reason,
            }
            lock.unlock().map_err(|error| unusable(folder, &error))?;
        }
        if !try_acquire(LOCK_TIMEOUT, || lock.try_lock())
            .map_err(|error| unusable(folder, &error))?
        {
            return Ok(unavailable(folder, &why));
        }
        let replaced = replace(folder, damaged.take());
        lock.unlock().map_err(|error| unusable(folder, &error))?;
        if let Some(renamed) = replaced.map_err(|error| unusable(folder, &error))? {
            warning = Some(renamed);
        }
    }
    Err(unusable(folder, &"the new file is unusable, too"))
}

/// Ensures that a usable file exists. Requires the exclusive lock. Returns a
/// warning if it renamed an unusable file.
fn replace(folder: &Path, damaged: Option<DamagedFile>) -> io::Result<Option<String>> {
    let path = path_in(folder);
    // Another process may have replaced the file before this one got the lock.
    let problem = match (format::open(&path), damaged) {
        (Ok(opened), Some(damaged)) if opened.created == damaged.created => {
            FileProblem::Damaged(damaged.why)
        }
        (Ok(_), _) => return Ok(None),
        (Err(problem), _) => problem,
    };
    let warning = match problem {
        FileProblem::Absent => None,
        FileProblem::Unreachable(error) => return Err(io::Error::other(error)),
        FileProblem::Damaged(why) => {
            let renamed = rename_unusable(folder, "corrupt")?;
            Some(format!(
                "the vector cache {} is damaged ({why}); it was renamed to {} and starts empty. \
                 Vectors are computed again, and the renamed file can be deleted",
                path.display(),
                renamed.display()
            ))
        }
        FileProblem::Foreign(why) => {
            let renamed = rename_unusable(folder, "other")?;
            Some(format!(
                "the vector cache {} is {why}; it was renamed to {} and starts empty. \
                 To keep both, set ai.cache to another folder for each version",
                path.display(),
                renamed.display()
            ))
        }
    };
    create(folder)?;
    Ok(warning)
}

/// Renames the cache file and its log, to keep them for inspection. Deletes those
/// renamed earlier, which would fill the disk.
fn rename_unusable(folder: &Path, kind: &str) -> io::Result<PathBuf> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if ["corrupt", "other"]
            .iter()
            .any(|kind| name.starts_with(&format!("{FILE}.{kind}-")))
        {
            fs::remove_file(entry.path())?;
        }
    }
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let renamed = folder.join(format!("{FILE}.{kind}-{seconds}"));
    fs::rename(path_in(folder), &renamed)?;
    // SQLite would apply a log without its file to the next file.
    match fs::rename(beside(folder, FILE, "-wal"), with_suffix(&renamed, "-wal")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    remove(&beside(folder, FILE, "-shm"))?;
    sync_folder(folder)?;
    Ok(renamed)
}

/// Creates an empty cache file, whole or not at all.
fn create(folder: &Path) -> io::Result<()> {
    for name in [UNFINISHED, FILE] {
        for suffix in ["-wal", "-shm", "-journal"] {
            remove(&beside(folder, name, suffix))?;
        }
    }
    let unfinished = folder.join(UNFINISHED);
    remove(&unfinished)?;
    format::create(&unfinished).map_err(io::Error::other)?;
    fs::rename(unfinished, path_in(folder))?;
    sync_folder(folder)
}

/// Opens the file read-only, in a folder that cannot be written.
fn open_read_only(
    folder: &Path,
    lock: Option<File>,
    why: &dyn std::fmt::Display,
) -> Result<OpenOutcome, CacheError> {
    match format::open_read_only(&path_in(folder)) {
        Ok(opened) => Ok(OpenOutcome {
            file: Some(CacheFile {
                opened,
                _lock: lock,
            }),
            warning: Some(read_only_warning(folder, why)),
        }),
        Err(FileProblem::Damaged(why) | FileProblem::Foreign(why)) => Err(unusable(folder, &why)),
        Err(FileProblem::Unreachable(error)) => Err(unusable(folder, &error)),
        Err(FileProblem::Absent) => Err(unusable(folder, why)),
    }
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn beside(folder: &Path, name: &str, suffix: &str) -> PathBuf {
    folder.join(format!("{name}{suffix}"))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn unusable(folder: &Path, why: &dyn std::fmt::Display) -> CacheError {
    CacheError::new(format!(
        "the vector cache in the folder {} cannot be opened: {why}. \
         Set ai.cache to a writable folder, 'memory' or 'off'",
        folder.display()
    ))
}

fn read_only_warning(folder: &Path, why: &dyn std::fmt::Display) -> String {
    format!(
        "the vector cache {} can only be read ({why}): its vectors are used, and none is added. \
         Make the folder writable, or set ai.cache to another folder",
        path_in(folder).display()
    )
}

fn unavailable(folder: &Path, why: &dyn std::fmt::Display) -> OpenOutcome {
    let warning = format!(
        "the vector cache {} cannot be used ({why}) while other processes have it open. \
         End them, and start semql again",
        path_in(folder).display()
    );
    OpenOutcome {
        file: None,
        warning: Some(warning),
    }
}
