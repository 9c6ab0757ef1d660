//! `CREATE INDEX`: searches go by it while the data is the same.

use std::path::Path;

use super::{Done, names, semql, shop};

/// Two thousand vectors on a circle, some rows without one.
const POINTS: &str = "COPY (SELECT value AS id, CASE WHEN value % 500 > 0 THEN
        arrow_cast([cos(value / 100.0), sin(value / 100.0), 0.2], 'FixedSizeList(3, Float32)') END AS v
    FROM generate_series(1, 2000)) TO 'points.parquet'";

fn run(folder: &Path, sql: &str) -> Done {
    let done = semql(folder, &["--format", "csv", "-c", sql]);
    assert_eq!(done.code, Some(0), "{sql}\n{}", done.err);
    done
}

fn points() -> tempfile::TempDir {
    let folder = shop();
    run(folder.path(), POINTS);
    folder
}

/// The numbers of a result, to five places.
fn rounded(rows: &str) -> Vec<String> {
    let numbers = rows.split(|c: char| ",[]\" \n".contains(c));
    let numbers = numbers.filter_map(|number| number.parse::<f64>().ok());
    numbers.map(|number| format!("{number:.5}")).collect()
}

const SEARCH: &str = "SELECT id, round(score, 5) AS score FROM vector_search('points.parquet', [1.0, 0.5, 0.2], k => 5)";

#[test]
fn a_search_by_index_gives_what_one_without_gives() {
    let folder = points();
    let folder = folder.path();
    let exact = run(folder, SEARCH).out;
    assert_eq!(exact.lines().count(), 6);
    let made = run(
        folder,
        "CREATE INDEX v_index ON 'points.parquet' USING hnsw (v)",
    );
    let row = made.out.lines().nth(1).unwrap();
    assert!(row.starts_with("v_index,1996,3,"), "{row}");
    let recall: f64 = row.split(',').nth(3).unwrap().parse().unwrap();
    assert!(recall >= 0.95, "{row}");
    assert!(names(folder).contains(&"points.parquet.v_index.hnsw".to_string()));
    assert_eq!(run(folder, SEARCH).out, exact);
    for (sql, indexed) in [
        (SEARCH, true),
        (
            "SELECT id FROM 'points.parquet' ORDER BY cosine_distance(v, [1.0, 0.5, 0.2]) LIMIT 5",
            true,
        ),
        // NULL comes first here.
        (
            "SELECT id FROM 'points.parquet' ORDER BY cosine_similarity(v, [1.0, 0.5, 0.2]) DESC LIMIT 5",
            false,
        ),
        (
            "SELECT id FROM 'points.parquet' ORDER BY cosine_similarity(v, [1.0, 0.5, 0.2]) DESC NULLS LAST LIMIT 5",
            true,
        ),
        // The farthest are not what it knows.
        (
            "SELECT id FROM 'points.parquet' ORDER BY cosine_distance(v, [1.0, 0.5, 0.2]) DESC LIMIT 5",
            false,
        ),
    ] {
        let plan = run(folder, &format!("EXPLAIN {sql}")).out;
        assert_eq!(plan.contains("index=v_index"), indexed, "{sql}\n{plan}");
    }
    // Vectors that only cosines read come from the index, and others from the table.
    for (columns, from) in [
        ("id, cosine_similarity(v, v) AS own", "vectors=index"),
        (
            "cosine_distance([0.0, 1.0, 0.0], v) AS d, 1 AS one",
            "vectors=index",
        ),
        ("id, v", "vectors=table"),
        (
            "id, array_distance(v, [1.0, 0.0, 0.2]) AS d",
            "vectors=table",
        ),
    ] {
        let sql = format!(
            "SELECT {columns} FROM 'points.parquet' ORDER BY cosine_distance(v, [1.0, 0.5, 0.2]) LIMIT 5"
        );
        let plan = run(folder, &format!("EXPLAIN {sql}")).out;
        assert!(plan.contains(from), "{sql}\n{plan}");
        let rows = run(folder, &sql).out;
        let exact = run(folder, &format!("SET ai.index_recall = 1; {sql}")).out;
        assert_eq!(rounded(&rows), rounded(&exact), "{sql}");
    }
    // A large file would be cut up among the cores.
    let cut = format!("SET datafusion.optimizer.repartition_file_min_size = 1; {SEARCH}");
    assert_eq!(run(folder, &cut).out, exact);
    let off = "SET ai.index_recall = 1; ";
    let plan = run(folder, &format!("{off}EXPLAIN {SEARCH}")).out;
    assert!(!plan.contains("index=v_index"), "{plan}");
    let listed = run(folder, "SHOW INDEXES ON 'points.parquet'").out;
    assert!(
        listed.contains("v_index,v,1996,") && listed.contains(",true,"),
        "{listed}"
    );
    run(folder, "DROP INDEX v_index ON 'points.parquet'");
    assert!(!names(folder).contains(&"points.parquet.v_index.hnsw".to_string()));
}

