//! `ai.cache` over several runs of the program.

use std::path::Path;

use super::{Done, program_with_models, shop};

/// Embeds `rows` made-up titles, the first `changed` of them different from
/// the others' kind, and gives the operator's metrics.
fn embed(folder: &Path, rows: usize, changed: usize) -> Done {
    let sql = format!(
        "EXPLAIN ANALYZE SELECT embed(concat(CASE WHEN value <= {changed} THEN 'new ' ELSE '' END, 'item number ', value)) FROM generate_series(1, {rows})"
    );
    let args = ["--set", "ai.cache=kept", "--format", "csv", "-c", &sql];
    program_with_models(folder)
        .args(args)
        .output()
        .unwrap()
        .into()
}

/// A counter in the output of `EXPLAIN ANALYZE`, which shortens large ones.
fn counted(done: &Done, name: &str) -> String {
    let line = done.out.lines().find(|line| line.contains("InferExec"));
    let line = line.unwrap_or_else(|| panic!("{} {}", done.out, done.err));
    let value = line.split(&format!("{name}=")).nth(1).unwrap();
    value.split([',', ']']).next().unwrap().trim().to_string()
}

#[test]
fn a_later_run_computes_what_changed() {
    let folder = shop();
    let first = embed(folder.path(), 300, 0);
    assert_eq!(counted(&first, "distinct_texts"), "300");
    assert_eq!(counted(&first, "cache_hits"), "0");
    let again = embed(folder.path(), 300, 0);
    assert_eq!(counted(&again, "cache_hits"), "300");
    assert_eq!(counted(&again, "tokens"), "0");
    let changed = embed(folder.path(), 300, 3);
    assert_eq!(counted(&changed, "cache_hits"), "297");
}

#[test]
fn another_model_or_form_has_its_own_entries() {
    let folder = shop();
    let stats = "SELECT models, entries FROM ai_cache_stats()";
    let sql = format!(
        "SET ai.cache = 'kept'; SELECT count(embed('x')); SELECT count(embed('x', 'deterministic')); {stats};"
    );
    let done: Done = program_with_models(folder.path())
        .args(["--format", "csv", "-c", &sql])
        .output()
        .unwrap()
        .into();
    assert!(done.out.ends_with("2,2\n"), "{} {}", done.out, done.err);
}

#[test]
fn a_damaged_cache_is_set_aside_and_said_once() {
    let folder = shop();
    embed(folder.path(), 20, 0);
    let file = folder.path().join("kept/semql-cache.sqlite");
    std::fs::write(&file, vec![b'x'; 20_000]).unwrap();
    let _ = std::fs::remove_file(folder.path().join("kept/semql-cache.sqlite-wal"));
    let done = embed(folder.path(), 20, 0);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(counted(&done, "cache_hits"), "0");
    assert_eq!(done.err.matches("is damaged").count(), 1, "{}", done.err);
    let again = embed(folder.path(), 20, 0);
    assert_eq!(counted(&again, "cache_hits"), "20");
    assert!(!again.err.contains("is damaged"), "{}", again.err);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_before_any_row() {
    let folder = shop();
    let sql = "SET ai.cache = 'shop.csv/kept'; SELECT embed(title) FROM 'shop.csv'";
    let done: Done = program_with_models(folder.path())
        .args(["-c", sql])
        .output()
        .unwrap()
        .into();
    assert_eq!(done.code, Some(3), "{}", done.err);
    assert!(done.err.contains("shop.csv/kept"), "{}", done.err);
}
