//! `COPY`: the target appears whole or not at all, with the metadata of its columns.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::interrupt::interrupt;
use super::{Done, names, program, program_with_models, semql, shop};
use crate::support::process::{self, PROCESS_TIMEOUT};

/// Interval between checks of a folder.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

fn run(folder: &Path, sql: &str) -> Done {
    semql(folder, &["--format", "csv", "-c", sql])
}

fn copied(folder: &Path, sql: &str) -> Done {
    let done = run(folder, sql);
    assert_eq!(done.code, Some(0), "{sql}\n{}", done.err);
    done
}

fn rows(folder: &Path, sql: &str) -> Vec<String> {
    let lines = copied(folder, sql).out;
    lines.lines().skip(1).map(str::to_string).collect()
}

/// Visible and hidden names, except that of the shop.
fn others(folder: &Path) -> Vec<String> {
    names(folder)
        .into_iter()
        .filter(|name| name != "shop.csv")
        .collect()
}

#[test]
fn every_format_is_read_back_as_written() {
    let folder = shop();
    let targets = [
        "a.parquet",
        "a.csv",
        "a.tsv",
        "a.jsonl",
        "a.json",
        "a.arrow",
        "a.csv.gz",
        "a.jsonl.zst",
        "a.csv.bz2",
        "a.ndjson.xz",
        "new/deep/a.parquet",
        "name with spaces.parquet",
    ];
    for target in targets {
        let done = copied(
            folder.path(),
            &format!("COPY (SELECT * FROM 'shop.csv') TO '{target}'"),
        );
        assert!(
            done.err.contains(&format!("copied 3 rows to {target}")),
            "{}",
            done.err
        );
        let sql = format!("SELECT id, title FROM '{target}' ORDER BY id");
        assert_eq!(
            rows(folder.path(), &sql),
            ["1,red shoes", "2,tea pot", "3,pen; blue"],
            "{target}"
        );
    }
    let packed = fs::read(folder.path().join("a.csv.gz")).unwrap();
    assert_eq!(packed[..2], [0x1f, 0x8b]);
    let text = fs::read_to_string(folder.path().join("a.tsv")).unwrap();
    assert!(text.starts_with("id\ttitle\tprice"), "{text}");
}

#[test]
fn tables_queries_options_and_empty_results_are_copied() {
    let folder = shop();
    copied(
        folder.path(),
        "COPY 'shop.csv' TO 'a' STORED AS CSV OPTIONS (single_file_output 'true', delimiter ';')",
    );
    let text = fs::read_to_string(folder.path().join("a")).unwrap();
    assert!(text.starts_with("id;title;price"), "{text}");
    copied(
        folder.path(),
        "COPY (SELECT * FROM 'shop.csv' WHERE id > 9) TO 'none.parquet'",
    );
    assert_eq!(
        rows(folder.path(), "SELECT count(id) FROM 'none.parquet'"),
        ["0"]
    );
    // The file keeps the order of the query.
    copied(
        folder.path(),
        "COPY (SELECT id FROM 'shop.csv' ORDER BY id DESC) TO 'down.csv'",
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("down.csv")).unwrap(),
        "id\n3\n2\n1\n"
    );
}

#[test]
fn a_file_can_be_copied_onto_itself() {
    let folder = shop();
    copied(
        folder.path(),
        "COPY (SELECT id, title FROM 'shop.csv' WHERE id < 3) TO 'shop.csv'",
    );
    assert_eq!(
        rows(folder.path(), "SELECT * FROM 'shop.csv' ORDER BY id"),
        ["1,red shoes", "2,tea pot"]
    );
    assert!(others(folder.path()).is_empty());
}

#[test]
fn a_failing_query_changes_no_file() {
    let folder = shop();
    fs::write(folder.path().join("old.csv"), "kept").unwrap();
    // The queries fail after rows have been written.
    for target in ["old.csv", "old.parquet", "new/deep/x.csv", "folder/"] {
        let sql = format!(
            "COPY (SELECT 1 / (value - 900000) AS n FROM generate_series(1, 1000000)) TO '{target}' STORED AS {}",
            if target.ends_with("csv") {
                "CSV"
            } else {
                "PARQUET"
            }
        );
        let done = run(folder.path(), &sql);
        assert_eq!(done.code, Some(1), "{target}: {}", done.err);
        assert!(
            done.err.to_lowercase().contains("divi"),
            "{target}: {}",
            done.err
        );
        assert_eq!(others(folder.path()), ["old.csv"], "{target}");
    }
    assert_eq!(
        fs::read_to_string(folder.path().join("old.csv")).unwrap(),
        "kept"
    );
}

