//! Answers in a SQLite file. Failures of the file never fail a query.

use std::fs::File;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use semql_inference::file_lock::try_acquire;
use semql_inference::sync::lock;

use crate::answer_cache_key::AnswerKey;

/// Name of the file.
const FILE: &str = "answers.sqlite";

/// Name of a file that is locked while the file is opened.
const LOCK: &str = "answers.lock";

/// Time to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Pause between two attempts to open a file that is busy.
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// Version of the tables.
const VERSION: i64 = 1;

/// Answers in a file.
#[derive(Debug)]
pub struct DiskAnswers {
    connection: Mutex<Connection>,
}

impl DiskAnswers {
    /// Opens the file in `folder`, and creates both if they are missing. A damaged file, or
    /// one of another version, is renamed and replaced.
    ///
    /// # Errors
    /// A folder that cannot be created or written.
    pub fn open(folder: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
        let path = folder.join(FILE);
        // Two processes would both create the file, or both replace a damaged one.
        let _lock = acquire_lock(folder);
        let connection = match open_when_free(&path) {
            Err(error) if is_damage(&error) => {
                for suffix in ["", "-wal", "-shm"] {
                    let file = folder.join(format!("{FILE}{suffix}"));
                    if file.exists() {
                        let aside = folder.join(format!("{FILE}.damaged{suffix}"));
                        std::fs::rename(&file, &aside).map_err(|e| e.to_string())?;
                    }
                }
                open_when_free(&path)
            }
            opened => opened,
        };
        let connection = connection.map_err(|e| e.to_string())?;
        Ok(Self {
            connection: Mutex::new(connection),
        })
    }

    /// The answer of a key; `None` also for a file that cannot be read.
    pub fn get(&self, key: &AnswerKey) -> Option<String> {
        let connection = lock(&self.connection);
        let mut statement = connection
            .prepare("SELECT answer FROM answers WHERE key = ?1")
            .ok()?;
        let answer = statement.query_row(params![key.as_slice()], |row| row.get(0));
        answer.optional().ok().flatten()
    }

    /// Stores an answer, if the file can be written.
    pub fn put(&self, key: &AnswerKey, answer: &str) {
        let connection = lock(&self.connection);
        let statement =
            connection.prepare("INSERT OR REPLACE INTO answers (key, answer) VALUES (?1, ?2)");
        if let Ok(mut statement) = statement {
            // The answer is asked for again next time.
            let _ = statement.execute(params![key.as_slice(), answer]);
        }
    }
}

/// Locks the folder for other processes until the file is dropped. `None` in a folder
/// that cannot be written, or once another process takes too long.
fn acquire_lock(folder: &Path) -> Option<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    let file = options.open(folder.join(LOCK)).ok()?;
    let is_locked = try_acquire(BUSY_TIMEOUT, || file.try_lock()).ok()?;
    is_locked.then_some(file)
}

/// Opens the file. SQLite reports some locks at once, in spite of the timeout.
fn open_when_free(path: &Path) -> rusqlite::Result<Connection> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        let opened = open(path);
        let code = opened.as_ref().err().and_then(|e| e.sqlite_error_code());
        let is_busy = matches!(
            code,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
        );
        if !is_busy || Instant::now() > deadline {
            return opened;
        }
        std::thread::sleep(BUSY_PAUSE);
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version != 0 && version != VERSION {
        return Err(rusqlite::Error::InvalidQuery);
    }
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID",
    )?;
    if version != VERSION {
        connection.pragma_update(None, "user_version", VERSION)?;
    }
    Ok(connection)
}

/// Whether the file is no database of this version, rather than busy or write-protected.
fn is_damage(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    let is_damaged = matches!(
        code,
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
    );
    is_damaged || matches!(error, rusqlite::Error::InvalidQuery)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_survive_the_process_and_damaged_files_are_replaced() {
        let name = format!("semql-answers-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        DiskAnswers::open(&folder).unwrap().put(&[1; 32], "yes");
        let again = DiskAnswers::open(&folder).unwrap();
        assert_eq!(again.get(&[1; 32]).as_deref(), Some("yes"));
        assert_eq!(again.get(&[2; 32]), None);
        drop(again);
        std::fs::write(folder.join(FILE), vec![7; 10_000]).unwrap();
        let fresh = DiskAnswers::open(&folder).unwrap();
        assert_eq!(fresh.get(&[1; 32]), None);
        fresh.put(&[3; 32], "no");
        assert_eq!(fresh.get(&[3; 32]).as_deref(), Some("no"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
