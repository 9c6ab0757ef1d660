//! Files of one folder or pattern as one table: types, columns, partitions, empty files.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{Done, names, semql};

fn run(folder: &Path, sql: &str) -> Done {
    semql(folder, &["-q", "--format", "csv", "-c", sql])
}

/// Runs a query, and returns its rows as CSV.
fn rows(folder: &Path, sql: &str) -> Vec<String> {
    let done = run(folder, sql);
    assert_eq!(done.code, Some(0), "{sql}\n{}", done.err);
    done.out.lines().skip(1).map(str::to_string).collect()
}

/// A folder with a file of each query, named by its position.
fn files(extension: &str, queries: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (number, query) in queries.iter().enumerate() {
        let sql = format!("COPY ({query}) TO 'd/{number}.{extension}'");
        rows(folder.path(), &sql);
    }
    folder
}

/// Queries of files, the type of their column `v`, and its values in order.
type Widening = (
    &'static [&'static str],
    &'static str,
    &'static [&'static str],
);

const WIDENINGS: &[Widening] = &[
    (
        &["SELECT 1::INT AS v", "SELECT 10000000000 AS v"],
        "Int64",
        &["1", "10000000000"],
    ),
    (
        &["SELECT 1::INT AS v", "SELECT 0.5::DOUBLE AS v"],
        "Float64",
        &["0.5", "1.0"],
    ),
    (
        &["SELECT 0.5::REAL AS v", "SELECT 1e300::DOUBLE AS v"],
        "Float64",
        &["0.5", "1e300"],
    ),
    (
        &[
            "SELECT 1.25::DECIMAL(5,2) AS v",
            "SELECT 1000.0005::DECIMAL(10,4) AS v",
        ],
        "Decimal128(10, 4)",
        &["1.2500", "1000.0005"],
    ),
    (
        &[
            "SELECT arrow_cast('18446744073709551615', 'UInt64') AS v",
            "SELECT -1 AS v",
        ],
        "Decimal128(20, 0)",
        &["-1", "18446744073709551615"],
    ),
    (
        &[
            "SELECT DATE '1969-12-31' AS v",
            "SELECT arrow_cast('2024-01-02T03:04:05', 'Timestamp(Microsecond, None)') AS v",
        ],
        "Timestamp(µs)",
        &["1969-12-31T00:00:00", "2024-01-02T03:04:05"],
    ),
    (
        &[
            "SELECT arrow_cast('b', 'Dictionary(Int32, Utf8)') AS v",
            "SELECT 'a' AS v",
            "SELECT NULL AS v",
        ],
        "Utf8",
        &["a", "b", ""],
    ),
];

#[test]
fn the_wider_type_holds_the_values_of_all_files() {
    for extension in ["parquet", "arrow"] {
        for (queries, data_type, values) in WIDENINGS {
            let folder = files(extension, queries);
            for location in ["d".to_string(), format!("d/*.{extension}")] {
                let sql = format!("SELECT v FROM '{location}' ORDER BY v NULLS LAST");
                assert_eq!(
                    rows(folder.path(), &sql),
                    *values,
                    "{extension}: {queries:?}"
                );
            }
            let sql = "SELECT DISTINCT arrow_typeof(v) FROM 'd'";
            let found = rows(folder.path(), sql).join("");
            assert!(found.contains(data_type), "{found}: {queries:?}");
        }
    }
}

#[test]
fn nested_values_of_different_types_are_one_column() {
    for extension in ["parquet", "arrow"] {
        let folder = files(
            extension,
            &[
                "SELECT 1 AS id, [1::INT, NULL] AS v, named_struct('a', 1::INT) AS s",
                "SELECT 2 AS id, [0.5::DOUBLE] AS v, named_struct('b', 'x', 'a', 2) AS s",
            ],
        );
        let sql = "SELECT v, s['a'], s['b'] FROM 'd' ORDER BY id";
        assert_eq!(
            rows(folder.path(), sql),
            ["\"[1.0,null]\",1,", "[0.5],2,x"],
            "{extension}"
        );
    }
}

