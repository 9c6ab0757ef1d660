//! COPY and INSERT: modes, partitions, types.

use serde_json::json;

use crate::program::{fail, names, rows, succeed, value};

#[test]
fn modes_create_append_and_replace() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let copy = |mode: &str, query: &str| {
        format!("COPY ({query}) TO 'table/' STORED AS DELTA OPTIONS (mode '{mode}')")
    };
    let error = fail(folder, &copy("append", "SELECT 1 AS a"));
    assert!(
        error.contains("there is no table of Delta Lake in 'table/'"),
        "{error}"
    );
    assert!(names(folder).is_empty());

    let done = succeed(
        folder,
        "COPY (SELECT 1 AS a, 'x' AS b) TO 'table/' STORED AS DELTA",
    );
    assert!(done.contains("copied 1 row to table/"), "{done}");
    let error = fail(folder, &copy("create", "SELECT 1 AS a"));
    assert!(error.contains("'table/' is a table already"), "{error}");

    succeed(folder, &copy("append", "SELECT 'y' AS b, 2 AS a"));
    succeed(folder, &copy("append", "SELECT 3 AS a"));
    let all = rows(folder, "SELECT a, b FROM 'table/' ORDER BY a");
    let expected = [
        ("a", 1, json!("x")),
        ("a", 2, json!("y")),
        ("a", 3, json!(null)),
    ];
    for (row, (_, a, b)) in all.iter().zip(expected) {
        assert_eq!(row, &json!({"a": a, "b": b}));
    }
    let error = fail(folder, &copy("append", "SELECT 1 AS a, 2 AS other"));
    assert!(error.contains("other"), "{error}");
    let error = fail(folder, &copy("append", "SELECT 'text' AS a"));
    assert!(error.contains("'table/'"), "{error}");
    assert_eq!(value(folder, "SELECT count(*) FROM 'table/'"), 3);

    succeed(folder, &copy("replace", "SELECT true AS other"));
    assert_eq!(
        rows(folder, "SELECT * FROM 'table/'"),
        [json!({"other": true})]
    );
    succeed(
        folder,
        "COPY (SELECT 1 AS a) TO 'fresh/' STORED AS DELTATABLE OPTIONS (mode 'replace')",
    );
    assert_eq!(value(folder, "SELECT a FROM 'fresh/'"), 1);

    for (options, message) in [
        (
            "mode 'upsert'",
            "mode is create, append or replace, not 'upsert'",
        ),
        ("compression 'zstd'", "unknown option 'compression'"),
        ("partition_by 'none'", "there is no column 'none'"),
        ("partition_by 'a'", "leaves no column"),
    ] {
        let sql = format!("COPY (SELECT 1 AS a) TO 'new/' STORED AS DELTA OPTIONS ({options})");
        let error = fail(folder, &sql);
        assert!(error.contains(message), "{options}: {error}");
    }
    std::fs::create_dir(folder.join("filled")).unwrap();
    std::fs::write(folder.join("filled/notes.txt"), "kept").unwrap();
    for mode in ["create", "replace"] {
        let sql =
            format!("COPY (SELECT 1 AS a) TO 'filled/' STORED AS DELTA OPTIONS (mode '{mode}')");
        let error = fail(folder, &sql);
        assert!(error.contains("is not empty"), "{error}");
    }
    assert_eq!(names(folder), ["filled", "fresh", "table"]);
}

#[test]
fn partitions_are_columns_whose_values_name_folders() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let query = "SELECT * FROM (VALUES (1, 'a b', DATE '2026-01-31'), (2, NULL, DATE '2026-01-31'),
                 (3, 'x/y', NULL)) AS t(id, shop, day)";
    succeed(
        folder,
        &format!("COPY ({query}) TO 'sales/' STORED AS DELTA OPTIONS (partition_by 'shop, day')"),
    );
    let both = format!(
        "COPY ({query}) TO 'other/' STORED AS DELTA PARTITIONED BY (shop) OPTIONS (partition_by 'shop')"
    );
    assert!(fail(folder, &both).contains("write one of them"));
    let back = rows(folder, "SELECT id, shop, day FROM 'sales/' ORDER BY id");
    assert_eq!(
        back[0],
        json!({"id": 1, "shop": "a b", "day": "2026-01-31"})
    );
    assert_eq!(back[1], json!({"id": 2, "shop": null, "day": "2026-01-31"}));
    assert_eq!(back[2], json!({"id": 3, "shop": "x/y", "day": null}));
    // The partitions of a table are kept, unless a replacement names others.
    let append = "COPY (SELECT 4 AS id, 'new' AS shop, DATE '2026-02-01' AS day) TO 'sales/' STORED AS DELTA";
    succeed(folder, &format!("{append} OPTIONS (mode 'append')"));
    assert!(names(&folder.join("sales")).contains(&"shop=new".to_string()));
    let error = fail(
        folder,
        &format!("{append} OPTIONS (mode 'append', partition_by 'day')"),
    );
    assert!(error.contains("partition"), "{error}");
    succeed(
        folder,
        &format!("{append} OPTIONS (mode 'replace', partition_by 'day')"),
    );
    assert!(names(&folder.join("sales")).contains(&"day=2026-02-01".to_string()));
    assert_eq!(value(folder, "SELECT count(*) FROM 'sales/'"), 1);
}

