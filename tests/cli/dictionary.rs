//! The data dictionary, through the program: `--data-dict`, `DESCRIBE`,
//! `SUMMARIZE`, `dict check` and `dict init`.

use std::fs;
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use super::program;
use crate::support::process;

const DICTIONARY: &str = r#"version: 1
tables:
  - name: shop
    description: What the shop sells.
    location: shop.csv
    owner: Jo
    columns:
      - {name: id, type: BIGINT, nullable: false, unique: true, description: The key.}
      - {name: kind, type: VARCHAR, taxonomy: kinds, description: The kind of thing.}
  - name: shop_by_kind
    description: The shop's things, counted.
    location: out/shop_by_kind.parquet
    columns:
      - {name: kind, type: VARCHAR, description: The kind that was counted.}
      - {name: things, type: BIGINT, description: How many there are.}
taxonomies:
  - name: kinds
    labels:
      - {name: Books, phrases: [novel, atlas]}
      - {name: Toys, phrases: [doll, kite]}
"#;

/// Folder with a dictionary and the data of its first table.
fn shop() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data_dict.yaml"), DICTIONARY).unwrap();
    fs::write(
        folder.path().join("shop.csv"),
        "id,kind\n1,Books\n2,Toys\n3,Books\n",
    )
    .unwrap();
    folder
}

fn semql(folder: &Path, args: &[&str]) -> Output {
    process::output(program(folder).args(args))
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Runs SQL that must succeed, and returns its result as CSV.
fn csv(folder: &Path, sql: &str) -> String {
    let args = [
        "--data-dict",
        "data_dict.yaml",
        "--format",
        "csv",
        "-c",
        sql,
    ];
    let output = semql(folder, &args);
    assert!(output.status.success(), "{sql}\n{}", stderr(&output));
    stdout(&output)
}

#[test]
fn tables_of_the_dictionary_are_queryable() {
    let folder = shop();
    let text = csv(folder.path(), "SELECT count(*) AS n FROM shop");
    assert_eq!(text, "n\n3\n");
    let text = csv(
        folder.path(),
        "SELECT owner FROM dict_tables() WHERE table_name = 'shop'",
    );
    assert_eq!(text, "owner\nJo\n");
    let text = csv(
        folder.path(),
        "SELECT label FROM dict_labels() ORDER BY label",
    );
    assert_eq!(text, "label\nBooks\nToys\n");
}

#[test]
fn describe_shows_descriptions_beside_types() {
    let folder = shop();
    let text = csv(folder.path(), "DESCRIBE shop");
    assert!(
        text.starts_with("column_name,data_type,is_nullable,description\n"),
        "{text}"
    );
    assert!(text.contains("id,BIGINT,true,The key.\n"), "{text}");
    assert!(
        text.contains("kind,VARCHAR,true,The kind of thing.\n"),
        "{text}"
    );
    let text = csv(folder.path(), "DESCRIBE SELECT id + 1 AS next FROM shop");
    assert!(text.contains("next,BIGINT,true,\n"), "{text}");
}

#[test]
fn summarize_profiles_tables_files_and_queries() {
    let folder = shop();
    for what in ["shop", "'shop.csv'", "SELECT * FROM shop"] {
        let text = csv(folder.path(), &format!("SUMMARIZE {what}"));
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains("id,BIGINT,3,0,0.0,3,1,3,2.0,"), "{text}");
        assert!(text.contains(",4,5,4.67,Books (2)"), "{text}");
    }
}

#[test]
fn the_next_statement_reads_a_table_that_a_script_wrote() {
    let folder = shop();
    let sql = "COPY (SELECT kind, count(*) AS things FROM shop GROUP BY kind) \
               TO 'out/shop_by_kind.parquet'; \
               SELECT kind, things FROM shop_by_kind ORDER BY kind";
    let text = csv(folder.path(), sql);
    assert!(text.ends_with("kind,things\nBooks,2\nToys,1\n"), "{text}");
    // The file has the descriptions without the dictionary.
    let args = [
        "--format",
        "csv",
        "-c",
        "DESCRIBE 'out/shop_by_kind.parquet'",
    ];
    fs::rename(
        folder.path().join("data_dict.yaml"),
        folder.path().join("elsewhere.yaml"),
    )
    .unwrap();
    let output = semql(folder.path(), &args);
    let text = stdout(&output);
    assert!(
        text.contains("kind,VARCHAR,"),
        "{text}\n{}",
        stderr(&output)
    );
    assert!(text.contains("The kind"), "{text}");
}

#[test]
fn the_error_for_a_table_without_data_has_its_location() {
    let folder = shop();
    let args = [
        "--data-dict",
        "data_dict.yaml",
        "-c",
        "SELECT * FROM shop_by_kind",
    ];
    let output = semql(folder.path(), &args);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains("table 'shop_by_kind' has no data yet"),
        "{text}"
    );
    assert!(text.contains("out/shop_by_kind.parquet"), "{text}");
    assert_eq!(stdout(&output), "");
}

#[test]
fn a_typo_in_the_dictionary_is_a_set_up_error_with_its_line() {
    let folder = shop();
    let wrong = DICTIONARY.replace(
        "    columns:\n      - {name: id",
        "    colums:\n      - {name: id",
    );
    fs::write(folder.path().join("data_dict.yaml"), wrong).unwrap();
    let output = semql(
        folder.path(),
        &["--data-dict", "data_dict.yaml", "-c", "SELECT 1"],
    );
    assert_eq!(output.status.code(), Some(3));
    let text = stderr(&output);
    assert!(
        text.contains("data_dict.yaml:7:5: unknown key 'colums'; did you mean 'columns'?"),
        "{text}"
    );
    assert_eq!(stdout(&output), "");
}

/// Runs `dict check`, with its differences as CSV.
fn check(folder: &Path) -> Output {
    semql(
        folder,
        &[
            "--data-dict",
            "data_dict.yaml",
            "--format",
            "csv",
            "dict",
            "check",
        ],
    )
}

#[test]
fn check_lists_every_difference_and_fails() {
    let folder = shop();
    let output = check(folder.path());
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(
        stdout(&output),
        "table,column,what,expected,found\n\
         shop_by_kind,,data,data at 'out/shop_by_kind.parquet',nothing there\n"
    );

    fs::write(
        folder.path().join("shop.csv"),
        "id,kind\n1,Books\n1,Toys\n,Garden\n",
    )
    .unwrap();
    let output = check(folder.path());
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    for part in [
        "shop,id,nullable,no nulls,1 null\n",
        "shop,id,unique,",
        "shop,kind,taxonomy,a label of 'kinds',1 row with other values: 'Garden' (1)\n",
        "shop_by_kind,,data,",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert_eq!(text.lines().count(), 5, "{text}");
}

#[test]
fn a_draft_agrees_with_the_data() {
    let folder = shop();
    let output = semql(folder.path(), &["dict", "init", "shop.csv"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let draft = stdout(&output);
    assert!(draft.contains("# description: TODO"), "{draft}");
    fs::write(folder.path().join("data_dict.yaml"), &draft).unwrap();
    let output = check(folder.path());
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );

    let output = semql(folder.path(), &["dict", "init", "absent.csv"]);
    assert_ne!(output.status.code(), Some(0));
    assert!(
        stderr(&output).contains("absent.csv"),
        "{}",
        stderr(&output)
    );
    assert_eq!(stdout(&output), "");
}
