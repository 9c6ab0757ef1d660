//! `COPY ... OPTIONS (refresh true)`: the model reads only new and changed rows.

use std::path::Path;

use super::{Done, semql, shop};

const COPY: &str = "COPY (SELECT id, title, categorize(title, NULL) AS category FROM 'shop.csv' ORDER BY id) TO 'out.parquet' OPTIONS (refresh true)";

fn run(folder: &Path, sql: &str) -> Done {
    run_as(folder, "csv", sql)
}

fn run_as(folder: &Path, format: &str, sql: &str) -> Done {
    semql(
        folder,
        &[
            "--set",
            "ai.model=deterministic",
            "--format",
            format,
            "-c",
            sql,
        ],
    )
}

fn done(folder: &Path, sql: &str) -> Done {
    let done = run(folder, sql);
    assert_eq!(done.code, Some(0), "{sql}\n{}", done.err);
    done
}

/// Replaces the categories in the file by a value that no model returns.
fn mark(folder: &Path) {
    let keys = ["model", "revision", "precision", "mode", "taxonomy", "call"];
    let metadata = keys.map(|key| {
        let sql = format!(
            "SELECT arrow_metadata(category, 'semql.{key}') AS m FROM 'out.parquet' LIMIT 1"
        );
        let value = run_as(folder, "tsv", &sql).out;
        let value = value.lines().nth(1).unwrap().replace('\'', "''");
        format!("'semql.{key}', '{value}'")
    });
    done(
        folder,
        &format!(
            "COPY (SELECT id, title, with_metadata('kept', {}) AS category FROM 'out.parquet') TO 'marked.parquet'",
            metadata.join(", ")
        ),
    );
    std::fs::rename(folder.join("marked.parquet"), folder.join("out.parquet")).unwrap();
}

fn categories(folder: &Path) -> Vec<String> {
    let rows = done(folder, "SELECT category FROM 'out.parquet' ORDER BY id").out;
    rows.lines().skip(1).map(str::to_string).collect()
}

#[test]
fn only_new_and_changed_rows_are_labelled() {
    let folder = shop();
    let folder = folder.path();
    done(folder, COPY);
    let first = categories(folder);
    assert!(first.iter().all(|category| category != "kept"));
    let call = done(
        folder,
        "SELECT arrow_metadata(category, 'semql.call') FROM 'out.parquet' LIMIT 1",
    );
    assert!(call.out.contains("categorize"), "{}", call.out);
    mark(folder);
    std::fs::write(
        folder.join("shop.csv"),
        "id,title,price\n1,red shoes,20\n2,another tea pot,15\n3,\"pen; blue\",2\n4,lamp,9\n",
    )
    .unwrap();
    done(folder, COPY);
    let again = categories(folder);
    assert_eq!(again.len(), 4);
    assert_eq!([&again[0], &again[2]], ["kept", "kept"]);
    assert!(again[1] != "kept" && again[3] != "kept", "{again:?}");
    // Deleted rows are removed.
    std::fs::write(folder.join("shop.csv"), "id,title,price\n4,lamp,9\n").unwrap();
    done(folder, COPY);
    assert_eq!(categories(folder).len(), 1);
}

#[test]
fn another_call_labels_all_rows_again() {
    let folder = shop();
    let folder = folder.path();
    done(folder, COPY);
    mark(folder);
    let other = COPY.replace("categorize(title, NULL)", "categorize(title, title)");
    let notes = done(folder, &other).err;
    assert!(notes.contains("all rows were computed anew"), "{notes}");
    assert!(categories(folder).iter().all(|category| category != "kept"));
}

#[test]
fn statements_that_cannot_be_refreshed_are_errors() {
    let folder = shop();
    let folder = folder.path();
    for (sql, expected) in [
        (
            COPY.replace("out.parquet", "out.csv"),
            "takes a Parquet file",
        ),
        (COPY.replace("true", "maybe"), "refresh is true or false"),
        (COPY.replace("id, title,", "id,"), "add title to them"),
        (
            COPY.replace("categorize(title, NULL) AS category", "price"),
            "no column of the query comes from a model",
        ),
        (
            COPY.replace("SELECT id", "SELECT DISTINCT id"),
            "takes one SELECT",
        ),
    ] {
        let done = run(folder, &sql);
        assert_ne!(done.code, Some(0), "{sql}");
        assert!(done.err.contains(expected), "{sql}: {}", done.err);
    }
}
