//! `semql demo`: the pipeline of the installed program, in a folder of its own.

use std::fs;
use std::path::Path;

use super::{Done, names, program, program_with_models, semql};
use crate::support::process;

fn demo(folder: &Path, args: &[&str]) -> Done {
    let mut command = program_with_models(folder);
    process::output(command.arg("demo").args(args)).into()
}

#[test]
fn the_pipeline_runs_in_an_empty_folder_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let done = demo(folder.path(), &[]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(names(folder.path()), ["semql-demo"]);
    let made = folder.path().join("semql-demo");
    let results = names(&made.join("out"));
    for expected in [
        "categories.svg",
        "products_with_category.parquet",
        "labelled.parquet",
        "word_map.parquet",
        "product_map.parquet",
        "products_with_features.parquet",
    ] {
        assert!(
            results.iter().any(|name| name == expected),
            "{expected}: {results:?}"
        );
    }
    for expected in ["-- queries/01_ingest.sql", "-- queries/09_features.sql"] {
        assert!(done.err.contains(expected), "{}", done.err);
    }
    // The sample has 281 offers, and the table of accuracy all labels.
    for expected in ["281", "Electronics, Computers", "amount_of_products"] {
        assert!(done.out.contains(expected), "{expected}: {}", done.out);
    }

    let query = made.join("queries/06_similar.sql");
    fs::write(&query, "SELECT 'edited' AS mine;\n").unwrap();
    let done = demo(folder.path(), &["semql-demo", "--format", "csv"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.contains("mine\nedited\n"), "{}", done.out);
    assert!(
        done.err
            .contains("queries/06_similar.sql differs from the one of this version"),
        "{}",
        done.err
    );
}

#[test]
fn folders_with_other_files_and_odd_options_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.csv"), "a\n1\n").unwrap();
    for (args, expected) in [
        (&["demo", "."][..], "has other files"),
        (&["demo", "mine.csv"], "mine.csv"),
        (&["demo", "mine.csv/demo"], "cannot write the demo to"),
        (&["demo", "-o", "rows.csv"], "does not take -o"),
        (
            &["demo", "--data-dict", "d.yaml"],
            "does not take --data-dict",
        ),
    ] {
        let done = semql(folder.path(), args);
        assert_eq!(
            (done.code, done.out.as_str()),
            (Some(2), ""),
            "{}",
            done.err
        );
        assert!(done.err.contains(expected), "{args:?}: {}", done.err);
    }
    assert_eq!(names(folder.path()), ["mine.csv"]);
}

#[test]
fn a_failed_set_up_ends_the_demo_which_can_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let mut command = program(folder.path());
    // No Python, and so no set-up.
    command
        .env("PATH", folder.path())
        .env("SEMQL_HOME", &home)
        .env_remove("ORT_DYLIB_PATH")
        .arg("demo");
    let done = Done::from(process::output(&mut command));
    assert_eq!(done.code, Some(3), "{}", done.err);
    assert!(done.err.contains("python3 is not on PATH"), "{}", done.err);
    assert_eq!(
        names(&folder.path().join("semql-demo")),
        ["data_dict.yaml", "inference", "queries"]
    );
}
