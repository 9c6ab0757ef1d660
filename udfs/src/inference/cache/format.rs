//! What a cache file is: making an empty one, and telling whether a file is one.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

/// Marks the file as a semql cache among SQLite files: "smqv".
const APPLICATION: i64 = 0x736d_7176;
/// To be raised with every change of the tables or of what is in them.
const FORMAT: i64 = 1;

/// Ten vectors of 384 numbers or five of 768 to a page, and little room lost.
pub(super) const PAGE_BYTES: u64 = 16 << 10;

/// How long a writer waits for another one to commit.
pub(super) const WRITE_PATIENCE: Duration = Duration::from_secs(2);

/// The tables, as SQLite gives them back. `file` has one row, which tells this
/// file from others; `rows` says what the rest is for.
const TABLES: [&str; 5] = [
    "CREATE TABLE file (born INTEGER NOT NULL)",
    "CREATE TABLE models (id INTEGER PRIMARY KEY, fingerprint BLOB NOT NULL UNIQUE)",
    "CREATE TABLE entries (model INTEGER NOT NULL, key BLOB NOT NULL, vector INTEGER NOT NULL, \
     PRIMARY KEY (model, key)) WITHOUT ROWID",
    "CREATE TABLE vectors (id INTEGER PRIMARY KEY, model INTEGER NOT NULL, key BLOB NOT NULL, \
     data BLOB NOT NULL)",
    "CREATE TABLE used (id INTEGER PRIMARY KEY)",
];

/// A cache file that this version can use.
#[derive(Debug)]
pub(super) struct Usable {
    pub connection: Connection,
    pub writable: bool,
    /// When it was made, in nanoseconds: no two files have the same.
    pub born: i64,
}

/// Why a file cannot serve as it is.
#[derive(Debug)]
pub(super) enum Bad {
    Absent,
    Damaged(String),
    /// Another version wrote it, or another program.
    Foreign(String),
    /// Not the file's fault.
    Unreachable(rusqlite::Error),
}

/// Makes an empty cache file at `path`, where there is none.
pub(super) fn make(path: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    )?;
    // These two only before there is a table.
    connection.pragma_update(None, "page_size", PAGE_BYTES as i64)?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.execute_batch(&TABLES.join(";"))?;
    let born = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as i64);
    connection.execute("INSERT INTO file (born) VALUES (?1)", [born])?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", FORMAT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.close().map_err(|(_, error)| error)
}

/// Opens the file if it is one that this version can use.
pub(super) fn inspect(path: &Path) -> Result<Usable, Bad> {
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
    let born = settle(&connection)?;
    let readonly = connection.is_readonly("main").unwrap_or(true);
    // SQLite only reads what a version to come has written. None has, yet.
    if readonly && write_version(path).is_some_and(|version| version > 2) {
        return Err(Bad::Damaged("its header is wrong".into()));
    }
    Ok(Usable {
        connection,
        writable: !readonly,
        born,
    })
}

/// Opens a file in a folder that takes no new files. SQLite keeps the readers and
/// writers of a log apart by means of a third file; without, it can only be told
/// that nobody writes. If somebody does all the same, the checksums of the
/// vectors tell.
pub(super) fn inspect_to_read(path: &Path) -> Result<Usable, Bad> {
    let connection = Connection::open_with_flags(
        as_uri(path),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
    )
    .map_err(Bad::Unreachable)?;
    let born = settle(&connection)?;
    Ok(Usable {
        connection,
        writable: false,
        born,
    })
}

/// Sets an open file up, and returns when it was made.
fn settle(connection: &Connection) -> Result<i64, Bad> {
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
    // A letter that changed there changes what the tables are.
    if tables(connection).map_err(judge)? != TABLES {
        return Err(Bad::Damaged("its tables are not those of a cache".into()));
    }
    // A process that is killed loses nothing it committed, a machine that loses
    // power may lose the last commits, and neither damages the file.
    set("synchronous", &"NORMAL")?;
    set("temp_store", &"MEMORY")?;
    set("cache_size", &-16_000)?;
    set("wal_autocheckpoint", &512)?;
    set("journal_size_limit", &(16 << 20))?;
    born(connection)
        .map_err(judge)?
        .ok_or_else(|| Bad::Damaged("it does not say when it was made".into()))
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")?
        .query_map([], |row| row.get(0))?
        .collect()
}

fn born(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection
        .query_row("SELECT born FROM file", [], |row| row.get(0))
        .optional()
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
    if is_damage(&error) {
        Bad::Damaged(error.to_string())
    } else {
        Bad::Unreachable(error)
    }
}

/// Whether the fault is with what is in the file, and not with the disk, the
/// rights or other processes.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            // A table that should be there is not.
            | ErrorCode::Unknown
            // Keys that should differ do not.
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::SchemaChanged,
        ) => true,
        Some(_) => false,
        // A value of the wrong kind, or none where there is always one.
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

/// Whether the file, or the log beside it, may not be written.
pub(super) fn is_for_reading_only(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied)
    )
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