#[test]
fn filters_aggregates_and_limits_see_every_file() {
    let folder = files(
        "parquet",
        &[
            "SELECT value::INT AS n, 'a' AS f FROM generate_series(1, 100)",
            "SELECT value + 5000000000 AS n, 'b' AS f FROM generate_series(1, 100)",
        ],
    );
    for (sql, expected) in [
        (
            "SELECT min(n), max(n), count(*), count(n) FROM 'd'",
            "1,5000000100,200,200",
        ),
        ("SELECT count(*) FROM 'd' WHERE n > 50", "150"),
        (
            "SELECT sum(n) FROM 'd' WHERE n = 7 OR n = 5000000007",
            "5000000014",
        ),
        ("SELECT f FROM 'd' WHERE n > 5000000099", "b"),
        ("SELECT count(*) FROM (SELECT n FROM 'd' LIMIT 130)", "130"),
    ] {
        assert_eq!(rows(folder.path(), sql), [expected], "{sql}");
    }
}

#[test]
fn a_value_that_would_be_rounded_is_an_error() {
    let folder = files(
        "parquet",
        &["SELECT 9007199254740993 AS n", "SELECT 0.5::DOUBLE AS n"],
    );
    let done = run(folder.path(), "SELECT sum(n) FROM 'd'");
    assert_eq!(done.code, Some(1), "{}", done.out);
    for part in ["'n'", "0.parquet", "rounded"] {
        assert!(done.err.contains(part), "{part}: {}", done.err);
    }
}

#[test]
fn missing_columns_are_null_and_found_by_name() {
    for extension in ["parquet", "arrow", "csv", "jsonl"] {
        let folder = files(
            extension,
            &[
                "SELECT 1 AS id, 'x' AS name",
                "SELECT 'y' AS name, 2 AS id, 0.5 AS price",
                "SELECT 3 AS id",
            ],
        );
        let sql = "SELECT id, name, price FROM 'd' ORDER BY id";
        assert_eq!(
            rows(folder.path(), sql),
            ["1,x,", "2,y,0.5", "3,,"],
            "{extension}"
        );
        let sql = "SELECT count(*), count(price) FROM 'd' WHERE name IS NOT NULL";
        assert_eq!(rows(folder.path(), sql), ["2,1"], "{extension}");
    }
}

#[test]
fn what_cannot_be_reconciled_names_both_files_and_the_column() {
    for extension in ["parquet", "arrow"] {
        let folder = files(
            extension,
            &["SELECT 1 AS id, 2 AS n", "SELECT 1 AS id, 'x' AS n"],
        );
        let done = run(folder.path(), "SELECT * FROM 'd'");
        assert_eq!(done.code, Some(1));
        let (first, second) = (format!("0.{extension}"), format!("1.{extension}"));
        for part in ["'n'", "Int64", first.as_str(), second.as_str()] {
            assert!(done.err.contains(part), "{part}: {}", done.err);
        }
    }
}

#[test]
fn empty_and_marker_files_do_not_count() {
    for extension in ["parquet", "csv", "jsonl", "arrow"] {
        for empty in ["0", "2"] {
            let folder = tempfile::tempdir().unwrap();
            let part = |name: &str| folder.path().join(format!("d/{name}.{extension}"));
            let copy = format!("COPY (SELECT 1 AS n UNION ALL SELECT 2) TO 'd/1.{extension}'");
            rows(folder.path(), &copy);
            fs::write(part(empty), "").unwrap();
            fs::write(folder.path().join("d/_SUCCESS"), "").unwrap();
            fs::write(folder.path().join(format!("d/.1.{extension}.crc")), "x").unwrap();
            for location in ["d".to_string(), format!("d/*.{extension}")] {
                let sql = format!("SELECT count(*), sum(n) FROM '{location}'");
                assert_eq!(
                    rows(folder.path(), &sql),
                    ["2,3"],
                    "{location} with {empty}"
                );
            }
            fs::remove_file(part("1")).unwrap();
            let done = run(folder.path(), "SELECT * FROM 'd'");
            assert!(done.err.contains("is empty"), "{}", done.err);
        }
    }
}

#[test]
fn packed_files_without_content_do_not_count() {
    for extension in ["csv.gz", "jsonl.zst"] {
        let folder = files(extension, &["SELECT 7 AS n"]);
        // What a writer leaves that packs no rows at all.
        rows(
            folder.path(),
            "COPY (SELECT 1 AS n WHERE false) TO 'e/1.jsonl.zst'",
        );
        let empty = match extension {
            "csv.gz" => EMPTY_GZIP.to_vec(),
            _ => fs::read(folder.path().join("e/1.jsonl.zst")).unwrap(),
        };
        for name in ["d/.0", "d/1"] {
            fs::write(folder.path().join(format!("{name}.{extension}")), &empty).unwrap();
        }
        assert_eq!(
            rows(folder.path(), "SELECT n FROM 'd'"),
            ["7"],
            "{extension}"
        );
        fs::remove_file(folder.path().join(format!("d/0.{extension}"))).unwrap();
        let done = run(folder.path(), "SELECT n FROM 'd'");
        assert!(done.err.contains("is empty"), "{}", done.err);
    }
}

