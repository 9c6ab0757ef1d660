//! `-f`, `-c`, standard input, variables, formats, `-o`.

use std::fs;

use super::{names, semql, semql_reading, shop};

#[test]
fn statements_run_in_order_and_stdout_has_only_results() {
    let folder = shop();
    let sql =
        "CREATE TABLE t AS SELECT 1 AS x; INSERT INTO t VALUES (2), (3); SELECT sum(x) AS s FROM t";
    let done = semql(folder.path(), &["--format", "csv", "-c", sql]);
    assert_eq!((done.code, done.out.as_str()), (Some(0), "s\n6\n"));
    assert!(done.err.contains("created table t"), "{}", done.err);
    assert!(done.err.contains("inserted 2 rows"), "{}", done.err);
}

#[test]
fn quiet_prints_only_errors_on_stderr() {
    let folder = shop();
    let done = semql(
        folder.path(),
        &[
            "-q",
            "--format",
            "csv",
            "-c",
            "CREATE TABLE t AS SELECT 1; SELECT * FROM t; SELECT * FROM u",
        ],
    );
    assert_eq!(done.code, Some(1));
    assert!(!done.err.contains("created"), "{}", done.err);
    assert!(done.err.contains("'u'"), "{}", done.err);
}

#[test]
fn files_and_commands_run_in_the_order_of_the_command_line() {
    let folder = shop();
    fs::write(folder.path().join("a.sql"), "SELECT 'a' AS x").unwrap();
    fs::write(folder.path().join("b.sql"), "SELECT 'b' AS x;\n").unwrap();
    let done = semql(
        folder.path(),
        &[
            "-c",
            "SELECT 'first' AS x",
            "-f",
            "b.sql",
            "a.sql",
            "--format",
            "csv",
            "-c",
            "SELECT 'last' AS x",
        ],
    );
    assert_eq!(done.out, "x\nfirst\nx\nb\nx\na\nx\nlast\n", "{}", done.err);
}

#[test]
fn semicolons_in_quotes_and_comments_do_not_end_a_statement() {
    let folder = shop();
    let script = "SELECT id, ';' AS \"a;b\" -- not; here\n FROM 'shop.csv' /* nor; here */ WHERE title = 'pen; blue';\nSELECT $$;$$ AS x";
    let done = semql_reading(folder.path(), &["--format", "csv"], script);
    assert_eq!(
        (done.code, done.out.as_str()),
        (Some(0), "id,a;b\n3,;\nx\n;\n"),
        "{}",
        done.err
    );
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_accepted() {
    let folder = shop();
    fs::write(
        folder.path().join("w.sql"),
        "\u{feff}SELECT 1 AS x;\r\n\\echo it's\r\nSELECT 2 AS y;\r\n",
    )
    .unwrap();
    let done = semql(folder.path(), &["--format", "csv", "-f", "w.sql"]);
    assert_eq!(done.out, "x\n1\nit's\ny\n2\n", "{}", done.err);
}

#[test]
fn variables_expand_verbatim_as_strings_and_as_identifiers() {
    let folder = shop();
    let sql = "SELECT :\"column\" AS c, :'word' AS w, id::VARCHAR AS i, [1,2,3][1:2] AS a FROM 'shop.csv' LIMIT :n";
    let done = semql(
        folder.path(),
        &[
            "--format",
            "csv",
            "-v",
            "n=1",
            "--variable",
            "word=it's",
            "-v",
            "column=title",
            "-c",
            sql,
        ],
    );
    assert_eq!(
        (done.code, done.out.as_str()),
        (Some(0), "c,w,i,a\nred shoes,it's,1,\"[1,2]\"\n"),
        "{}",
        done.err
    );
}

#[test]
fn the_first_error_stops_the_run_and_names_file_and_line() {
    let folder = shop();
    let script = "SELECT 1 AS x;\n\nSELECT 2 AS x,\n  nothing;\nSELECT 3 AS x;\n";
    fs::write(folder.path().join("run.sql"), script).unwrap();
    let done = semql(
        folder.path(),
        &["--format", "csv", "-f", "run.sql", "-c", "SELECT 4 AS x"],
    );
    assert_eq!((done.code, done.out.as_str()), (Some(1), "x\n1\n"));
    assert!(done.err.contains("run.sql:4: "), "{}", done.err);
    assert!(done.err.contains("nothing"), "{}", done.err);
}

#[test]
fn results_have_the_chosen_format() {
    let folder = shop();
    let sql = "SELECT id, title FROM 'shop.csv' WHERE id = 3";
    for (format, expected) in [
        ("csv", "id,title\n3,pen; blue\n"),
        ("tsv", "id\ttitle\n3\tpen; blue\n"),
        ("ndjson", "{\"id\":3,\"title\":\"pen; blue\"}\n"),
    ] {
        let done = semql(folder.path(), &["--format", format, "-c", sql]);
        assert_eq!(done.out, expected, "{format} {}", done.err);
    }
    let done = semql(folder.path(), &["--format", "json", "-c", sql]);
    let json: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(json, serde_json::json!([{"id": 3, "title": "pen; blue"}]));
    let done = semql(folder.path(), &["--format", "markdown", "-c", sql]);
    assert!(done.out.contains("| pen; blue |"), "{}", done.out);
    let done = semql(folder.path(), &["-c", sql]);
    assert!(done.out.contains("(1 row)"), "{}", done.out);
}

#[test]
fn the_output_file_has_all_results() {
    let folder = shop();
    fs::write(folder.path().join("out.csv"), "before").unwrap();
    let done = semql(
        folder.path(),
        &[
            "--format",
            "csv",
            "-o",
            "out.csv",
            "-c",
            "SELECT 1 AS x; SELECT 2 AS y",
        ],
    );
    assert_eq!(
        (done.code, done.out.as_str()),
        (Some(0), ""),
        "{}",
        done.err
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("out.csv")).unwrap(),
        "x\n1\ny\n2\n"
    );
    assert_eq!(names(folder.path()), ["out.csv", "shop.csv"]);
}

