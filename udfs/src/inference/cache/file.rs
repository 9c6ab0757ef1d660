//! The cache file: opening and making it, and setting a bad one aside.
//!
//! Processes share the file through SQLite's write-ahead log. Renaming or
//! removing a file that another process has open would lead that process to
//! delete the log of the file put in its place. So whoever has the cache open
//! holds a shared lock on a second file, and only who holds that lock alone may
//! make the cache file or set it aside. The operating system drops the locks of a
//! process that ends, however it ends.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Error;
use super::format::{self, Bad, Usable};
use crate::files::sync_folder;

const FILE: &str = "semql-cache.sqlite";
const LOCK: &str = "semql-cache.lock";
/// What the file is made under, to appear whole or not at all.
const UNFINISHED: &str = "semql-cache.sqlite.new";

/// How long to wait for other processes to open, make or leave the file.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// An open cache file.
#[derive(Debug)]
pub(super) struct CacheFile {
    // Above the lock, to be dropped before it.
    pub usable: Usable,
    _lock: Option<File>,
}

/// What opening came to.
#[derive(Debug)]
pub(super) struct Opened {
    /// `None`: the file is bad, and another process still uses it.
    pub file: Option<CacheFile>,
    pub warning: Option<String>,
}

/// A file that was found to be damaged while it was open.
#[derive(Debug)]
pub(super) struct Suspect {
    /// Which file that is: another process may have put a new one in its place.
    pub born: i64,
    pub why: String,
}

/// The path of the cache file in `folder`.
pub(super) fn path_in(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Opens the cache in `folder`, making folder and file where there are none. A
/// file that is damaged or of another format is renamed, a new one takes its
/// place, and the warning says so. A file that can only be read is opened for
/// reading.
///
/// # Errors
/// When the folder cannot be made, read or, unless it has a cache file, written.
pub(super) fn open(folder: &Path) -> Result<Opened, Error> {
    open_unless(folder, None)
}

/// [`open`], for somebody who just found the file to be damaged and has closed it.
pub(super) fn open_again(folder: &Path, suspect: Suspect) -> Result<Opened, Error> {
    open_unless(folder, Some(suspect))
}

fn open_unless(folder: &Path, mut suspect: Option<Suspect>) -> Result<Opened, Error> {
    fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
    let lock = match File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join(LOCK))
    {
        Ok(lock) => lock,
        Err(error) if for_reading_only(&error) && path_in(folder).exists() => {
            return open_to_read(folder, None, &error);
        }
        Err(error) => return Err(unusable(folder, &error)),
    };

    let locked = "another process keeps it locked";
    let mut warning = None;
    // A first pass may find that the file must be made; the second opens it.
    for _ in 0..2 {
        let mut why = locked.to_owned();
        if let Some(suspect) = &suspect {
            why.clone_from(&suspect.why);
        } else {
            if !waited(|| lock.try_lock_shared()).map_err(|error| unusable(folder, &error))? {
                return Ok(not_now(folder, &locked));
            }
            match format::inspect(&path_in(folder)) {
                Ok(usable) => {
                    if !usable.writable {
                        warning = Some(read_only(folder, &"its file is write-protected"));
                    }
                    return Ok(Opened {
                        file: Some(CacheFile {
                            usable,
                            _lock: Some(lock),
                        }),
                        warning,
                    });
                }
                Err(Bad::Unreachable(error)) if format::is_busy(&error) => {
                    return Ok(not_now(folder, &error));
                }
                // The lock was made before the folder was closed to new files.
                Err(Bad::Unreachable(error)) if format::is_for_reading_only(&error) => {
                    return open_to_read(folder, Some(lock), &error);
                }
                Err(Bad::Unreachable(error)) => return Err(unusable(folder, &error)),
                Err(Bad::Absent) => {}
                Err(Bad::Damaged(said) | Bad::Foreign(said)) => why = said,
            }
            lock.unlock().map_err(|error| unusable(folder, &error))?;
        }
        if !waited(|| lock.try_lock()).map_err(|error| unusable(folder, &error))? {
            return Ok(not_now(folder, &why));
        }
        let renewed = renew(folder, suspect.take());
        lock.unlock().map_err(|error| unusable(folder, &error))?;
        if let Some(said) = renewed.map_err(|error| unusable(folder, &error))? {
            warning = Some(said);
        }
    }
    Err(unusable(
        folder,
        &"the file turns bad as soon as it is made",
    ))
}