#[test]
fn invalid_targets_are_refused() {
    let folder = shop();
    fs::create_dir_all(folder.path().join("full/x")).unwrap();
    let cases = [
        ("COPY (SELECT 1 AS n) TO 'x.xlsx'", ".xlsx"),
        ("COPY (SELECT 1 AS n) TO 'x.csv' STORED AS excel", "excel"),
        ("COPY (SELECT 1 AS n) TO 'x.parquet.gz'", "compressed"),
        ("COPY (SELECT 1 AS n) TO 'full/'", "not empty"),
        (
            "COPY (SELECT 1 AS n, 2 AS k) TO 'full' PARTITIONED BY (k)",
            "not empty",
        ),
        ("COPY (SELECT 1 AS n) TO 'shop.csv/x.csv'", "cannot write"),
        (
            "COPY (SELECT 1 AS kind) TO 'x' STORED AS CSV PARTITIONED BY (knd)",
            "did you mean 'kind'",
        ),
        (
            "COPY (SELECT 1 AS n) TO 'x.csv' OPTIONS (nonsense 'yes')",
            "nonsense",
        ),
        ("COPY nothing TO 'x.csv'", "nothing"),
        (
            "COPY (SELECT 1 AS n) TO '/dev/null' STORED AS CSV OPTIONS (single_file_output 'true')",
            "plain file",
        ),
    ];
    for (sql, expected) in cases {
        let done = run(folder.path(), sql);
        assert_eq!(done.code, Some(1), "{sql}: {}", done.err);
        assert!(done.err.contains(expected), "{sql}: {}", done.err);
        assert_eq!(others(folder.path()), ["full"], "{sql}");
    }
}

#[test]
fn a_partitioned_copy_is_a_folder_that_reads_back() {
    let folder = shop();
    let sql = "COPY (SELECT id, title, CASE WHEN id < 3 THEN 'low' ELSE 'high' END AS kind FROM 'shop.csv') \
               TO 'parts' STORED AS PARQUET PARTITIONED BY (kind)";
    copied(folder.path(), sql);
    assert_eq!(others(folder.path()), ["parts"]);
    assert_eq!(
        names(&folder.path().join("parts")),
        ["kind=high", "kind=low"]
    );
    let sql = "SELECT kind, count(*) FROM 'parts' GROUP BY kind ORDER BY kind";
    assert_eq!(rows(folder.path(), sql), ["high,1", "low,2"]);
    let again = run(
        folder.path(),
        "COPY (SELECT 1 AS n, 'x' AS kind) TO 'parts' STORED AS PARQUET PARTITIONED BY (kind)",
    );
    assert_eq!(again.code, Some(1));
    assert_eq!(
        names(&folder.path().join("parts")),
        ["kind=high", "kind=low"]
    );
}

#[test]
fn parquet_keeps_descriptions() {
    let folder = shop();
    let dictionary = "version: 1\ntables:\n  - name: goods\n    location: goods.parquet\n    columns:\n      \
                      - {name: title, type: VARCHAR, description: What the shop calls it.}\n";
    fs::write(folder.path().join("data_dict.yaml"), dictionary).unwrap();
    copied(
        folder.path(),
        "COPY (SELECT * FROM 'shop.csv') TO 'goods.parquet'",
    );
    // The file has the description without the dictionary.
    fs::remove_file(folder.path().join("data_dict.yaml")).unwrap();
    let sql = "SELECT arrow_metadata(title, 'description') FROM 'goods.parquet' LIMIT 1";
    assert_eq!(rows(folder.path(), sql), ["What the shop calls it."]);
    // A copy of the file has it too.
    copied(
        folder.path(),
        "COPY (SELECT id, title FROM 'goods.parquet' WHERE id > 1) TO 'copy.parquet'",
    );
    let sql = "SELECT arrow_metadata(title, 'description') FROM 'copy.parquet' LIMIT 1";
    assert_eq!(rows(folder.path(), sql), ["What the shop calls it."]);
}

#[test]
fn parquet_keeps_the_metadata_of_functions() {
    let folder = shop();
    let sql = "COPY (SELECT id, with_metadata(title, 'semql.model', 'some-model') AS title \
               FROM 'shop.csv' WHERE id > 1 ORDER BY id) TO 'a.parquet'";
    copied(folder.path(), sql);
    for source in [
        "'a.parquet'",
        "(SELECT title FROM 'a.parquet' WHERE id = 3 LIMIT 1)",
    ] {
        let sql = format!("SELECT arrow_metadata(title, 'semql.model') FROM {source} LIMIT 1");
        assert_eq!(rows(folder.path(), &sql), ["some-model"], "{source}");
    }
}

/// COPY that does not end within a test.
#[cfg(unix)]
const ENDLESS_COPY: &str = "COPY (SELECT a.value AS a, b.value AS b, md5(concat(a.value, '-', b.value)) AS c \
                       FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b) TO 'big.csv'";

