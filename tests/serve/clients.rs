//! Where the clients are that `scripts/test_setup.py` brings.

use std::path::PathBuf;

/// The Python that has psycopg and SQLAlchemy; says so where there is none.
pub fn python() -> Option<PathBuf> {
    // target/release/deps/main-...
    let target = std::env::current_exe()
        .ok()?
        .ancestors()
        .nth(3)?
        .to_path_buf();
    let python = target.join("clients/bin/python3");
    if !python.exists() {
        println!("skipped: there is no psycopg; `make test` brings it");
        return None;
    }
    Some(python)
}

/// The JDBC driver; says so where there is none.
pub fn jdbc() -> Option<PathBuf> {
    let driver = PathBuf::from("/usr/share/java/postgresql.jar");
    if !driver.exists() {
        println!("skipped: there is no JDBC driver (libpostgresql-jdbc-java)");
        return None;
    }
    Some(driver)
}