/// The nearest of those that pass a filter, their vectors among the columns or not.
fn nearest(columns: &str, filter: &str, k: usize) -> String {
    format!(
        "SELECT {columns} FROM 'points.parquet' WHERE {filter}
            ORDER BY cosine_distance(v, [1.0, 0.5, 0.2]) LIMIT {k}"
    )
}

#[test]
fn a_filter_applies_before_the_index_is_searched() {
    let folder = points();
    let folder = folder.path();
    run(
        folder,
        "CREATE INDEX v_index ON 'points.parquet' USING hnsw (v)",
    );
    for (filter, k, indexed) in [
        // What passes, in order: nearly all, few, none, one, those far away, and
        // more with and without a vector than are wanted.
        ("id > 100", 5, true),
        ("id % 97 = 3", 5, true),
        ("id > 5000", 5, true),
        ("id = 1234", 5, true),
        ("id BETWEEN 300 AND 500", 5, true),
        ("id IN (499, 500, 501, 1000)", 5, true),
        ("id % 2 = 0 AND id % 3 = 0", 5, true),
        ("id > 1800 OR id < 20", 50, true),
        ("v IS NOT NULL AND id < 300", 5, true),
        // The order says as much.
        ("cosine_distance(v, [1.0, 0.5, 0.2]) < 0.001", 5, true),
        (
            "cosine_distance(v, [1.0, 0.5, 0.2]) < 0.001 AND id > 700",
            50,
            true,
        ),
        // For these all vectors would be read.
        ("cosine_distance(v, [1.0, 0.5, 0.2]) > 0.001", 5, false),
        ("v[1] > 0", 5, false),
        ("random() >= 0", 5, false),
        (
            "id IN (SELECT value FROM generate_series(1, 700))",
            5,
            false,
        ),
    ] {
        for columns in ["id", "id, v"] {
            let sql = nearest(columns, filter, k);
            let plan = run(folder, &format!("EXPLAIN {sql}")).out;
            assert_eq!(plan.contains("index=v_index"), indexed, "{sql}\n{plan}");
            let rows = run(folder, &sql).out;
            let exact = run(folder, &format!("SET ai.index_recall = 1; {sql}")).out;
            assert_eq!(rows, exact, "{sql}");
        }
    }
    // Only what the filter reads is read of all rows, and by what means.
    let analyzed = run(
        folder,
        &format!("EXPLAIN ANALYZE {}", nearest("id", "id > 100", 5)),
    )
    .out;
    for expected in [
        "rows_passing=1.90 K",
        "searches_by_graph=1",
        "projection=[id, ",
    ] {
        assert!(analyzed.contains(expected), "{expected}\n{analyzed}");
    }
    // Nearer ones that do not pass are not in the way, whatever reads the rows.
    let search = "FROM vector_search((SELECT id, v FROM 'points.parquet' WHERE id > 1000), [1.0, 0.5, 0.2], k => 3)";
    let plan = run(folder, &format!("EXPLAIN SELECT id {search}")).out;
    assert!(plan.contains("index=v_index"), "{plan}");
    let rows = run(
        folder,
        &format!("SELECT id, round(score, 5) AS score {search}"),
    )
    .out;
    let exact = format!("SET ai.index_recall = 1; SELECT id, round(score, 5) AS score {search}");
    assert_eq!(rows, run(folder, &exact).out);
    // Conditions that the scan itself applies, too.
    let pushed = "SET datafusion.execution.parquet.pushdown_filters = true; ";
    let sql = nearest("id", "id % 97 = 3 AND id > 100", 5);
    let plan = run(folder, &format!("{pushed}EXPLAIN {sql}")).out;
    assert!(plan.contains("index=v_index"), "{plan}");
    let exact = run(folder, &format!("SET ai.index_recall = 1; {sql}")).out;
    assert_eq!(run(folder, &format!("{pushed}{sql}")).out, exact);
}

