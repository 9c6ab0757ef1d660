//! The cache file: opening and making it, and setting a bad one aside.
//!
//! Processes share the file through SQLite's write-ahead log. Renaming or
//! removing a file that another process has open would lead that process to
//! delete the log of the file put in its place. So whoever has the cache open
//! holds a shared lock on a second file, and only who holds that lock alone may
//! make the cache file or set it aside. The operating system drops the locks of a
//! process that ends, however it ends.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::Error;

const FILE: &str = "semql-cache.sqlite";
const LOCK: &str = "semql-cache.lock";
/// What the file is made under, to appear whole or not at all.
const UNFINISHED: &str = "semql-cache.sqlite.new";

/// Marks the file as a semql cache among SQLite files: "smqv".
const APPLICATION: i64 = 0x736d_7176;
/// To be raised with every change of the tables or of what is in them.
const FORMAT: i64 = 1;

/// Ten vectors of 384 numbers or five of 768 to a page, and little room lost.
pub(super) const PAGE_BYTES: u64 = 16 << 10;

/// How long to wait for other processes to open, make or leave the file.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// How long a writer waits for another one to commit.
pub(super) const WRITE_PATIENCE: Duration = Duration::from_secs(2);

const TABLES: &str = "
    CREATE TABLE models (id INTEGER PRIMARY KEY, fingerprint BLOB NOT NULL UNIQUE);
    CREATE TABLE entries (
        model INTEGER NOT NULL, key BLOB NOT NULL, vector INTEGER NOT NULL,
        PRIMARY KEY (model, key)
    ) WITHOUT ROWID;
    CREATE TABLE vectors (
        id INTEGER PRIMARY KEY, model INTEGER NOT NULL, key BLOB NOT NULL, data BLOB NOT NULL
    );
    CREATE TABLE used (id INTEGER PRIMARY KEY);
";

/// An open cache file.
#[derive(Debug)]
pub(super) struct CacheFile {
    // Above the lock, to be dropped before it.
    pub connection: Connection,
    pub writable: bool,
    _lock: Option<File>,
}

/// What opening came to.
#[derive(Debug)]
pub(super) struct Opened {
    /// `None`: the file is bad, and another process still uses it.
    pub file: Option<CacheFile>,
    pub warning: Option<String>,
}

/// Why a file cannot serve as it is.
#[derive(Debug)]
enum Bad {
    Absent,
    Damaged(String),
    /// Another version wrote it, or another program.
    Foreign(String),
    /// Not the file's fault.
    Unreachable(rusqlite::Error),
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

/// [`open`], for somebody who just found the file to be `damaged` and has closed
/// it. Checks the whole file, which another process may have renewed meanwhile.
pub(super) fn open_again(folder: &Path, damaged: &str) -> Result<Opened, Error> {
    open_unless(folder, Some(damaged.to_owned()))
}

fn open_unless(folder: &Path, damaged: Option<String>) -> Result<Opened, Error> {
    fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
    let lock = match File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join(LOCK))
    {
        Ok(lock) => lock,
        Err(error) if for_reading_only(&error) && path_in(folder).exists() => {
            return open_to_read(folder, &error);
        }
        Err(error) => return Err(unusable(folder, &error)),
    };