/// Makes sure that a good file is there. To be called with the lock held alone.
/// Returns what was done about a bad one.
fn renew(folder: &Path, suspect: Option<Suspect>) -> io::Result<Option<String>> {
    let path = path_in(folder);
    // Another process may have renewed the file before this one got the lock.
    let bad = match (format::inspect(&path), suspect) {
        (Ok(usable), Some(suspect)) if usable.born == suspect.born => Bad::Damaged(suspect.why),
        (Ok(_), _) => return Ok(None),
        (Err(bad), _) => bad,
    };
    let warning = match bad {
        Bad::Absent => None,
        Bad::Unreachable(error) => return Err(io::Error::other(error)),
        Bad::Damaged(why) => {
            let aside = set_aside(folder, "corrupt")?;
            Some(format!(
                "the vector cache {} is damaged ({why}); it was renamed to {} and starts anew. \
                 Nothing but time is lost, and the renamed file can be deleted",
                path.display(),
                aside.display()
            ))
        }
        Bad::Foreign(why) => {
            let aside = set_aside(folder, "other")?;
            Some(format!(
                "the vector cache {} is {why}; it was renamed to {} and starts anew. \
                 Give each version its own ai.cache folder to keep both",
                path.display(),
                aside.display()
            ))
        }
    };
    make(folder)?;
    Ok(warning)
}

/// Renames the cache file and its log, so that somebody may look at them, and
/// deletes the ones renamed earlier: they would fill the disk one by one.
fn set_aside(folder: &Path, kind: &str) -> io::Result<PathBuf> {
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
    let aside = folder.join(format!("{FILE}.{kind}-{seconds}"));
    fs::rename(path_in(folder), &aside)?;
    // A log without its file would be taken for the log of the next one.
    match fs::rename(beside(folder, FILE, "-wal"), with_suffix(&aside, "-wal")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    remove(&beside(folder, FILE, "-shm"))?;
    sync_folder(folder)?;
    Ok(aside)
}

/// Makes an empty cache file, whole or not at all.
fn make(folder: &Path) -> io::Result<()> {
    for name in [UNFINISHED, FILE] {
        for suffix in ["-wal", "-shm", "-journal"] {
            remove(&beside(folder, name, suffix))?;
        }
    }
    let unfinished = folder.join(UNFINISHED);
    remove(&unfinished)?;
    format::make(&unfinished).map_err(io::Error::other)?;
    fs::rename(unfinished, path_in(folder))?;
    sync_folder(folder)
}

/// Opens the file for reading, in a folder that takes no new files.
fn open_to_read(
    folder: &Path,
    lock: Option<File>,
    why: &dyn std::fmt::Display,
) -> Result<Opened, Error> {
    match format::inspect_to_read(&path_in(folder)) {
        Ok(usable) => Ok(Opened {
            file: Some(CacheFile {
                usable,
                _lock: lock,
            }),
            warning: Some(read_only(folder, why)),
        }),
        Err(Bad::Damaged(why) | Bad::Foreign(why)) => Err(unusable(folder, &why)),
        Err(Bad::Unreachable(error)) => Err(unusable(folder, &error)),
        Err(Bad::Absent) => Err(unusable(folder, why)),
    }
}

/// Tries until it works, [`LOCK_PATIENCE`] is over (`false`), or it cannot work.
fn waited(mut attempt: impl FnMut() -> Result<(), TryLockError>) -> io::Result<bool> {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if start.elapsed() > LOCK_PATIENCE => return Ok(false),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn for_reading_only(error: &io::Error) -> bool {
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

fn unusable(folder: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::new(format!(
        "the vector cache in the folder {} cannot be opened: {why}. \
         Set ai.cache to a folder that can be written, or to 'memory' or 'off'",
        folder.display()
    ))
}

fn read_only(folder: &Path, why: &dyn std::fmt::Display) -> String {
    format!(
        "the vector cache {} can only be read ({why}): what it has is used, and nothing is added. \
         Make the folder writable or choose another one with ai.cache",
        path_in(folder).display()
    )
}

fn not_now(folder: &Path, why: &dyn std::fmt::Display) -> Opened {
    let warning = format!(
        "the vector cache {} cannot be used now ({why}), and other processes have it open: nothing \
         is read from it or added until semql starts again without them",
        path_in(folder).display()
    );
    Opened {
        file: None,
        warning: Some(warning),
    }
}