/// Starts the endless COPY, and waits until it writes.
#[cfg(unix)]
fn start_copy(folder: &Path) -> std::process::Child {
    let mut child = program(folder)
        .args(["-c", ENDLESS_COPY])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PROCESS_TIMEOUT;
    while Instant::now() < deadline {
        let hidden = names(folder)
            .into_iter()
            .find(|name| name.starts_with(".big.csv.semql-"));
        if hidden.is_some_and(|name| names(&folder.join(name)).len() > 1) {
            return child;
        }
        if child.try_wait().unwrap().is_some() {
            let done = Done::from(process::wait(child));
            panic!("the copy ended with {:?}: {}", done.code, done.err);
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    let _ = child.kill();
    let _ = child.wait();
    panic!("the copy wrote nothing: {:?}", names(folder));
}

#[cfg(unix)]
#[test]
fn the_next_copy_removes_the_files_of_a_killed_one() {
    let folder = shop();
    fs::write(folder.path().join("big.csv"), "n\n1\n").unwrap();
    let mut child = start_copy(folder.path());
    // SIGKILL allows no clean-up.
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        fs::read_to_string(folder.path().join("big.csv")).unwrap(),
        "n\n1\n"
    );
    assert_eq!(
        others(folder.path()).len(),
        2,
        "{:?}",
        others(folder.path())
    );
    copied(folder.path(), "COPY (SELECT 2 AS n) TO 'big.csv'");
    assert_eq!(others(folder.path()), ["big.csv"]);
    assert_eq!(
        fs::read_to_string(folder.path().join("big.csv")).unwrap(),
        "n\n2\n"
    );
}

#[cfg(unix)]
#[test]
fn an_interrupted_copy_leaves_no_files() {
    let folder = shop();
    let done = interrupt(start_copy(folder.path()));
    assert_eq!(done.code, Some(130), "{}", done.err);
    assert!(
        others(folder.path()).is_empty(),
        "{:?}",
        others(folder.path())
    );
}

#[cfg(unix)]
#[test]
fn two_copies_to_one_target_do_not_disturb_each_other() {
    let folder = shop();
    let mut child = start_copy(folder.path());
    copied(folder.path(), "COPY (SELECT 2 AS n) TO 'big.csv'");
    // The folder of the running copy is kept.
    assert_eq!(
        others(folder.path()).len(),
        2,
        "{:?}",
        others(folder.path())
    );
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        fs::read_to_string(folder.path().join("big.csv")).unwrap(),
        "n\n2\n"
    );
}

#[test]
fn parquet_keeps_the_model_of_labels() {
    let folder = shop();
    let run = |sql: &str| -> Done {
        let args = ["--format", "csv", "-c", sql];
        process::output(program_with_models(folder.path()).args(args)).into()
    };
    let done = run("SET ai.model = 'deterministic'; \
         COPY (SELECT ai_classify(a, ['x', 'y']) AS l, categorize(a, b) AS c FROM (VALUES ('a', 'b'), ('c', 'd')) AS t(a, b)) TO 'l.parquet'");
    assert_eq!(done.code, Some(0), "{}", done.err);
    let done = run("DESCRIBE 'l.parquet'");
    let lines: Vec<&str> = done.out.lines().collect();
    assert!(
        lines[1].starts_with("l,VARCHAR,true,\"model deterministic, mode exact, precision fp32"),
        "{}",
        done.out
    );
    assert!(!lines[1].contains("taxonomy"), "{}", done.out);
    assert!(
        lines[2].contains("mode exact") && lines[2].contains("taxonomy product_category@"),
        "{}",
        done.out
    );
}

#[test]
fn canonical_values_are_written_as_a_dictionary() {
    let folder = shop();
    let rows = "(VALUES ('red', 'red', 1), ('red', 'scarlet', 2), ('no', 'No.', 3), (NULL, 'x', 4)) AS t(canonical, variant, n)";
    let done = copied(
        folder.path(),
        &format!("COPY (SELECT * FROM {rows}) TO 'values.yaml'"),
    );
    assert!(
        done.err.contains("copied 3 rows to values.yaml"),
        "{}",
        done.err
    );
    let path = folder.path().join("values.yaml");
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(written, "red: [scarlet]\n\"no\": [No.]\n");

    for (sql, message) in [
        (
            "COPY (SELECT 'a' AS canonical) TO 'values.yaml'",
            "takes the columns canonical and variant",
        ),
        (
            "COPY (SELECT 'a' AS canonical, 1 / 0 AS variant) TO 'values.yaml'",
            "ivide by zero",
        ),
        (
            "COPY (SELECT 'a' AS canonical, 'b' AS variant) TO 'values.yaml' OPTIONS (x 1)",
            "takes no options",
        ),
    ] {
        let done = run(folder.path(), sql);
        assert_eq!(done.code, Some(1), "{sql}");
        assert!(done.err.contains(message), "{sql}\n{}", done.err);
        assert_eq!(fs::read_to_string(&path).unwrap(), written, "{sql}");
    }
    assert_eq!(others(folder.path()), ["values.yaml"]);
}