#[test]
fn rows_are_told_by_the_files_they_are_in() {
    let folder = shop();
    let folder = folder.path();
    for (file, first) in [("a b", 0), ("c%20d", 1000), ("é", 2000)] {
        let copy = POINTS.replace("value AS id", &format!("value + {first} AS id"));
        let copy = copy.replace("value / 100.0", &format!("(value + {first}) / 700.0"));
        run(
            folder,
            &copy.replace("points.parquet", &format!("parts/{file}.parquet")),
        );
    }
    run(folder, "CREATE INDEX i ON 'parts/*.parquet' USING hnsw (v)");
    for filter in [
        "",
        "WHERE id > 990",
        "WHERE id BETWEEN 1490 AND 2100",
        "WHERE id > 3990 OR id = 700",
    ] {
        for columns in ["id", "id, v"] {
            let sql = format!(
                "SELECT {columns} FROM 'parts/*.parquet' {filter}
                    ORDER BY cosine_distance(v, [1.0, -0.5, 0.2]) LIMIT 7"
            );
            let plan = run(folder, &format!("EXPLAIN {sql}")).out;
            assert!(plan.contains("index=i"), "{plan}");
            let exact = run(folder, &format!("SET ai.index_recall = 1; {sql}")).out;
            assert_eq!(run(folder, &sql).out, exact, "{sql}");
        }
    }
}

#[test]
fn an_index_of_other_data_is_refused() {
    let folder = points();
    let folder = folder.path();
    run(folder, "CREATE INDEX i ON 'points.parquet' USING hnsw (v)");
    let before = run(folder, SEARCH).out;
    run(folder, &POINTS.replace("value / 100.0", "value / 150.0"));
    let done = run(folder, SEARCH);
    assert_ne!(done.out, before);
    assert!(
        done.err.contains("The index i is out of date"),
        "{}",
        done.err
    );
    assert!(
        run(folder, "SHOW INDEXES ON 'points.parquet'")
            .out
            .contains(",false,")
    );
    let exact = done.out;
    run(
        folder,
        "CREATE OR REPLACE INDEX i ON 'points.parquet' USING hnsw (v)",
    );
    let done = run(folder, SEARCH);
    assert_eq!(done.out, exact);
    assert!(!done.err.contains("out of date"), "{}", done.err);
    // What is left of a file is no index.
    let path = folder.join("points.parquet.i.hnsw");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(run(folder, SEARCH).out, exact);
}

#[test]
fn what_cannot_be_indexed_is_said() {
    let folder = points();
    let folder = folder.path();
    run(folder, "CREATE INDEX i ON 'points.parquet' USING hnsw (v)");
    for (sql, says) in [
        (
            "CREATE INDEX i ON 'points.parquet' USING hnsw (v)",
            "there is an index i already",
        ),
        (
            "CREATE INDEX j ON 'points.parquet' USING hnsw (w)",
            "no column w",
        ),
        (
            "CREATE INDEX j ON 'points.parquet' USING hnsw (id)",
            "an index requires vectors",
        ),
        (
            "CREATE INDEX j ON 'shop.csv' USING hnsw (title)",
            "a table of Parquet files",
        ),
        (
            "CREATE INDEX j ON 'points.parquet' USING btree (v)",
            "the statement is CREATE",
        ),
        (
            "CREATE INDEX j ON 'points.parquet'",
            "the statement is CREATE",
        ),
        (
            "CREATE INDEX \"a/b\" ON 'points.parquet' USING hnsw (v)",
            "letters, digits",
        ),
        ("DROP INDEX k ON 'points.parquet'", "it has i"),
        ("SHOW INDEXES", "SHOW INDEXES ON table"),
    ] {
        let done = semql(folder, &["-c", sql]);
        assert_ne!(done.code, Some(0), "{sql}");
        assert!(done.err.contains(says), "{sql}: {}", done.err);
    }
}