#[test]
fn insert_adds_rows_to_a_named_table() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(
        folder,
        "COPY (SELECT 1 AS id, 'one' AS name) TO 'table/' STORED AS DELTA",
    );
    let table = "CREATE EXTERNAL TABLE t STORED AS DELTA LOCATION 'table/';";
    let done = succeed(
        folder,
        &format!(
            "{table} INSERT INTO t VALUES (2, 'two'), (3, 'three'); INSERT INTO t (id) SELECT max(id) + 1 FROM t;
             SELECT count(*) AS n, count(name) AS named FROM t"
        ),
    );
    assert!(done.contains("inserted 2 rows"), "{done}");
    assert!(
        done.contains("\"n\":4") && done.contains("\"named\":3"),
        "{done}"
    );
    assert_eq!(
        names(&folder.join("table/_delta_log")).len(),
        3,
        "a commit for each statement"
    );
    let error = fail(folder, &format!("{table} INSERT INTO t VALUES ('x', 'y')"));
    assert!(error.contains('x'), "{error}");
    let old = "CREATE EXTERNAL TABLE t STORED AS DELTA LOCATION 'table/' OPTIONS (version 0);";
    let error = fail(folder, &format!("{old} INSERT INTO t VALUES (5, 'five')"));
    assert!(error.contains("old version"), "{error}");
    assert_eq!(value(folder, "SELECT count(*) FROM 'table/'"), 4);
}

#[test]
fn values_of_all_types_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(
        folder,
        "COPY (
            SELECT 200::tinyint unsigned AS u8, 65535::smallint unsigned AS u16, 4294967295::int unsigned AS u32,
                9223372036854775807::bigint AS i64, 12.50::decimal(10, 2) AS price, 1.5::real AS f32,
                true AS flag, DATE '2026-01-31' AS day, TIMESTAMP '2026-01-31 12:30:00.123456' AS at,
                TIMESTAMPTZ '2026-01-31 12:30:00+02' AS instant, 'text' AS text, ['a', NULL, 'b'] AS list,
                named_struct('x', 1, 'y', ['z']) AS point, NULL AS nothing
         ) TO 'types/' STORED AS DELTA",
    );
    let back = rows(folder, "SELECT * FROM 'types/'");
    assert_eq!(back[0]["u8"], 200);
    assert_eq!(back[0]["u16"], 65535);
    assert_eq!(back[0]["u32"], 4_294_967_295_i64);
    assert_eq!(back[0]["i64"], 9_223_372_036_854_775_807_i64);
    assert_eq!(back[0]["price"].to_string().trim_matches('"'), "12.5");
    assert_eq!(back[0]["f32"], 1.5);
    assert_eq!(back[0]["day"], "2026-01-31");
    assert!(
        back[0]["at"].as_str().unwrap().contains("12:30:00.123456"),
        "{back:?}"
    );
    assert!(
        back[0]["instant"].as_str().unwrap().contains("10:30:00"),
        "{back:?}"
    );
    assert_eq!(back[0]["list"], json!(["a", null, "b"]));
    assert_eq!(back[0]["point"], json!({"x": 1, "y": ["z"]}));
    assert_eq!(back[0]["nothing"], json!(null));
    for refused in ["INTERVAL '1 day'", "TIME '12:00:00'", "MAP {'a': 1}"] {
        let error = fail(
            folder,
            &format!("COPY (SELECT {refused} AS it) TO 'new/' STORED AS DELTA"),
        );
        assert!(error.contains("'it'"), "{refused}: {error}");
    }
    assert_eq!(names(folder), ["types"]);
}

#[test]
fn a_query_without_rows_creates_an_empty_table() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(
        folder,
        "COPY (SELECT 1 AS a, 'x' AS b WHERE false) TO 'empty/' STORED AS DELTA",
    );
    assert_eq!(
        rows(folder, "SELECT * FROM empty"),
        Vec::<serde_json::Value>::new()
    );
    succeed(
        folder,
        "COPY (SELECT 2 AS a, 'y' AS b) TO 'empty/' STORED AS DELTA OPTIONS (mode 'append')",
    );
    assert_eq!(
        rows(folder, "SELECT * FROM empty"),
        [json!({"a": 2, "b": "y"})]
    );
}

#[test]
fn vectors_keep_their_model() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let model = "SET ai.model = 'deterministic';";
    succeed(
        folder,
        &format!(
            "{model} COPY (SELECT title, embed(title) AS v FROM (VALUES ('red shoes'), ('tea pot')) AS t(title))
             TO 'vectors/' STORED AS DELTA"
        ),
    );
    let sql = format!(
        "{model} SELECT title, round(cosine_similarity(v, embed('tea pot'))::numeric, 3) AS score
         FROM 'vectors/' ORDER BY score DESC"
    );
    let nearest = rows(folder, &sql);
    assert_eq!(nearest[0]["title"], "tea pot");
    assert_eq!(nearest[0]["score"].to_string().trim_matches('"'), "1.0");
    let described = succeed(folder, "DESCRIBE 'vectors/'");
    assert!(described.contains("deterministic"), "{described}");
    let searched = rows(
        folder,
        &format!("{model} SELECT title FROM vector_search('vectors/', 'tea pot', k => 1)"),
    );
    assert_eq!(searched, [json!({"title": "tea pot"})]);
    // A table does not mix vectors of two models.
    let renamed = "SELECT 'cup' AS title, [1.0::real, 2.0::real] AS v";
    succeed(
        folder,
        &format!("COPY ({renamed}) TO 'vectors/' STORED AS DELTA OPTIONS (mode 'append')"),
    );
    let log = folder.join("vectors/_delta_log/00000000000000000000.json");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replace("deterministic", "another")).unwrap();
    let error = fail(
        folder,
        &format!(
            "{model} COPY (SELECT 'cup' AS title, embed('cup') AS v) TO 'vectors/' STORED AS DELTA
             OPTIONS (mode 'append')"
        ),
    );
    assert!(error.contains("vectors of another"), "{error}");
}
