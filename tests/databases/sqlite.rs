//! SQLite.

use super::{check_reads_and_writes, command, fail, has_driver, rows, succeed};
use crate::support::process;

#[test]
fn tables_are_read_and_written() {
    if !has_driver("sqlite") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let address = format!("sqlite://{}", folder.path().join("shop.db").display());
    check_reads_and_writes(folder.path(), &address);
}

#[test]
fn a_missing_file_is_an_error_and_is_not_created() {
    if !has_driver("sqlite") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let error = fail(folder.path(), "SELECT * FROM 'sqlite://none.db?table=t'");
    assert!(error.contains("none.db"), "{error}");
    assert!(!folder.path().join("none.db").exists());
    std::fs::write(folder.path().join("garbage.db"), vec![7_u8; 10_000]).unwrap();
    let error = fail(folder.path(), "SELECT * FROM 'sqlite://garbage.db?table=t'");
    assert!(error.contains("garbage.db"), "{error}");
}

#[test]
fn labels_of_a_model_are_written_and_counted() {
    if !has_driver("sqlite") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let counted = rows(
        folder.path(),
        "COPY (SELECT title, ai_classify(title, ['shoes', 'drinks']) AS label
               FROM (VALUES ('red sneakers'), ('black tea'), ('running boots')) AS t(title))
         TO 'sqlite://shop.db?table=labels';
         SELECT label, count(*) AS n FROM 'sqlite://shop.db?table=labels' GROUP BY 1 ORDER BY 1",
    );
    assert_eq!(counted.len(), 2);
    assert_eq!(counted[1], serde_json::json!({"label": "shoes", "n": 2}));
}

#[test]
fn without_the_driver_the_error_names_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let sql = "SELECT * FROM 'postgresql://127.0.0.1/shop?table=t'";
    let mut program = command(folder.path());
    program.env("SEMQL_HOME", folder.path()).args(["-c", sql]);
    let output = process::output(&mut program);
    let error = String::from_utf8_lossy(&output.stderr).to_string();
    assert!(error.contains("semql setup --driver postgresql"), "{error}");
}

#[test]
fn passwords_are_refused_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    for sql in [
        "SELECT * FROM 'postgresql://ann:s3cret@127.0.0.1/shop?table=t'",
        "COPY (SELECT 1 AS a) TO 'postgresql://ann:s3cret@127.0.0.1/shop?table=t'",
    ] {
        let error = fail(folder.path(), sql);
        assert!(error.contains("PGPASSWORD"), "{error}");
    }
    let error = fail(
        folder.path(),
        "CREATE EXTERNAL TABLE t STORED AS ADBC OPTIONS (uri 'postgresql://ann:s3cret@127.0.0.1:1/shop', table 't')",
    );
    assert!(!error.contains("s3cret"), "{error}");
}

#[test]
fn tables_of_a_database_are_joined() {
    if !has_driver("sqlite") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    succeed(
        folder.path(),
        "COPY (SELECT 1 AS id) TO 'sqlite://shop.db?table=t'",
    );
    let listed = rows(
        folder.path(),
        "CREATE EXTERNAL TABLE t STORED AS ADBC OPTIONS (driver 'sqlite', uri 'shop.db', table 't');
         SELECT count(*) AS n FROM t JOIN 'sqlite://shop.db?table=t' AS u ON t.id = u.id",
    );
    assert_eq!(listed[0]["n"], 1);
}
