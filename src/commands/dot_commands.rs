//! Commands of SQLite and DuckDB, such as `.tables`, with the command of this shell.
//!
//! They never run as SQL: a statement that begins with a dot is one of them.

use crate::error::{ErrorKind, ShellError};

/// Place of the arguments in a translation.
const ARGUMENTS: &str = "{}";

/// Commands without their dot, and what to type here. `{}` stands for the arguments;
/// a translation without it has none.
const DOT_COMMANDS: &[(&[&str], &str)] = &[
    (&["tables"], "\\dt {}"),
    (&["schema", "fullschema", "desc"], "\\d {}"),
    (&["databases"], "\\l"),
    (&["indexes", "indices"], "\\di {}"),
    (&["functions"], "\\df {}"),
    (&["help"], "\\?"),
    (&["quit", "exit", "q"], "\\q"),
    (&["read"], "\\i {}"),
    (&["output", "once", "excel"], "\\o {}"),
    (&["timer"], "\\timing {}"),
    (&["nullvalue"], "\\pset null {}"),
    (&["width", "maxwidth"], "\\pset columns {}"),
    (&["print"], "\\echo {}"),
    (&["shell", "system"], "\\! {}"),
    (&["edit"], "\\e"),
    (&["show"], "\\pset"),
    (&["version"], "SELECT version()"),
    (
        &["open"],
        "\\d 'FILE', since files are tables: SELECT * FROM 'FILE'",
    ),
    (
        &["import"],
        "\\copy TABLE from 'FILE' csv header, or CREATE TABLE t AS SELECT * FROM 'FILE'",
    ),
    (
        &["dump", "save", "backup", "clone"],
        "COPY TABLE TO 'FILE.parquet'",
    ),
    (
        &["headers", "header"],
        "\\copy (QUERY) to stdout csv, which writes no header",
    ),
    (&["parameter", "param"], "\\set NAME VALUE"),
    (&["explain", "eqp"], "EXPLAIN QUERY"),
    (
        &["columns", "rows"],
        "\\x, which changes between rows and values",
    ),
    (&["maxrows"], "LIMIT in the query"),
    (
        &["echo", "bail", "prompt", "log", "changes", "stats"],
        "\\?",
    ),
    (&["cd"], "`cd` before semql starts"),
];

/// Formats of `.mode`, and what to type here.
const MODES: &[(&[&str], &str)] = &[
    (&["csv"], "\\format csv"),
    (&["tabs", "tsv"], "\\format tsv"),
    (&["json"], "\\format json"),
    (&["jsonlines", "ndjson"], "\\format ndjson"),
    (&["markdown"], "\\format markdown"),
    (&["line"], "\\x on"),
    (
        &[
            "table", "box", "column", "columns", "duckbox", "list", "ascii",
        ],
        "\\format table",
    ),
];

/// Translation of `.mode` without a known format.
const ANY_MODE: &str = "\\format table, csv, tsv, json, ndjson or markdown";

/// Whether a line is a command of SQLite or DuckDB.
pub fn is_dot_command(line: &str) -> bool {
    name_and_arguments(line).is_some()
}

/// Name of a dot command, without the dot, and its arguments.
fn name_and_arguments(line: &str) -> Option<(&str, &str)> {
    let text = line.trim_start().strip_prefix('.')?;
    let text = text.lines().next().unwrap_or_default();
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let text = text.trim_end().trim_end_matches(';').trim_end();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    Some((&text[..end], text[end..].trim()))
}

/// Error with the command of this shell, if `statement` is a dot command, or a word that
/// quits other shells.
pub fn translated(statement: &str) -> Option<ShellError> {
    let syntax = |message| Some(ShellError::of_kind(ErrorKind::Syntax, message));
    let word = statement.trim();
    if ["quit", "exit"]
        .iter()
        .any(|it| it.eq_ignore_ascii_case(word))
    {
        return syntax(format!("'{word}' is not SQL; \\q ends a script"));
    }
    let (name, arguments) = name_and_arguments(statement)?;
    let Some(here) = translation(&name.to_lowercase(), arguments) else {
        return syntax(format!(
            "'.{name}' is not a command; commands begin with a backslash, and \\? lists them"
        ));
    };
    syntax(format!(
        "'.{name}' is a command of SQLite and DuckDB; here it is {here}"
    ))
}

fn translation(name: &str, arguments: &str) -> Option<String> {
    let in_list = |list: &[(&'static [&'static str], &'static str)], name: &str| {
        let mut list = list.iter();
        let found = list.find(|(names, _)| names.contains(&name));
        found.map(|(_, here)| *here)
    };
    if name == "mode" {
        let mode = arguments.split_whitespace().next().unwrap_or_default();
        let here = in_list(MODES, &mode.to_lowercase());
        return Some(here.unwrap_or(ANY_MODE).to_string());
    }
    let here = in_list(DOT_COMMANDS, name)?;
    Some(here.replace(ARGUMENTS, arguments).trim_end().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::find;

    #[test]
    fn dot_commands_are_told_from_numbers() {
        for line in [".tables", "  .mode csv;", ".x y"] {
            assert!(is_dot_command(line), "{line}");
        }
        for line in ["", ".", ".5", "..", "SELECT .tables", "\\dt"] {
            assert!(!is_dot_command(line), "{line}");
        }
    }

    #[test]
    fn arguments_are_translated() {
        let here = |text: &str| translated(text).unwrap().message;
        for (line, expected) in [
            (".tables", "here it is \\dt"),
            (".tables prod*", "here it is \\dt prod*"),
            (".SCHEMA t;", "here it is \\d t"),
            (".mode csv", "here it is \\format csv"),
            (".mode box\nSELECT 1", "here it is \\format table"),
            (".mode", ANY_MODE),
            (".mode latex", ANY_MODE),
            (".read 'a b.sql'", "here it is \\i 'a b.sql'"),
            (".timer on", "here it is \\timing on"),
            (".nonsense", "'.nonsense' is not a command"),
            ("EXIT", "\\q ends a script"),
        ] {
            let message = here(line);
            assert!(message.contains(expected), "{line}: {message}");
        }
        assert!(translated("SELECT 1").is_none());
        assert!(translated("exit_code").is_none());
    }

    #[test]
    fn translations_are_commands_that_exist() {
        let all = DOT_COMMANDS.iter().chain(MODES);
        for (names, here) in all.filter(|(_, here)| here.starts_with('\\')) {
            let command = here.split([',', ' ']).next().unwrap();
            assert!(find(command).is_ok(), "{names:?}: {here}");
        }
    }
}
