//! Tables of Delta Lake in a program that does not read them. `delta/tests` has those of
//! the program that does.

use std::fs;
use std::path::Path;

use super::{Done, names, semql, shop};

/// Runs SQL that must fail, and returns its message.
fn fail(folder: &Path, sql: &str) -> String {
    let done = semql(folder, &["-c", sql]);
    assert_ne!(done.code, Some(0), "{sql}: {}", done.out);
    done.err
}

fn succeed(folder: &Path, args: &[&str]) -> Done {
    let done = semql(folder, args);
    assert_eq!(done.code, Some(0), "{args:?}: {}", done.err);
    done
}

/// A folder with a table `offers`, of which a later commit removed the file `old.parquet`.
fn offers() -> tempfile::TempDir {
    let folder = shop();
    fs::create_dir_all(folder.path().join("offers/_delta_log")).unwrap();
    for commit in [0, 1] {
        let path = format!("offers/_delta_log/{commit:020}.json");
        fs::write(folder.path().join(path), "{}").unwrap();
    }
    for file in ["old", "new"] {
        let sql = format!("COPY (SELECT '{file}' AS file) TO 'offers/{file}.parquet'");
        succeed(folder.path(), &["-c", &sql]);
    }
    folder
}

#[test]
fn the_files_of_a_table_are_not_read_without_its_log() {
    let folder = offers();
    let folder = folder.path();
    let absolute = format!("SELECT * FROM '{}/offers'", folder.display());
    for sql in [
        "SELECT * FROM 'offers/'",
        "SELECT * FROM 'offers'",
        "SELECT * FROM offers",
        "SUMMARIZE 'offers/'",
        "COPY (SELECT * FROM 'offers/') TO 'copy.csv'",
        &absolute,
    ] {
        let error = fail(folder, sql);
        assert!(error.contains("is a table of Delta Lake"), "{sql}: {error}");
        assert!(error.contains("semql-delta"), "{sql}: {error}");
        assert!(error.contains("offers/*.parquet'"), "{sql}: {error}");
    }
    // A table without data files is one too.
    for file in ["old", "new"] {
        fs::remove_file(folder.join(format!("offers/{file}.parquet"))).unwrap();
    }
    let error = fail(folder, "SELECT * FROM offers");
    assert!(error.contains("is a table of Delta Lake"), "{error}");
    assert_eq!(names(folder), ["offers", "shop.csv"]);
}

#[test]
fn a_pattern_reads_the_files_of_a_table_as_they_are() {
    let folder = offers();
    let sql = "SELECT count(*) FROM 'offers/*.parquet'";
    let done = succeed(folder.path(), &["--format", "csv", "-c", sql]);
    assert_eq!(done.out.lines().last(), Some("2"));
}

#[test]
fn an_external_table_of_files_is_not_one_of_delta_lake() {
    let folder = offers();
    let sql = "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'offers/'";
    let error = fail(folder.path(), sql);
    assert!(error.contains("STORED AS DELTATABLE"), "{error}");
    assert!(error.contains("'offers/*.parquet'"), "{error}");
    let sql = "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'offers/*.parquet'; SELECT count(*) FROM t";
    let done = succeed(folder.path(), &["--format", "csv", "-c", sql]);
    assert_eq!(done.out.lines().last(), Some("2"));
}

#[test]
fn tables_of_delta_lake_need_the_larger_program() {
    let folder = offers();
    let folder = folder.path();
    for sql in [
        "CREATE EXTERNAL TABLE t STORED AS DELTATABLE LOCATION 'offers/'",
        "CREATE EXTERNAL TABLE t STORED AS DELTA LOCATION 'offers/' OPTIONS (version 0)",
        "COPY (SELECT 1 AS a) TO 'new/' STORED AS DELTA",
        "COPY (SELECT 1 AS a) TO 'offers/' STORED AS DELTATABLE OPTIONS (mode 'append')",
    ] {
        let error = fail(folder, sql);
        assert!(error.contains("make delta"), "{sql}: {error}");
    }
    assert_eq!(names(folder), ["offers", "shop.csv"]);
    assert_eq!(
        names(&folder.join("offers")),
        ["_delta_log", "new.parquet", "old.parquet"]
    );
}