    let mut warning = None;
    let mut suspect = damaged;
    // A first pass may find that the file must be made; the second opens it.
    for _ in 0..2 {
        if suspect.is_none() {
            if !waited(|| lock.try_lock_shared()).map_err(|error| unusable(folder, &error))? {
                return Ok(Opened {
                    file: None,
                    warning: Some(in_use(folder, "another process keeps it locked")),
                });
            }
            match inspect(&path_in(folder)) {
                Ok((connection, writable)) => {
                    if !writable {
                        warning = Some(read_only(folder, &"its file is write-protected"));
                    }
                    return Ok(Opened {
                        file: Some(CacheFile {
                            connection,
                            writable,
                            _lock: Some(lock),
                        }),
                        warning,
                    });
                }
                Err(Bad::Unreachable(error)) if is_busy(&error) => {
                    return Ok(Opened {
                        file: None,
                        warning: Some(in_use(folder, &error.to_string())),
                    });
                }
                Err(Bad::Unreachable(error)) => return Err(unusable(folder, &error)),
                Err(Bad::Absent) => {}
                Err(Bad::Damaged(why) | Bad::Foreign(why)) => suspect = Some(why),
            }
            lock.unlock().map_err(|error| unusable(folder, &error))?;
        }
        if !waited(|| lock.try_lock()).map_err(|error| unusable(folder, &error))? {
            let why = suspect.unwrap_or_else(|| "another process keeps it locked".into());
            return Ok(Opened {
                file: None,
                warning: Some(in_use(folder, &why)),
            });
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
fn renew(folder: &Path, suspect: Option<String>) -> io::Result<Option<String>> {
    let path = path_in(folder);
    // Another process may have renewed the file before this one got the lock.
    let bad = match inspect(&path) {
        Ok((connection, _)) => match (&suspect, check(&connection)) {
            (None, _) | (Some(_), Ok(())) => return Ok(None),
            (Some(_), Err(why)) => Bad::Damaged(why),
        },
        Err(bad) => bad,
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
    fill(&unfinished).map_err(io::Error::other)?;
    fs::rename(unfinished, path_in(folder))
}

fn fill(path: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    )?;
    // These two only before there is a table.
    connection.pragma_update(None, "page_size", PAGE_BYTES as i64)?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.execute_batch(TABLES)?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", FORMAT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.close().map_err(|(_, error)| error)
}

/// Opens the file if it is one that this version can use. The second value says
/// whether it can be written.
fn inspect(path: &Path) -> Result<(Connection, bool), Bad> {
    match fs::metadata(path) {
        Ok(file) if file.is_file() && file.len() > 0 => {}
        Ok(file) if file.is_file() => return Err(Bad::Absent),
        Ok(_) => return Err(Bad::Foreign("no file".into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Bad::Absent),
        // SQLite's words for it are as good as any.
        Err(_) => {}
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .map_err(Bad::Unreachable)?;
    settle(&connection)?;
    let readonly = connection.is_readonly("main").unwrap_or(true);
    // SQLite only reads what a version to come has written. None has, yet.
    if readonly && write_version(path).is_some_and(|version| version > 2) {
        return Err(Bad::Damaged("its header is wrong".into()));
    }
    Ok((connection, !readonly))
}

/// Which version of SQLite may write the file: 1 without a log, 2 with one.
///
/// Only for a file that SQLite does not write: closing a file drops the locks that
/// SQLite has on it in this process.
fn write_version(path: &Path) -> Option<u8> {
    let mut header = [0; 19];
    File::open(path).ok()?.read_exact(&mut header).ok()?;
    let [.., version] = header;
    Some(version)
}

fn settle(connection: &Connection) -> Result<(), Bad> {
    let number = |name: &str| -> Result<i64, Bad> {
        connection
            .pragma_query_value(None, name, |row| row.get(0))
            .map_err(judge)
    };
    let set = |name: &str, value: &dyn rusqlite::ToSql| -> Result<(), Bad> {
        connection.pragma_update(None, name, value).map_err(judge)
    };
    connection
        .busy_timeout(WRITE_PATIENCE)
        .map_err(Bad::Unreachable)?;
    // The file may be damaged in ways made up by somebody: check more, trust less.
    set("trusted_schema", &false)?;
    set("cell_size_check", &true)?;
    let (application, format) = (number("application_id")?, number("user_version")?);
    if application != APPLICATION {
        return Err(Bad::Foreign("no file of semql".into()));
    }
    if format != FORMAT {
        let age = if format > FORMAT {
            "a newer"
        } else {
            "an older"
        };
        return Err(Bad::Foreign(format!("of {age} format ({format})")));
    }
    if number("page_size")? != PAGE_BYTES as i64 {
        return Err(Bad::Damaged("its pages have the wrong size".into()));
    }
    // A process that is killed loses nothing it committed, a machine that loses
    // power may lose the last commits, and neither damages the file.
    set("synchronous", &"NORMAL")?;
    set("temp_store", &"MEMORY")?;
    set("cache_size", &-16_000)?;
    set("wal_autocheckpoint", &512)?;
    set("journal_size_limit", &(16 << 20))?;
    connection
        .query_row(
            "SELECT (SELECT count(*) FROM (SELECT vector FROM entries LIMIT 1)),
                    (SELECT count(*) FROM (SELECT data FROM vectors LIMIT 1)),
                    (SELECT count(*) FROM (SELECT id FROM used LIMIT 1)),
                    (SELECT count(*) FROM (SELECT fingerprint FROM models LIMIT 1))",
            [],
            |_| Ok(()),
        )
        .map_err(judge)
}

/// Reads the whole file; the error says what is wrong with it.
pub(super) fn check(connection: &Connection) -> Result<(), String> {
    let said: Result<String, rusqlite::Error> =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    match said {
        Ok(said) if said == "ok" => Ok(()),
        Ok(said) => Err(said.replace('\n', " ")),
        Err(error) => Err(error.to_string()),
    }
}

fn judge(error: rusqlite::Error) -> Bad {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::Unknown
            | ErrorCode::TypeMismatch
            | ErrorCode::SchemaChanged,
        )
        | None => Bad::Damaged(error.to_string()),
        Some(_) => Bad::Unreachable(error),
    }
}

/// Opens a file in a folder that takes no new files. SQLite keeps the readers and
/// writers of a log apart by means of a third file; without, it can only be told
/// that nobody writes. If somebody does all the same, the checksums of the
/// vectors tell.
fn open_to_read(folder: &Path, why: &io::Error) -> Result<Opened, Error> {
    let path = path_in(folder);
    let open = || -> Result<Connection, Bad> {
        let connection = Connection::open_with_flags(
            as_uri(&path),
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
        )
        .map_err(Bad::Unreachable)?;
        settle(&connection)?;
        Ok(connection)
    };
    match open() {
        Ok(connection) => Ok(Opened {
            file: Some(CacheFile {
                connection,
                writable: false,
                _lock: None,
            }),
            warning: Some(read_only(folder, why)),
        }),
        Err(Bad::Damaged(why) | Bad::Foreign(why)) => Err(unusable(folder, &why)),
        Err(Bad::Unreachable(error)) => Err(unusable(folder, &error)),
        Err(Bad::Absent) => Err(unusable(folder, why)),
    }
}

fn as_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri + "?immutable=1"
}

/// Whether other processes kept the file locked for too long.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed
        )
    )
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

fn in_use(folder: &Path, why: &str) -> String {
    format!(
        "the vector cache {} cannot be used now ({why}), and other processes have it open: nothing \
         is read from it or added until semql starts again without them",
        path_in(folder).display()
    )
}
