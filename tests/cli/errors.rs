//! Invalid input: one message, the documented exit code, no panic.

use std::fs;

use super::{Done, semql, semql_reading, shop};

fn failed(done: &Done, code: i32, expected: &[&str]) {
    assert_eq!(done.code, Some(code), "{}{}", done.out, done.err);
    for text in expected {
        assert!(done.err.contains(text), "{text} is not in: {}", done.err);
    }
    for text in [
        "panicked",
        "internal error",
        "Error during planning",
        "External error",
    ] {
        assert!(!done.err.contains(text), "{}", done.err);
    }
}

#[test]
fn an_invalid_command_line_is_a_usage_error() {
    let folder = shop();
    let folder = folder.path();
    failed(&semql(folder, &["--frmat", "csv"]), 2, &["--format"]);
    failed(
        &semql(folder, &["--format", "cvs", "-c", "SELECT 1"]),
        2,
        &["cvs", "csv"],
    );
    failed(
        &semql(folder, &["-v", "novalue", "-c", "SELECT 1"]),
        2,
        &["name=value"],
    );
    failed(
        &semql(folder, &["-v", "a b=1", "-c", "SELECT 1"]),
        2,
        &["'a b'"],
    );
    failed(
        &semql(folder, &["--memory-limit", "lots", "-c", "SELECT 1"]),
        2,
        &["512M"],
    );
    failed(
        &semql(folder, &["--set", "ai.devise=cpu", "-c", "SELECT 1"]),
        2,
        &["ai.devise", "did you mean 'ai.device'?"],
    );
    failed(
        &semql(folder, &["-f", "gone.sql"]),
        2,
        &["gone.sql", "no such file"],
    );
    failed(&semql(folder, &["-f", "."]), 2, &["folder"]);
    failed(&semql(folder, &["dict", "chekc"]), 2, &["check"]);
}

#[test]
fn nothing_runs_if_one_of_the_files_is_missing() {
    let folder = shop();
    let done = semql(
        folder.path(),
        &["-c", "COPY (SELECT 1 AS x) TO 'made.csv'", "-f", "gone.sql"],
    );
    failed(&done, 2, &["gone.sql"]);
    assert!(!folder.path().join("made.csv").exists());
}

#[test]
fn text_that_is_not_utf8_is_reported_with_its_line() {
    let folder = shop();
    fs::write(
        folder.path().join("latin.sql"),
        b"SELECT 1;\nSELECT 'caf\xe9';\n",
    )
    .unwrap();
    failed(
        &semql(folder.path(), &["-f", "latin.sql"]),
        2,
        &["latin.sql:2", "UTF-8"],
    );
}

#[test]
fn misspelt_names_get_a_suggestion() {
    let folder = shop();
    let folder = folder.path();
    for (sql, expected) in [
        (
            "CREATE TABLE products AS SELECT 1; SELECT * FROM prodcuts",
            "did you mean 'products'?",
        ),
        ("SELECT * FROM 'shpo.csv'", "did you mean 'shop.csv'?"),
        ("SELECT titel FROM 'shop.csv'", "title"),
        (
            "SELECT lowr(title) FROM 'shop.csv'",
            "Did you mean 'lower'?",
        ),
        ("SELECT * FROM ai_modles()", "did you mean 'ai_models'?"),
        ("SET ai.modle = 'x'", "did you mean 'ai.model'?"),
        (
            "SET batch_size = 10",
            "did you mean 'datafusion.execution.batch_size'?",
        ),
        ("RESET ai.modle", "did you mean 'ai.model'?"),
        ("SELEC 1", "did you mean SELECT?"),
        ("\\timng on", "did you mean \\timing?"),
        ("\\format markdwon", "markdown"),
        ("DESCRIBE 'shpo.csv'", "did you mean 'shop.csv'?"),
    ] {
        failed(&semql(folder, &["-c", sql]), 1, &["-c:1: ", expected]);
    }
    failed(
        &semql(folder, &["-v", "limit=1", "-c", "SELECT :limti"]),
        2,
        &["did you mean 'limit'?"],
    );
}

#[test]
fn an_open_quote_is_reported_with_its_line_after_earlier_statements_ran() {
    let folder = shop();
    let done = semql_reading(
        folder.path(),
        &["--format", "csv"],
        "SELECT 1 AS x;\n\nSELECT 'open;\nSELECT 2;\n",
    );
    failed(&done, 1, &["standard input:3: ", "no closing quote"]);
    assert_eq!(done.out, "x\n1\n");
}

#[test]
fn an_invalid_value_is_reported_with_its_setting() {
    let folder = shop();
    failed(
        &semql(folder.path(), &["-c", "SET ai.device = 'abacus'"]),
        1,
        &["ai.device", "abacus"],
    );
    failed(
        &semql(folder.path(), &["-c", "SET ai.threads = 'many'"]),
        1,
        &["ai.threads", "many"],
    );
}

#[test]
fn a_missing_dictionary_is_a_setup_error() {
    let folder = shop();
    failed(
        &semql(
            folder.path(),
            &["--data-dict", "gone.yaml", "-c", "SELECT 1"],
        ),
        3,
        &["gone.yaml"],
    );
    failed(
        &semql(folder.path(), &["dict", "check"]),
        3,
        &["no dictionary", "dict init"],
    );
}

#[test]
fn deep_nesting_is_an_error() {
    let folder = shop();
    let sql = format!("SELECT {}1{}", "(".repeat(20_000), ")".repeat(20_000));
    failed(
        &semql_reading(folder.path(), &[], &sql),
        1,
        &["nests more than"],
    );
}

#[test]
fn damaged_data_is_an_error() {
    let folder = shop();
    fs::write(folder.path().join("half.parquet"), b"PAR1 and then nothing").unwrap();
    failed(
        &semql(folder.path(), &["-c", "SELECT * FROM 'half.parquet'"]),
        1,
        &["half.parquet"],
    );
}

#[test]
fn a_failed_system_command_stops_the_script() {
    let folder = shop();
    let done = semql_reading(folder.path(), &["--format", "csv"], "\\! exit 3\nSELECT 1;");
    failed(&done, 1, &["standard input:1: "]);
    assert_eq!(done.out, "");
}
