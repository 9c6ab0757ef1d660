//! Locations of the clients that `scripts/test_setup.py` installs.

use std::path::PathBuf;

use crate::support::skip::skip;

/// Python with psycopg and SQLAlchemy; skips the test without it.
pub fn python() -> Option<PathBuf> {
    // target/release/deps/main-...
    let target = std::env::current_exe()
        .ok()?
        .ancestors()
        .nth(3)?
        .to_path_buf();
    let python = target.join("clients/bin/python3");
    if !python.exists() {
        skip("clients");
        return None;
    }
    Some(python)
}

/// JDBC driver; skips the test without it.
pub fn jdbc() -> Option<PathBuf> {
    let driver = PathBuf::from("/usr/share/java/postgresql.jar");
    if !driver.exists() {
        skip("/usr/share/java/postgresql.jar");
        return None;
    }
    Some(driver)
}
