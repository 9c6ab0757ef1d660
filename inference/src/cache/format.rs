//! Format of the cache file: creates an empty file, and validates an existing one.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

/// SQLite's `application_id` of a cache file: "smqv".
const APPLICATION_ID: i64 = 0x736d_7176;
/// Version of the tables and their contents; every change increments it.
const FORMAT_VERSION: i64 = 1;

/// Page size: ten vectors of 384 numbers or five of 768 nearly fill a page.
pub(super) const PAGE_BYTES: u64 = 16 << 10;

/// Maximum wait for the commit of another writer.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(2);

/// The tables, as SQLite prints them. `file` has one row, which identifies the
/// file; the module `rows` documents the others.
const TABLES: [&str; 5] = [
    "CREATE TABLE file (born INTEGER NOT NULL)",
    "CREATE TABLE models (id INTEGER PRIMARY KEY, fingerprint BLOB NOT NULL UNIQUE)",
    "CREATE TABLE entries (model INTEGER NOT NULL, key BLOB NOT NULL, vector INTEGER NOT NULL, \
     PRIMARY KEY (model, key)) WITHOUT ROWID",
    "CREATE TABLE vectors (id INTEGER PRIMARY KEY, model INTEGER NOT NULL, key BLOB NOT NULL, \
     data BLOB NOT NULL)",
    "CREATE TABLE used (id INTEGER PRIMARY KEY)",
];

/// An open cache file in the format of this version.
#[derive(Debug)]
pub(super) struct CacheConnection {
    pub connection: Connection,
    pub writable: bool,
    /// Time of creation in nanoseconds, which identifies the file.
    pub created: i64,
}

/// Why a file cannot be used.
#[derive(Debug)]
pub(super) enum FileProblem {
    Absent,
    Damaged(String),
    /// Written by another version or another program.
    Foreign(String),
    /// A cause outside the file: disk, permissions or other processes.
    Unreachable(rusqlite::Error),
}

/// Creates an empty cache file at `path`, which must not exist.
pub(super) fn create(path: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    )?;
    // These two have no effect once the file has a table.
    connection.pragma_update(None, "page_size", PAGE_BYTES as i64)?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.execute_batch(&TABLES.join(";"))?;
    let created = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as i64);
    connection.execute("INSERT INTO file (born) VALUES (?1)", [created])?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", FORMAT_VERSION)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.close().map_err(|(_, error)| error)
}

/// Opens the file and validates its format.
pub(super) fn open(path: &Path) -> Result<CacheConnection, FileProblem> {
    match fs::metadata(path) {
        Ok(file) if file.is_file() && file.len() > 0 => {}
        Ok(file) if file.is_file() => return Err(FileProblem::Absent),
        Ok(_) => return Err(FileProblem::Foreign("not a file".into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(FileProblem::Absent),
        // SQLite reports other failures below.
        Err(_) => {}
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .map_err(FileProblem::Unreachable)?;
    let created = configure(&connection)?;
    let readonly = connection.is_readonly("main").unwrap_or(true);
    // SQLite opens files of its future versions read-only; none exists yet.
    if readonly && write_version(path).is_some_and(|version| version > 2) {
        return Err(FileProblem::Damaged("its header is wrong".into()));
    }
    Ok(CacheConnection {
        connection,
        writable: !readonly,
        created,
    })
}

/// Opens a file in a folder that cannot be written. SQLite needs a third file to
/// coordinate readers and writers of the log. Without it, the file is opened as
/// immutable; checksums detect vectors that another process changes meanwhile.
pub(super) fn open_read_only(path: &Path) -> Result<CacheConnection, FileProblem> {
    let connection = Connection::open_with_flags(
        as_uri(path),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
    )
    .map_err(FileProblem::Unreachable)?;
    let created = configure(&connection)?;
    Ok(CacheConnection {
        connection,
        writable: false,
        created,
    })
}

/// Validates and configures an open file; returns its time of creation.
fn configure(connection: &Connection) -> Result<i64, FileProblem> {
    let number = |name: &str| -> Result<i64, FileProblem> {
        connection
            .pragma_query_value(None, name, |row| row.get(0))
            .map_err(classify)
    };
    let set = |name: &str, value: &dyn rusqlite::ToSql| -> Result<(), FileProblem> {
        connection
            .pragma_update(None, name, value)
            .map_err(classify)
    };
    connection
        .busy_timeout(WRITE_TIMEOUT)
        .map_err(FileProblem::Unreachable)?;
    // The file may have been crafted: enable SQLite's additional checks.
    set("trusted_schema", &false)?;
    set("cell_size_check", &true)?;
    let (application, format) = (number("application_id")?, number("user_version")?);
    if application != APPLICATION_ID {
        return Err(FileProblem::Foreign("not a file of semql".into()));
    }
    if format != FORMAT_VERSION {
        let age = if format > FORMAT_VERSION {
            "a newer"
        } else {
            "an older"
        };
        return Err(FileProblem::Foreign(format!("in {age} format ({format})")));
    }
    if number("page_size")? != PAGE_BYTES as i64 {
        return Err(FileProblem::Damaged("its pages have the wrong size".into()));
    }
    // A changed character in the schema changes the meaning of the tables.
    if tables(connection).map_err(classify)? != TABLES {
        return Err(FileProblem::Damaged(
            "its tables are not those of a cache".into(),
        ));
    }
    // A killed process keeps its commits. After a power failure the last commits
    // may be missing. Neither damages the file.
    set("synchronous", &"NORMAL")?;
    set("temp_store", &"MEMORY")?;
    set("cache_size", &-16_000)?;
    set("wal_autocheckpoint", &512)?;
    set("journal_size_limit", &(16 << 20))?;
    created(connection)
        .map_err(classify)?
        .ok_or_else(|| FileProblem::Damaged("it has no time of creation".into()))
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")?
        .query_map([], |row| row.get(0))?
        .collect()
}

fn created(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection
        .query_row("SELECT born FROM file", [], |row| row.get(0))
        .optional()
}

/// Write version of SQLite's file header: 1 without a log, 2 with one.
///
/// Only for a file that SQLite opened read-only: closing the file drops the locks
/// that SQLite has on it in this process.
fn write_version(path: &Path) -> Option<u8> {
    let mut header = [0; 19];
    File::open(path).ok()?.read_exact(&mut header).ok()?;
    let [.., version] = header;
    Some(version)
}

/// Reads and checks the whole file; the error is SQLite's first finding.
pub(super) fn check(connection: &Connection) -> Result<(), String> {
    let result: Result<String, rusqlite::Error> =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    match result {
        Ok(finding) if finding == "ok" => Ok(()),
        Ok(finding) => Err(finding.replace('\n', " ")),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether the file itself or its environment is the cause of `error`.
fn classify(error: rusqlite::Error) -> FileProblem {
    if is_damage(&error) {
        FileProblem::Damaged(error.to_string())
    } else {
        FileProblem::Unreachable(error)
    }
}

/// Whether the cause is the contents of the file, not the disk, permissions or
/// other processes.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            // A table is missing.
            | ErrorCode::Unknown
            // Unique keys are equal.
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::SchemaChanged,
        ) => true,
        Some(_) => false,
        // A value has the wrong type or is missing.
        None => true,
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

/// Whether the file, or the log beside it, cannot be written.
pub(super) fn is_read_only(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied)
    )
}

/// Whether the lock of another process caused a timeout.
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