#[test]
fn a_failed_run_leaves_the_output_file_unchanged() {
    let folder = shop();
    fs::write(folder.path().join("out.csv"), "before").unwrap();
    let done = semql(
        folder.path(),
        &["-o", "out.csv", "-c", "SELECT 1; SELECT * FROM gone"],
    );
    assert_eq!(done.code, Some(1));
    assert_eq!(
        fs::read_to_string(folder.path().join("out.csv")).unwrap(),
        "before"
    );
    assert_eq!(names(folder.path()), ["out.csv", "shop.csv"]);
    let done = semql(
        folder.path(),
        &["-o", "no/such/folder/out.csv", "-c", "SELECT 1"],
    );
    assert_ne!(done.code, Some(0));
    assert!(done.err.contains("no/such/folder"), "{}", done.err);
}

#[test]
fn settings_can_be_given_on_the_command_line() {
    let folder = shop();
    let args = [
        "--format",
        "csv",
        "--set",
        "ai.device=cpu",
        "--set",
        "datafusion.execution.batch_size=77",
    ];
    let sql = "SELECT value FROM information_schema.df_settings WHERE name = 'datafusion.execution.batch_size'";
    let done = semql(folder.path(), &[&args[..], &["-c", sql]].concat());
    assert_eq!(done.out, "value\n77\n", "{}", done.err);
}

#[test]
fn settings_can_be_reset() {
    let folder = shop();
    let sql = "SET ai.device = 'cpu'; RESET ai.device; SHOW ai.device; RESET ai.devise;";
    let done = semql(folder.path(), &["--format", "csv", "-c", sql]);
    assert_eq!(done.code, Some(1));
    assert_eq!(done.out.lines().last(), Some("ai.device,auto"));
    assert!(
        done.err.contains("did you mean 'ai.device'"),
        "{}",
        done.err
    );
}

#[test]
fn a_query_over_the_memory_limit_fails_unless_it_can_spill() {
    let folder = shop();
    let sql = "SELECT count(*) FROM (SELECT array_agg(value) AS a FROM generate_series(1, 5000000)) WHERE cardinality(a) > 1";
    let done = semql(folder.path(), &["--memory-limit", "1M", "-c", sql]);
    assert_eq!(done.code, Some(1), "{}", done.out);
    assert!(done.err.contains("--memory-limit"), "{}", done.err);
    // A sort spills.
    let sql = "SELECT max(v) AS m FROM (SELECT value AS v FROM generate_series(1, 300000) ORDER BY value % 1000, value OFFSET 1)";
    let done = semql(
        folder.path(),
        &["--memory-limit", "16M", "--format", "csv", "-c", sql],
    );
    assert_eq!(done.out, "m\n300000\n", "{}", done.err);
    // Vectors of kmeans are in memory and count.
    let sql = "SELECT count(c) AS n FROM (SELECT kmeans(v, 2) OVER () AS c FROM (SELECT
        arrow_cast([value / 7.0, value % 5.0], 'FixedSizeList(2, Float32)') AS v FROM generate_series(1, 30000)))";
    let grouped = |limit: &str| {
        let args = ["--memory-limit", limit, "--format", "csv", "-c", sql];
        semql(folder.path(), &args)
    };
    let done = grouped("300K");
    assert_eq!(done.code, Some(1), "{}", done.out);
    for expected in ["kmeans", "--memory-limit"] {
        assert!(done.err.contains(expected), "{expected}: {}", done.err);
    }
    assert_eq!(grouped("16M").out, "n\n30000\n");
}

#[test]
fn help_documents_the_exit_codes_and_version_is_one_line() {
    let folder = shop();
    let done = semql(folder.path(), &["--help"]);
    assert_eq!(done.code, Some(0));
    for expected in ["130", "Examples:", "--memory-limit", "dict"] {
        assert!(done.out.contains(expected), "{expected}");
    }
    let done = semql(folder.path(), &["--version"]);
    assert_eq!(done.out, concat!("semql ", env!("CARGO_PKG_VERSION"), "\n"));
}
