//! Commands and options that users of psql expect, in scripts.

use std::fs;

use super::{names, semql, semql_reading, shop};

#[test]
fn empty_input_does_nothing() {
    let folder = shop();
    fs::write(folder.path().join("empty.sql"), "").unwrap();
    fs::write(folder.path().join("comment.sql"), "-- nothing\n/* here */").unwrap();
    for args in [
        &["-c", ""][..],
        &["-c", "-- comment"],
        &["-c", "--"],
        &["-c", "/* comment */ ;"],
        &["-c", "", "-- it's one", ""],
        &["-f", "empty.sql"],
        &["-f", "comment.sql", "empty.sql", "-c", "-- end"],
    ] {
        let done = semql(folder.path(), args);
        let output = (done.out.as_str(), done.err.as_str());
        assert_eq!((done.code, output), (Some(0), ("", "")), "{args:?}");
    }
}

#[test]
fn a_folder_runs_its_files_in_the_order_of_their_names() {
    let folder = shop();
    let sql = folder.path().join("sql");
    fs::create_dir_all(sql.join("05_inner.sql")).unwrap();
    for (name, text) in [
        ("10_last.sql", "SELECT 10 AS x"),
        (
            "01_first.sql",
            "CREATE TABLE t AS SELECT 1 AS x; \\i part.txt",
        ),
        ("02_next.sql", "SELECT x + 1 AS x FROM t;"),
        (".hidden.sql", "nonsense"),
        ("notes.txt", "nonsense"),
        ("part.txt", "SELECT x FROM t;"),
    ] {
        fs::write(sql.join(name), text).unwrap();
    }
    let run = || semql(folder.path(), &["-q", "--format", "csv", "-f", "sql"]);
    let done = run();
    let expected = "x\n1\nx\n2\nx\n10\n";
    assert_eq!(
        (done.code, done.out.as_str()),
        (Some(0), expected),
        "{}",
        done.err
    );

    fs::write(sql.join("03_wrong.sql"), "SELECT 1 AS x;\nSELECT gone;").unwrap();
    let done = run();
    assert_eq!(
        (done.code, done.out.as_str()),
        (Some(1), "x\n1\nx\n2\nx\n1\n")
    );
    assert!(done.err.contains("sql/03_wrong.sql:2: "), "{}", done.err);

    fs::create_dir(folder.path().join("none")).unwrap();
    let done = semql(folder.path(), &["-f", "none"]);
    assert_eq!(done.code, Some(2));
    assert!(done.err.contains("none has no files *.sql"), "{}", done.err);
}

#[test]
fn tables_are_listed_by_pattern_and_described_in_detail() {
    let folder = shop();
    let script =
        "CREATE TABLE notes (id SERIAL PRIMARY KEY, stars INT DEFAULT 3 CHECK (stars > 0));
CREATE VIEW best AS SELECT * FROM notes WHERE stars = 5;
\\dt no*
\\dv
\\d+ notes
\\d+ best
\\d+ shop.csv
\\dn
\\l+
\\conninfo
";
    let done = semql_reading(folder.path(), &["-q", "--format", "csv"], script);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let (lists, details) = done.out.split_once("column_name").unwrap();
    assert_eq!(
        lists
            .lines()
            .filter(|line| line.starts_with("notes"))
            .count(),
        1,
        "{lists}"
    );
    assert_eq!(
        lists
            .lines()
            .filter(|line| line.starts_with("best,view"))
            .count(),
        1,
        "{lists}"
    );
    for expected in [
        "Kind: table in memory",
        "Primary key: notes_pkey (id)",
        "Identity: id",
        "Default of stars: 3",
        "stars > 0",
        "Kind: view",
        "stars = 5",
        "Kind: files",
        "\npublic\n",
        "\ndatafusion\n",
        "Engine: semql ",
        "Data dictionary: none",
    ] {
        assert!(details.contains(expected), "{expected}: {details}");
    }
}