/// A gzip file of nothing.
const EMPTY_GZIP: [u8; 20] = [
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

#[test]
fn files_without_rows_have_columns() {
    let folder = files(
        "parquet",
        &["SELECT 1 AS n WHERE false", "SELECT 2::INT AS n"],
    );
    assert_eq!(
        rows(folder.path(), "SELECT count(*), sum(n) FROM 'd'"),
        ["1,2"]
    );
    fs::write(folder.path().join("a.csv"), "n,t\n").unwrap();
    fs::write(folder.path().join("b.csv"), "n,t\n7,x\n").unwrap();
    assert_eq!(
        rows(folder.path(), "SELECT sum(n), min(t) FROM '*.csv'"),
        ["7,x"]
    );
}

#[test]
fn partitions_read_back_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let copy = "COPY (SELECT * FROM (VALUES (1, 'a'), (2, NULL), (3, 'x/y'), (4, '50% off'), (5, 'k=v'), \
                (6, ''), (7, '..'), (8, 'café \"q\"'), (9, '%2F'), (10, '*?[a]')) AS t(id, k)) TO 'p' \
                STORED AS PARQUET PARTITIONED BY (k)";
    rows(folder.path(), copy);
    let hive = names(&folder.path().join("p"));
    assert!(
        hive.contains(&"k=__HIVE_DEFAULT_PARTITION__".to_string()),
        "{hive:?}"
    );
    let expected = [
        "1,a",
        "2,",
        "3,x/y",
        "4,50% off",
        "5,k=v",
        "6,\"\"",
        "7,..",
        "8,\"café \"\"q\"\"\"",
        "9,%2F",
        "10,*?[a]",
    ];
    for location in ["p", "p/", "p/**/*.parquet", "p/*/*.parquet"] {
        let sql = format!("SELECT id, k FROM '{location}' ORDER BY id");
        assert_eq!(rows(folder.path(), &sql), expected, "{location}");
    }
    for (sql, expected) in [
        ("SELECT id FROM 'p' WHERE k IS NULL", "2"),
        ("SELECT count(k), count(*) FROM 'p'", "9,10"),
        ("SELECT id FROM 'p' WHERE k = '50% off'", "4"),
        ("SELECT count(*) FROM 'p' WHERE k <> 'a'", "8"),
        ("SELECT id FROM 'p' WHERE k = 'x/y' AND id > 0", "3"),
        ("SELECT count(*) FROM 'p' WHERE k = 'nothing'", "0"),
    ] {
        assert_eq!(rows(folder.path(), sql), [expected], "{sql}");
    }
}

#[test]
fn partitions_of_other_writers_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    // The name of the folder counts, not the column of the file.
    put(
        "d/k=__HIVE_DEFAULT_PARTITION__/a.csv",
        "n,k\n1,of the file\n",
    );
    put("d/k=b/year=2024/a.csv", "n\n2.5\n");
    put("d/k=b/_temporary/a.csv", "n\n9\n");
    let sql = "SELECT n, k, year FROM 'd' ORDER BY n";
    assert_eq!(rows(folder.path(), sql), ["1.0,,", "2.5,b,2024"]);
}

#[test]
fn partition_columns_that_folders_cannot_hold_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (column, value, part) in [
        ("a=b", "'x'", "'a=b'"),
        ("k", "[1]", "List"),
        ("k", "'__HIVE_DEFAULT_PARTITION__'", "NULL"),
    ] {
        let sql = format!(
            "COPY (SELECT 1 AS n, {value} AS \"{column}\") TO 'p' STORED AS CSV PARTITIONED BY (\"{column}\")"
        );
        let done = run(folder.path(), &sql);
        assert_eq!(done.code, Some(1), "{sql}");
        assert!(done.err.contains(part), "{}", done.err);
        assert!(names(folder.path()).is_empty());
    }
}
