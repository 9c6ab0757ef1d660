//! The prompt as psql's users know it: continuations, history, pager.

use std::fs;

use super::repl::{CTRL_D, PROMPT, screen, screen_with};
use super::shop;

/// End of a screen after a run without a failure.
const SUCCESS: &str = "exit code 0\n";

#[test]
fn a_continuation_shows_what_is_open() {
    let folder = shop();
    let Some(screen) = screen(
        folder.path(),
        &[
            (PROMPT, "SELECT 'a\n"),
            ("semql'> ", "b' || lower(\n"),
            ("semql(> ", "'C') /* a\n"),
            ("semql*> ", "comment */ AS \"x\n"),
            ("semql\"> ", "y\", $$p\n"),
            ("semql$> ", "q$$\n"),
            ("semql-> ", ";\n"),
            ("(1 row)", ""),
            (PROMPT, CTRL_D),
        ],
    ) else {
        return;
    };
    assert!(screen.ends_with(SUCCESS), "{screen}");
}

#[test]
fn commands_run_in_the_middle_of_a_statement() {
    let folder = shop();
    let Some(screen) = screen(
        folder.path(),
        &[
            (PROMPT, "SELECT 6 *\n"),
            ("semql-> ", "\\d shop.csv\n"),
            ("(3 rows)", ""),
            ("semql-> ", "\\nonsense\n"),
            ("unknown command \\nonsense", ""),
            ("semql-> ", "\\p\n"),
            ("SELECT 6 *;", ""),
            ("semql-> ", "quit\n"),
            ("\\q quits", ""),
            ("semql-> ", "\\r\n"),
            ("dropped", ""),
            (PROMPT, "SELECT 6 *\n"),
            ("semql-> ", "7 \\gx\n"),
            ("42", ""),
            (PROMPT, "\\g\n"),
            ("(1 row)", ""),
            (PROMPT, "help\n"),
            ("\\h helps", ""),
            (PROMPT, "exit\n"),
        ],
    ) else {
        return;
    };
    assert!(screen.ends_with(SUCCESS), "{screen}");
}

#[test]
fn a_statement_of_several_lines_is_one_entry_of_the_history() {
    let folder = shop();
    let Some(screen) = screen(
        folder.path(),
        &[
            (PROMPT, "SELECT 20\n"),
            ("semql-> ", "+ 1 AS total;\n"),
            ("(1 row)", ""),
            (PROMPT, "SELECT 'https://me:word@example.com/';\n"),
            ("(1 row)", ""),
            // The key for the previous entry, which is the statement of two lines.
            (PROMPT, "\x1b[A"),
            ("total;", "\n"),
            ("(1 row)", ""),
            (PROMPT, "\\s\n"),
            ("SELECT 20\r\n+ 1 AS total;\r\nSELECT 20", ""),
            (PROMPT, "\\s copy.sql\n"),
            ("Wrote the history", ""),
            (PROMPT, CTRL_D),
        ],
    ) else {
        return;
    };
    assert!(screen.ends_with(SUCCESS), "{screen}");
    let copy = fs::read_to_string(folder.path().join("copy.sql")).unwrap();
    assert_eq!(
        copy,
        "SELECT 20\n+ 1 AS total;\nSELECT 20\n+ 1 AS total;\n\\s\n\\s copy.sql\n"
    );
}

#[test]
fn the_startup_file_decides_about_the_history() {
    let folder = shop();
    let rc = folder.path().join("rc");
    fs::write(
        &rc,
        "\\set HISTFILE own_history\n\\set HISTSIZE 2\n\\set HISTCONTROL ignoreboth\n",
    )
    .unwrap();
    let steps: &[(&str, &str)] = &[
        (PROMPT, "SELECT 1 AS a;\n"),
        ("(1 row)", ""),
        (PROMPT, " SELECT 2 AS b;\n"),
        ("(1 row)", ""),
        (PROMPT, "SELECT 3 AS c;\n"),
        ("(1 row)", ""),
        (PROMPT, "SELECT 3 AS c;\n"),
        ("(1 row)", ""),
        (PROMPT, "SELECT 4 AS d;\n"),
        ("(1 row)", ""),
        (PROMPT, CTRL_D),
    ];
    let Some(screen) = screen_with(folder.path(), &[("SEMQLRC", "rc")], steps) else {
        return;
    };
    assert!(screen.ends_with(SUCCESS), "{screen}");
    let history = fs::read_to_string(folder.path().join("own_history")).unwrap();
    let entries: Vec<&str> = history.lines().filter(|it| it.contains("SELECT")).collect();
    assert_eq!(entries, ["SELECT 3 AS c;", "SELECT 4 AS d;"]);
    assert!(!folder.path().join("history").exists());
}

#[test]
fn long_results_go_through_the_pager_until_it_is_off() {
    let folder = shop();
    let variables = [
        ("PSQL_PAGER", "sed 's/^/paged /'"),
        ("PAGER", "false"),
        ("SEMQLRC", ""),
    ];
    let steps: &[(&str, &str)] = &[
        // A new pseudo-terminal has no size.
        (PROMPT, "\\! stty rows 24 cols 100\n"),
        (PROMPT, "SELECT * FROM generate_series(1, 300);\n"),
        ("paged (300 rows)", ""),
        (PROMPT, "\\pset pager off\n"),
        ("pager     off", ""),
        (PROMPT, "SELECT * FROM generate_series(1, 300);\n"),
        ("\n(300 rows)", ""),
        (PROMPT, "\\pset pager always\n"),
        (PROMPT, "SELECT 1 AS x;\n"),
        ("paged (1 row)", ""),
        (PROMPT, CTRL_D),
    ];
    let Some(screen) = screen_with(folder.path(), &variables, steps) else {
        return;
    };
    assert!(screen.ends_with(SUCCESS), "{screen}");
}

#[test]
fn columns_of_earlier_lines_are_completed() {
    let folder = shop();
    let Some(screen) = screen(
        folder.path(),
        &[
            (PROMPT, "CREATE TABLE wardrobe AS SELECT 1 AS drawers;\n"),
            ("created table", ""),
            (PROMPT, "SELECT * FROM wardrobe\n"),
            ("semql-> ", "WHERE draw\t"),
            ("drawers", " = 1;\n"),
            ("(1 row)", ""),
            (PROMPT, CTRL_D),
        ],
    ) else {
        return;
    };
    assert!(screen.ends_with(SUCCESS), "{screen}");
}