#[test]
fn a_row_becomes_variables() {
    let folder = shop();
    let script = "\\set p_gone 1
SELECT id, title, CAST(NULL AS INT) AS gone FROM 'shop.csv' WHERE id = 1 \\gset p_
SELECT :p_id + 1 AS n, :'p_title' AS t;
SELECT :p_gone;";
    let done = semql_reading(folder.path(), &["--format", "csv"], script);
    assert_eq!(done.out, "n,t\n2,red shoes\n", "{}", done.err);
    assert!(
        done.err.contains("unknown variable 'p_gone'"),
        "{}",
        done.err
    );
    for sql in [
        "SELECT * FROM 'shop.csv'",
        "SELECT 1 AS x LIMIT 0",
        "SET ai.seed = 1",
    ] {
        let done = semql_reading(folder.path(), &["-q"], &format!("{sql} \\gset"));
        assert_eq!(done.code, Some(1), "{sql}");
        assert!(done.err.contains("one row"), "{sql}: {}", done.err);
    }
}

#[test]
fn results_of_one_statement_go_to_a_file() {
    let folder = shop();
    let script = "SELECT 1 AS x \\g out.csv\nSELECT 2 AS x;\nSELECT gone \\g out.csv\n";
    let done = semql_reading(folder.path(), &["--format", "csv"], script);
    assert_eq!((done.code, done.out.as_str()), (Some(1), "x\n2\n"));
    let out = fs::read_to_string(folder.path().join("out.csv")).unwrap();
    assert_eq!(out, "x\n1\n");
    assert_eq!(names(folder.path()), ["out.csv", "shop.csv"]);
    let done = semql(folder.path(), &["-c", "SELECT 1 \\g |cat"]);
    assert!(done.err.contains("not to a program"), "{}", done.err);
}

#[test]
fn settings_of_the_display_are_set_and_listed() {
    let folder = shop();
    let script = "\\pset null '-'
\\pset expanded on
SELECT CAST(NULL AS INT) AS x;
\\pset format aligned
\\pset
SELECT 1 AS x \\watch c=2 i=0
";
    let done = semql_reading(folder.path(), &[], script);
    assert_eq!(done.code, Some(0), "{}", done.err);
    for expected in [
        "null      '-'",
        "pager     on",
        "expanded  on",
        "format    table",
    ] {
        assert!(done.out.contains(expected), "{expected}: {}", done.out);
    }
    let done = semql(folder.path(), &["-c", "\\pset bordr 2"]);
    assert!(done.err.contains("columns, expanded"), "{}", done.err);
}

#[test]
fn commands_that_are_absent_name_what_serves_instead() {
    let folder = shop();
    for (command, expected) in [
        ("\\du", "roles"),
        ("\\connect other", "--data-dict"),
        ("\\s", "needs a prompt"),
        ("\\di", "needs a table"),
        ("\\di gone", "gone"),
        ("\\copyy t to x", "did you mean \\copy?"),
    ] {
        let done = semql(folder.path(), &["-c", command]);
        assert_eq!(done.code, Some(1), "{command}");
        assert!(done.err.contains(expected), "{command}: {}", done.err);
    }
    let done = semql(folder.path(), &["-c", "\\help copy"]);
    assert!(
        done.out.contains("COPY (query)"),
        "{}{}",
        done.out,
        done.err
    );
    assert!(!done.out.contains("SUMMARIZE"), "{}", done.out);
}

#[test]
fn the_documentation_has_every_command() {
    let folder = shop();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/shell.md");
    let page = fs::read_to_string(page).unwrap();
    let done = semql(folder.path(), &["-c", "\\?"]);
    let calls = done
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("  \\"));
    let names: Vec<&str> = calls
        .filter_map(|call| call.split_whitespace().next())
        .collect();
    assert!(names.len() > 30, "{}", done.out);
    for name in names {
        let is_named = |end: &str| page.contains(&format!("`\\{name}{end}"));
        assert!(
            is_named("`") || is_named(" "),
            "docs/shell.md lacks \\{name}"
        );
    }
}
