//! Backslash commands in scripts.

use std::fs;

use super::{names, semql, semql_reading, shop};

#[test]
fn a_file_includes_another_relative_to_itself() {
    let folder = shop();
    fs::create_dir_all(folder.path().join("sql/parts")).unwrap();
    fs::write(
        folder.path().join("sql/main.sql"),
        "\\set who Jo Doe\n\\i parts/one.sql\nSELECT 2 AS y;",
    )
    .unwrap();
    fs::write(
        folder.path().join("sql/parts/one.sql"),
        "SELECT :'who' AS x;",
    )
    .unwrap();
    let done = semql(folder.path(), &["--format", "csv", "-f", "sql/main.sql"]);
    assert_eq!(
        (done.code, done.out.as_str()),
        (Some(0), "x\nJo Doe\ny\n2\n"),
        "{}",
        done.err
    );
}

#[test]
fn an_error_in_an_included_file_names_that_file_once() {
    let folder = shop();
    fs::write(folder.path().join("main.sql"), "SELECT 1;\n\\i one.sql\n").unwrap();
    fs::write(folder.path().join("one.sql"), "\n\nSELECT * FROM gone;").unwrap();
    let done = semql(folder.path(), &["-f", "main.sql"]);
    assert_eq!(done.code, Some(1));
    assert!(done.err.contains("one.sql:3: "), "{}", done.err);
    assert!(!done.err.contains("main.sql"), "{}", done.err);
}

#[test]
fn a_file_that_includes_itself_fails() {
    let folder = shop();
    fs::write(folder.path().join("me.sql"), "\\i me.sql\n").unwrap();
    let done = semql(folder.path(), &["-f", "me.sql"]);
    assert_eq!(done.code, Some(1));
    assert!(
        done.err.contains("whether it includes itself"),
        "{}",
        done.err
    );
}

#[test]
fn the_command_line_overrides_a_default() {
    let folder = shop();
    let script = "\\default n 5\n\\default m 6\nSELECT :n AS n, :m AS m;\n\\unset n\nSELECT :n;";
    let done = semql_reading(folder.path(), &["--format", "csv", "-v", "n=1"], script);
    assert_eq!(done.out, "n,m\n1,6\n");
    assert_eq!(done.code, Some(2));
    assert!(
        done.err.contains("standard input:5: unknown variable 'n'"),
        "{}",
        done.err
    );
}

#[test]
fn results_go_to_a_file_and_to_stdout_again() {
    let folder = shop();
    let script = "\\format csv\n\\o part.csv\nSELECT 1 AS x;\n\\o\nSELECT 2 AS x;\n";
    let done = semql_reading(folder.path(), &[], script);
    assert_eq!(done.out, "x\n2\n", "{}", done.err);
    assert_eq!(
        fs::read_to_string(folder.path().join("part.csv")).unwrap(),
        "x\n1\n"
    );
    assert_eq!(names(folder.path()), ["part.csv", "shop.csv"]);
}

#[test]
fn the_last_result_is_a_table_until_the_next_query() {
    let folder = shop();
    let script = "SELECT id, title FROM 'shop.csv';\nSHOW TABLES;\n\\format csv\nSELECT count(*) AS n FROM _;\nSELECT n + 1 AS n FROM _;\n";
    let done = semql_reading(folder.path(), &[], script);
    assert!(
        done.out.ends_with("n\n3\nn\n4\n"),
        "{}{}",
        done.out,
        done.err
    );
}

#[test]
fn the_last_result_can_be_drawn() {
    let folder = shop();
    let script = "SELECT title, price FROM 'shop.csv' ORDER BY price;\n\\chart bar title price\n";
    let done = semql_reading(folder.path(), &["--format", "csv"], script);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let chart = done.out.split_once("red shoes,20\n").unwrap().1;
    assert!(chart.contains("tea pot") && chart.contains("15"), "{chart}");
    let done = semql(folder.path(), &["-c", "\\chart"]);
    assert!(done.err.contains("no result to draw"), "{}", done.err);
}

#[test]
fn a_statement_without_semicolon_runs_with_g_and_fails_before_other_commands() {
    let folder = shop();
    let done = semql_reading(
        folder.path(),
        &["--format", "csv"],
        "SELECT 1 AS x\n\\g\n\\p\n",
    );
    assert_eq!(done.out, "x\n1\nSELECT 1 AS x;\n", "{}", done.err);
    let done = semql_reading(folder.path(), &["--format", "csv"], "SELECT 1\n\\x\n");
    assert_eq!((done.code, done.out.as_str()), (Some(1), ""));
    assert!(
        done.err
            .contains("standard input:1: the statement has no ;"),
        "{}",
        done.err
    );
}

#[test]
fn quitting_ends_the_script_with_success() {
    let folder = shop();
    let done = semql_reading(
        folder.path(),
        &["--format", "csv"],
        "SELECT 1 AS x;\n\\q\nSELECT 2 AS x;",
    );
    assert_eq!((done.code, done.out.as_str()), (Some(0), "x\n1\n"));
}

#[test]
fn functions_and_tables_are_listed_and_described() {
    let folder = shop();
    let done = semql(folder.path(), &["--format", "csv", "-c", "\\df categor*"]);
    assert!(
        done.out.contains("categorize(title, text"),
        "{}{}",
        done.out,
        done.err
    );
    let done = semql(folder.path(), &["-c", "\\h categorise"]);
    assert!(
        done.err.contains("did you mean 'categorize'?"),
        "{}",
        done.err
    );
    let done = semql(folder.path(), &["--format", "csv", "-c", "\\d shop.csv"]);
    assert!(
        done.out.contains("title,VARCHAR"),
        "{}{}",
        done.out,
        done.err
    );
    let done = semql(
        folder.path(),
        &[
            "--format",
            "csv",
            "-c",
            "CREATE TABLE mine AS SELECT 1 AS x",
            "-c",
            "\\dt",
        ],
    );
    assert!(done.out.contains("mine"), "{}{}", done.out, done.err);
    let done = semql(folder.path(), &["-c", "\\?"]);
    for command in ["\\d [TABLE]", "\\watch", "\\chart", "\\q"] {
        assert!(done.out.contains(command), "{command}");
    }
}

#[test]
fn timing_is_printed_on_stderr() {
    let folder = shop();
    let done = semql_reading(
        folder.path(),
        &["--format", "csv"],
        "\\timing on\nSELECT 1 AS x;",
    );
    assert_eq!(done.out, "x\n1\n");
    assert!(
        done.err.contains("Time: ") && done.err.contains(" s"),
        "{}",
        done.err
    );
}

#[test]
fn the_startup_file_runs_first_unless_disabled() {
    let folder = shop();
    let rc = folder.path().join(".config/semql/semqlrc");
    fs::create_dir_all(rc.parent().unwrap()).unwrap();
    fs::write(&rc, "\\format csv\n\\set n 7\n").unwrap();
    let done = semql(folder.path(), &["-c", "SELECT :n AS n"]);
    assert_eq!(done.out, "n\n7\n", "{}", done.err);
    let done = semql(folder.path(), &["--no-rc", "-c", "SELECT :n AS n"]);
    assert_eq!(done.code, Some(2), "{}", done.out);
}
