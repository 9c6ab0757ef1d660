//! Commands of SQLite and DuckDB are translated by a hint.

use super::repl::{PROMPT, screen};
use super::{semql_reading, shop};

#[test]
fn a_script_ends_with_the_command_of_this_shell() {
    let folder = shop();
    for (script, line, hint) in [
        (".tables\nSELECT 1 AS x;", 1, "\\dt"),
        (
            "SELECT 1 AS x;\n.mode csv\nSELECT 2 AS x;",
            2,
            "\\format csv",
        ),
        ("\n.schema shop", 2, "\\d shop"),
        ("quit;", 1, "\\q"),
    ] {
        let done = semql_reading(folder.path(), &["--format", "csv"], script);
        assert_eq!(done.code, Some(1), "{script}");
        let start = format!("error: standard input:{line}: ");
        assert!(done.err.starts_with(&start), "{script}: {}", done.err);
        assert!(done.err.contains(hint), "{script}: {}", done.err);
        assert!(!done.out.contains('2'), "{script}: {}", done.out);
    }
}

#[test]
fn the_prompt_needs_no_semicolon_for_the_hint() {
    let folder = shop();
    let Some(screen) = screen(
        folder.path(),
        &[
            (PROMPT, ".tables sho*\n"),
            ("here it is \\dt sho*", ""),
            (PROMPT, "SELECT\n"),
            ("semql-> ", ".5 AS half;\n"),
            ("(1 row)", ""),
            (PROMPT, "\\q\n"),
        ],
    ) else {
        return;
    };
    assert!(screen.ends_with("exit code 0\n"), "{screen}");
}
