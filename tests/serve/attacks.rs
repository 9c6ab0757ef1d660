//! Attacks of clients without write permission: after each of them no file has
//! changed, the network is untouched and the server answers.

use std::path::Path;
use std::process::Command;

use super::canary::{Canary, fill, shortened};
use super::server::{Server, shop, there_is};
use super::wire::{TypedValue, USER_ADA, WireClient, WireResponse};

/// SQLSTATE of what the policy of the server forbids.
const FORBIDDEN: &[&str] = &["42501"];

const READ_ONLY: &[&str] = &["25006"];

/// What a setting out of its bounds may give.
const OUT_OF_BOUNDS: &[&str] = &["22023", "42501"];

const TOO_DEEP: &[&str] = &["54001"];

/// Settings that concern the machine, with a value that would do harm.
const MACHINE_SETTINGS: &[(&str, &str)] = &[
    ("ai.onnxruntime", "library.so"),
    ("ai.cache", "stolen"),
    ("ai.cache_size", "1000GB"),
    ("ai.model_dir", "stolen"),
    ("ai.device", "cuda"),
    ("ai.device_memory", "1000GB"),
    ("ai.threads", "1024"),
    ("ai.batch_tokens", "100000000"),
    ("datafusion.runtime.memory_limit", "1000G"),
    ("datafusion.runtime.temp_directory", "stolen"),
    ("datafusion.runtime.max_temp_directory_size", "1000G"),
    ("datafusion.catalog.location", "stolen"),
    ("datafusion.catalog.format", "csv"),
    (
        "datafusion.catalog.create_default_catalog_and_schema",
        "false",
    ),
    ("datafusion.catalog.information_schema", "false"),
];

/// Settings of queries, with a value that would end the process.
const EXTREME_SETTINGS: &[(&str, &str)] = &[
    ("datafusion.execution.batch_size", "100000000000"),
    ("datafusion.execution.batch_size", "0"),
    ("datafusion.execution.batch_size", "-1"),
    ("datafusion.execution.target_partitions", "100000000000"),
    (
        "datafusion.execution.sort_spill_reservation_bytes",
        "1000000000000000000",
    ),
    ("datafusion.execution.planning_concurrency", "100000000000"),
    (
        "datafusion.execution.meta_fetch_concurrency",
        "100000000000",
    ),
    ("datafusion.sql_parser.recursion_limit", "100000000"),
];

/// Statements that write; `FILE` becomes a file that must not appear.
const WRITES: &[&str] = &[
    "COPY shop TO 'FILE'",
    "COPY (SELECT 1 AS a) TO 'FILE' STORED AS CSV",
    "COPY shop TO 'FILE' OPTIONS (refresh true)",
    "CREATE TABLE stolen AS SELECT 1 AS a",
    "CREATE OR REPLACE TABLE shop AS SELECT 1 AS a",
    "CREATE VIEW stolen AS SELECT 1 AS a",
    "CREATE SCHEMA stolen",
    "CREATE DATABASE stolen",
    "CREATE EXTERNAL TABLE stolen STORED AS CSV LOCATION 'FILE'",
    "CREATE EXTERNAL TABLE stolen (id INT) STORED AS CSV LOCATION 'stolen/'",
    "CREATE INDEX stolen ON shop USING hnsw (title)",
    "CREATE MODEL stolen FROM (SELECT title, price FROM shop) PREDICT price",
    "CREATE OR REPLACE MODEL stolen FROM (SELECT title, price FROM shop) PREDICT price",
    "EXPORT MODEL stolen TO 'FILE'",
    "DROP MODEL stolen",
    "DROP MODEL IF EXISTS stolen",
    "DROP INDEX stolen ON shop",
    "DROP TABLE shop",
    "INSERT INTO shop VALUES (9, 'stolen', 9)",
    "DELETE FROM shop",
    "UPDATE shop SET price = 9",
    "TRUNCATE TABLE shop",
];

/// A statement in which `W` is hidden from a reader, and seen by another one.
const HIDING_PLACES: &[&str] = &[
    "/*! ; W */",
    "/*! ; W ; */ SELECT 1",
    "/*!40000 ; W ; */ SELECT 1",
    "/*! W */",
    "SELECT 1 /*! ; W */",
    "SELECT 1; /*! W */",
    "SELECT /*! 1; W; SELECT */ 2",
    "SELECT 1 /*! FROM shop; W; SELECT 1 */ FROM shop",
    "SELECT 1 AS a /*! ; W ; -- */",
    "-- /*!\nSELECT 1; W -- */",
    "/*+ ; W */ SELECT 1",
    "/* /* */ ; W ; */ SELECT 1",
    "/* /*! */ ; W ; /* */ SELECT 1",
    "# x\nW",
    "SELECT 1 # ; W\n",
    "SELECT `a; W; --`",
    "SELECT 1 AS `; W; --`",
    "SELECT 1 AS \"`\"; W; --`",
    "SELECT '\\'; W; --'",
    "SELECT E'\\'; W; --'",
    "SELECT \"a\\\"; W; --\"",
    "SELECT $$ ; W ; $$",
    "SELECT $a$ $b$ ; W ; $b$ $a$",
    "SELECT $1$ ; W ; $1$",
    "SELECT N' '; W; --'",
    "SELECT U&'\\' UESCAPE '!'; W; --'",
    "SELECT 1\u{a0}; W",
    "SELECT 1;\u{feff}W",
    "SELECT 1; W",
    "W; SELECT 1",
    ";;;W",
    "SELECT 1;\n--\nW\n;",
    "BEGIN; W; COMMIT",
    "BEGIN READ WRITE; W; COMMIT",
    "DECLARE c CURSOR FOR W",
    "DECLARE c CURSOR FOR SELECT 1; W",
    "DECLARE c CURSOR FOR SELECT 1 AS `x`; W",
    "DECLARE c CURSOR FOR SELECT `a; W; --`",
    "DECLARE c CURSOR FOR SELECT 1 /*! ; W */",
    "DECLARE `c CURSOR FOR SELECT 1; W; --` CURSOR FOR SELECT 1",
    "DECLARE \"c\" CURSOR FOR /*! W ; */ SELECT 1",
    "BEGIN; DECLARE c CURSOR FOR W; FETCH ALL FROM c; COMMIT",
    "BEGIN; DECLARE c CURSOR FOR SELECT 1 AS `; W; --`; FETCH ALL FROM c; COMMIT",
    "EXPLAIN W",
    "EXPLAIN ANALYZE W",
    "EXPLAIN ANALYZE VERBOSE W",
    "EXPLAIN (ANALYZE) W",
    "EXPLAIN (ANALYZE true, VERBOSE) W",
    "EXPLAIN FORMAT TREE W",
    "EXPLAIN EXPLAIN ANALYZE W",
    "EXPLAIN ANALYZE SELECT `a`; W",
    "EXPLAIN ANALYZE SELECT 1 AS `a; W; --`",
    "EXPLAIN ANALYZE SELECT \"a; W; --\" FROM shop",
    "EXPLAIN ANALYZE SELECT $$ ; W ; $$",
    "EXPLAIN ANALYZE /*! W ; */ SELECT 1",
    "EXPLAIN /*! ANALYZE W -- */ SELECT 1",
    "WITH a AS (W) SELECT * FROM a",
    "WITH a AS (SELECT 1) W",
    "SELECT * FROM (W) AS a",
    "(W)",
    "COPY (W) TO STDOUT",
    "COPY (SELECT 1; W) TO STDOUT",
    "COPY (SELECT 1) TO STDOUT; W",
    "COPY (SELECT 1 /*! ) TO 'FILE' -- */ ) TO STDOUT",
    "PREPARE p AS W",
    "PREPARE p AS W; EXECUTE p",
    "PREPARE p AS SELECT 1; W; EXECUTE p",
    "PREPARE `p AS SELECT 1; W; --` AS SELECT 1",
    "EXECUTE IMMEDIATE 'W'",
    "DO $$ BEGIN W; END $$",
    "SUMMARIZE (W)",
    "SUMMARIZE shop; W",
    "DESCRIBE W",
    "SHOW TABLES; W",
    "SET application_name = 'x'; W",
    "SET application_name = `x; W; --`",
    "SET default_transaction_read_only = off; W",
    "FETCH 1 FROM c; W",
    "CLOSE ALL; W",
    "CREATE /*! TABLE stolen AS SELECT 1 -- */ MODEL stolen",
    "\\! touch FILE\nW",
    "\\o FILE\nSELECT 1",
];

/// A write that hiding places take: it has no quotes to clash with theirs.
const PLAIN_WRITE: &str = "CREATE TABLE stolen AS SELECT 1 AS a";

#[test]
fn settings_of_the_machine_are_fixed() {
    let canary = Canary::start(&[]);
    for (name, value) in MACHINE_SETTINGS {
        let spaced = name.replace('.', " . ");
        let quoted = name.split('.').collect::<Vec<_>>().join("\".\"");
        for statement in [
            format!("SET {name} = '{value}'"),
            format!("SET {name} TO '{value}'"),
            format!("set {} = '{value}'", name.to_uppercase()),
            format!("SET {spaced} = '{value}'"),
            format!("SET SESSION {name} = '{value}'"),
            format!("SET LOCAL {name} = '{value}'"),
            format!("/* x */ SET -- x\n {name} = '{value}'"),
        ] {
            canary.refused(&statement, FORBIDDEN);
        }
        for statement in [
            format!("SET \"{quoted}\" = '{value}'"),
            format!("SET \"{name}\" = '{value}'"),
            format!("SET `{name}` = '{value}'"),
            format!("SET {name} '{value}'"),
            format!("SET GLOBAL {name} = '{value}'"),
            format!("ALTER SESSION SET {name} = '{value}'"),
        ] {
            canary.fails(&statement);
        }
        for statement in [
            format!("/*! SET {name} = '{value}'; */ SELECT embed('x')"),
            format!("SET {name} = '{value}'; SELECT embed('x')"),
            format!("SET application_name = 'x', {name} = '{value}'"),
            format!("SELECT set_config('{name}', '{value}', false)"),
            format!("EXPLAIN ANALYZE SET {name} = '{value}'"),
            format!("PREPARE p AS SET {name} = '{value}'; EXECUTE p"),
        ] {
            canary.harmless(&statement);
        }
        stays_unset(&canary, name, value);
    }
}

/// Verifies that options of the start-up message do not change a setting.
fn stays_unset(canary: &Canary, name: &str, value: &str) {
    let before = shown(&mut canary.connect(), name);
    let options = [
        format!("-c {name}={value}"),
        format!("-c{name}={value}"),
        format!("--{name}={value}"),
        format!("-c application_name=x -c {name}={value}"),
    ];
    let with_options = options.iter().map(|options| ("options", options.as_str()));
    for parameter in with_options.chain([(name, value)]) {
        let parameters = [USER_ADA.as_slice(), &[parameter]].concat();
        // A refused connection is the best answer.
        if let Ok(mut client) = WireClient::connect_with(canary.server.port, &parameters) {
            assert_eq!(shown(&mut client, name), before, "{parameter:?}");
        }
        canary.verify(&format!("{parameter:?}"));
    }
}

/// Value of a setting, or the error that hides it.
fn shown(client: &mut WireClient, name: &str) -> String {
    client.simple(&format!("SHOW {name}")).unwrap().text()
}

#[test]
fn extreme_settings_are_refused() {
    let canary = Canary::start(&[]);
    for (name, value) in EXTREME_SETTINGS {
        canary.refused(&format!("SET {name} = {value}"), OUT_OF_BOUNDS);
        canary.refused(&format!("SET {name} = '{value}'"), OUT_OF_BOUNDS);
        canary.harmless(&format!("SET {name} = {value}; SELECT sum(id) FROM shop"));
        let options = format!("-c {name}={value}");
        let parameters = [USER_ADA.as_slice(), &[("options", options.as_str())]].concat();
        if let Ok(mut client) = WireClient::connect_with(canary.server.port, &parameters) {
            client.simple("SELECT sum(id) FROM shop").unwrap();
        }
        canary.verify(&options);
    }
    // A large batch within the bounds works, and a query setting can be changed.
    let response =
        canary.simple("SET datafusion.execution.batch_size = 4096; SET ai.seed = 7; SHOW ai.seed");
    assert!(response.errors.is_empty(), "{}", response.text());
    assert!(response.table().contains('7'), "{}", response.table());
}

/// A library that creates the file `loaded` beside it when it is loaded.
fn marking_library(folder: &Path) -> Option<(String, std::path::PathBuf)> {
    if !there_is("cc") {
        return None;
    }
    let loaded = folder.join("loaded");
    let source = folder.join("mark.c");
    let library = folder.join("library.so");
    let program = format!(
        "#include <stdio.h>\n\
         __attribute__((constructor)) static void mark(void) {{\n\
         FILE *file = fopen(\"{}\", \"w\");\n\
         if (file) fclose(file);\n}}\n",
        loaded.display()
    );
    std::fs::write(&source, program).unwrap();
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status()
        .unwrap();
    assert!(compiled.success());
    // The library does what the test looks for.
    let control = Command::new("true").env("LD_PRELOAD", &library).status();
    assert!(control.unwrap().success());
    std::fs::remove_file(&loaded).unwrap();
    Some((library.to_str().unwrap().to_string(), loaded))
}

#[test]
fn no_library_of_a_client_is_loaded() {
    let canary = Canary::start(&["--set", "ai.precision=fp32"]);
    let Some((library, loaded)) = marking_library(&canary.served()) else {
        return;
    };
    let load = "SELECT embed('x', 'all-minilm-l6-v2') IS NULL";
    for path in [library.as_str(), "library.so", "./library.so"] {
        for statement in [
            format!("SET ai.onnxruntime = '{path}'"),
            format!("SET ai . onnxruntime = '{path}'"),
            format!("/*! SET ai.onnxruntime = '{path}'; */ SELECT 1"),
            format!("SET ai.model_dir = '{path}'"),
            format!("SET ai.model = '{path}'"),
        ] {
            let mut client = canary.connect();
            client.simple(&statement).unwrap();
            client.simple(load).unwrap();
            client.simple("SELECT embed('x') IS NULL").unwrap();
            assert!(!loaded.exists(), "{statement}");
        }
        for options in [
            format!("-c ai.onnxruntime={path}"),
            format!("--ai.onnxruntime={path}"),
        ] {
            let parameters = [USER_ADA.as_slice(), &[("options", options.as_str())]].concat();
            if let Ok(mut client) = WireClient::connect_with(canary.server.port, &parameters) {
                client.simple(load).unwrap();
            }
            assert!(!loaded.exists(), "{options}");
        }
    }
    assert_eq!(
        canary.connect().simple("SELECT 'on'").unwrap().table(),
        "on"
    );
}

#[test]
fn clients_without_permission_write_nothing() {
    let canary = Canary::start(&[]);
    for write in WRITES {
        for file in [
            "stolen.csv",
            &canary.outside("stolen.csv"),
            "linked/stolen.csv",
        ] {
            let statement = fill(write, &[("FILE", file)]);
            canary.refused(&statement, &["25006", "42501", "0A000"]);
            if statement == *write {
                break;
            }
        }
    }
    for write in [
        "CREATE TABLE stolen AS SELECT 1 AS a",
        "COPY shop TO 'stolen.csv'",
        "INSERT INTO shop VALUES (9, 'stolen', 9)",
        "EXPLAIN ANALYZE INSERT INTO shop VALUES (9, 'stolen', 9)",
        "EXPLAIN ANALYZE COPY shop TO 'stolen.csv'",
        "EXPLAIN ANALYZE CREATE TABLE stolen AS SELECT 1 AS a",
        "DROP TABLE shop",
        "CREATE INDEX stolen ON shop USING hnsw (title)",
        "CREATE MODEL stolen FROM (SELECT title, price FROM shop) PREDICT price",
    ] {
        canary.refused(write, READ_ONLY);
    }
    canary.refused("SELECT ai_cache_clear()", &["25006", "42501"]);
    for write in [
        "SELECT id INTO stolen FROM shop",
        "WITH t AS (SELECT 1 AS a) SELECT * INTO stolen FROM t",
        "CREATE EXTERNAL MODEL stolen LOCATION 'library.so'",
        "CREATE FUNCTION stolen(BIGINT) RETURNS BIGINT RETURN $1 + 1",
        "COPY shop FROM 'shop.csv'",
        "COPY shop FROM STDIN",
        "COPY shop TO PROGRAM 'touch stolen.csv'",
        "COPY (SELECT 1) TO 'stolen.csv' (FORMAT csv)",
        "EXPLAIN ANALYZE SELECT ai_cache_clear()",
        "SELECT 1 WHERE ai_cache_clear() IS NOT NULL",
    ] {
        canary.fails(write);
    }
    canary.verify_tables("all writes");
}

#[test]
fn hidden_writes_do_not_run() {
    let canary = Canary::start(&[]);
    let file = canary.outside("stolen.csv");
    let copy = format!("COPY shop TO '{file}'");
    for place in HIDING_PLACES {
        for write in [
            PLAIN_WRITE,
            &copy,
            "COPY shop TO $$stolen.csv$$",
            "COPY shop TO `stolen.csv`",
        ] {
            canary.harmless(&fill(place, &[("W", write), ("FILE", &file)]));
        }
        canary.verify_tables(place);
    }
}

#[test]
fn prepared_writes_do_not_run() {
    let canary = Canary::start(&[]);
    for write in WRITES {
        let write = fill(write, &[("FILE", "stolen.csv")]);
        let mut client = canary.connect();
        client.simple(&format!("PREPARE p AS {write}")).unwrap();
        for run in ["EXECUTE p", "EXECUTE p()", "EXPLAIN ANALYZE EXECUTE p"] {
            let response = client.simple(run).unwrap();
            assert!(!response.errors.is_empty(), "{run}: {write}");
            client.extended(run, &[], 0).unwrap();
        }
        canary.verify(&write);
    }
    canary.verify_tables("prepared writes");
}

#[test]
fn words_without_effect_are_not_accepted() {
    let canary = Canary::start(&[]);
    for statement in [
        "SET ROLE postgres",
        "SET LOCAL ROLE postgres",
        "SET SESSION ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
    ] {
        canary.fails(statement);
    }
    for statement in [
        "SET default_transaction_read_only = off",
        "SET transaction_read_only = off",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "BEGIN READ WRITE",
        "BEGIN; SET TRANSACTION READ WRITE",
    ] {
        let mut client = canary.connect();
        client.simple(statement).unwrap();
        let response = client.simple(PLAIN_WRITE).unwrap();
        assert!(
            matches!(response.code(), Some("25006" | "25P02")),
            "{statement}: {}",
            response.text()
        );
        canary.verify(statement);
    }
    canary.verify_tables("read write");
}

#[test]
fn read_only_transactions_are_honoured_or_refused() {
    let folder = shop();
    let server = Server::start(folder.path(), &["--allow-writes"]);
    for (number, statement) in [
        "SET default_transaction_read_only = on",
        "SET transaction_read_only = on",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "BEGIN READ ONLY",
        "START TRANSACTION READ ONLY",
        "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY",
        "BEGIN; SET TRANSACTION READ ONLY",
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = WireClient::connect(server.port);
        refuses_to_write(&mut client, statement, number);
    }
    let parameters = [
        USER_ADA.as_slice(),
        &[("options", "-c default_transaction_read_only=on")],
    ]
    .concat();
    if let Ok(mut client) = WireClient::connect_with(server.port, &parameters) {
        refuses_to_write(&mut client, "SELECT 1", 100);
    }
    // The client may write where nothing was said.
    let mut client = WireClient::connect(server.port);
    let response = client.simple("CREATE TABLE t AS SELECT 1 AS a").unwrap();
    assert!(response.errors.is_empty(), "{}", response.text());
}

/// Verifies that `statement` fails, or that no table is created behind it.
fn refuses_to_write(client: &mut WireClient, statement: &str, number: usize) {
    if !client.simple(statement).unwrap().errors.is_empty() {
        return;
    }
    let write = format!("CREATE TABLE read_only_{number} AS SELECT 1 AS a");
    let response = client.simple(&write).unwrap();
    assert_eq!(response.code(), Some("25006"), "accepted: {statement}");
}

/// Statements of `count` nested or chained terms.
fn deep_statements(count: usize) -> Vec<String> {
    let around = |before: &str, middle: &str, after: &str| {
        format!(
            "SELECT {}{middle}{}",
            before.repeat(count),
            after.repeat(count)
        )
    };
    vec![
        around("", "1", "+1"),
        around("", "2", "*1"),
        around("", "'a'", "||'a'"),
        around("", "true", " OR true"),
        around("", "title FROM shop WHERE id = 1", " AND id = 1"),
        around("", "title FROM shop WHERE id = 1", " OR id = 2"),
        around("", "1", " UNION ALL SELECT 1"),
        around("", "1", " UNION SELECT 1"),
        around("", "1", " EXCEPT SELECT 2"),
        around("", "1", "::int"),
        around("", "1", " IS NULL"),
        around("", "[1]", "[1]"),
        around("(", "1", ")"),
        around("[", "1", "]"),
        around("NOT ", "true", ""),
        around("- ", "1", ""),
        around("abs(", "1", ")"),
        around("CAST(", "1", " AS INT)"),
        around("CASE WHEN true THEN ", "1", " END"),
        around("(SELECT ", "1", ")"),
        around("* FROM (SELECT ", "1", ") AS a"),
        around("EXISTS (SELECT ", "1", ")"),
    ]
}

#[test]
fn deep_statements_are_refused() {
    let canary = Canary::start(&[]);
    for statement in deep_statements(100_000) {
        canary.refused(&statement, TOO_DEEP);
    }
    for statement in deep_statements(10_000) {
        let response = canary.simple(&statement);
        assert_ne!(
            response.code(),
            Some("XX000"),
            "{}: {}",
            shortened(&statement),
            response.text()
        );
    }
    // Depth hidden in other statements.
    let sum = format!("SELECT 1{}", "+1".repeat(100_000));
    for statement in [
        format!("EXPLAIN {sum}"),
        format!("EXPLAIN ANALYZE {sum}"),
        format!("COPY ({sum}) TO STDOUT"),
        format!("PREPARE p AS {sum}"),
        format!("WITH a AS ({sum}) SELECT * FROM a"),
        format!("BEGIN; DECLARE c CURSOR FOR {sum}"),
    ] {
        canary.fails(&statement);
    }
    let tables: Vec<String> = (1..200)
        .map(|n| format!("a{n} AS (SELECT * FROM a{})", n - 1))
        .collect();
    canary.harmless(&format!(
        "WITH a0 AS (SELECT 1 AS x), {} SELECT * FROM a199",
        tables.join(", ")
    ));
    // Many values side by side are no depth.
    let wide = format!(
        "SELECT count(*) FROM shop WHERE id IN (1{})",
        ", 1".repeat(10_000)
    );
    assert_eq!(canary.simple(&wide).table(), "1");
    // Ordinary depth works.
    let sum = format!("SELECT 1{}", "+1".repeat(50));
    assert_eq!(canary.simple(&sum).table(), "51");
}

#[test]
fn any_row_limit_of_execute_is_taken() {
    let canary = Canary::start(&[]);
    let query = "SELECT * FROM generate_series(1, 5)";
    for max_rows in [0, 5, 1000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
        let mut client = canary.connect();
        let response = client.extended(query, &[], max_rows).unwrap();
        assert_eq!(response.table(), "1\n2\n3\n4\n5", "{max_rows}");
        canary.verify(&format!("Execute with {max_rows} rows"));
    }
    let mut client = canary.connect();
    client.simple("BEGIN").unwrap();
    let response = client.extended(query, &[], 3).unwrap();
    assert_eq!((response.rows.len(), response.suspended), (3, true));
    client.execute(0x7fff_ffff);
    client.sync().unwrap();
    let response = client.response().unwrap();
    assert_eq!(
        (response.table().as_str(), response.suspended),
        ("4\n5", false)
    );
}

#[test]
fn globs_take_linear_time() {
    let canary = Canary::start(&[]);
    for pattern in [
        format!("{}b.csv", "a*?".repeat(40)),
        format!("{}b", "*a".repeat(60)),
        format!("{}b*.csv", "*?".repeat(90)),
        format!("{}/b.csv", "**".repeat(30)),
        format!("{}x.csv", "**/".repeat(30)),
        format!("{}b.csv", "[a]*".repeat(50)),
        format!("{}b.csv", "{a,aa,aaa}*".repeat(20)),
        format!("{}b.csv", "{a,".repeat(2000)),
        "?".repeat(10_000),
        "[".repeat(10_000),
    ] {
        for statement in [
            format!("SELECT * FROM '{pattern}'"),
            format!("SUMMARIZE '{pattern}'"),
        ] {
            canary.fails(&statement);
        }
    }
    canary.harmless(&format!("SELECT * FROM '{}'", "*".repeat(10_000)));
    // The pattern of a LIKE may be long, too.
    let like = format!("SELECT repeat('a', 1000) LIKE '{}b'", "%a".repeat(100));
    assert_eq!(canary.simple(&like).table(), "f");
}

#[test]
fn files_outside_the_served_folder_are_refused() {
    let canary = Canary::start(&[]);
    let secret = canary.outside("secret.csv");
    let served = canary.served();
    let paths = [
        "/etc/passwd".to_string(),
        "file:///etc/passwd".to_string(),
        "/proc/self/environ".to_string(),
        "/dev/zero".to_string(),
        secret.clone(),
        format!("file://{secret}"),
        format!("{}/../outside/secret.csv", served.display()),
        format!("file://{}/../outside/secret.csv", served.display()),
        "../outside/secret.csv".to_string(),
        "./../outside/secret.csv".to_string(),
        "nested/../../outside/secret.csv".to_string(),
        "../outside/*.csv".to_string(),
        "../*/secret.csv".to_string(),
        "link.csv".to_string(),
        "./link.csv".to_string(),
        "nested/../link.csv".to_string(),
        "linked/secret.csv".to_string(),
        "linked/*.csv".to_string(),
        "..".to_string(),
        "../".to_string(),
        "/".to_string(),
    ];
    for path in &paths {
        for statement in [
            format!("SELECT * FROM '{path}'"),
            format!("SUMMARIZE '{path}'"),
            format!("EXPLAIN SELECT * FROM '{path}'"),
            format!("WITH a AS (SELECT * FROM '{path}') SELECT * FROM a"),
            format!("SELECT (SELECT count(*) FROM '{path}')"),
        ] {
            canary.refused(&statement, FORBIDDEN);
        }
        for statement in [
            format!("SELECT * FROM \"{path}\""),
            format!("DESCRIBE '{path}'"),
            format!("COPY (SELECT * FROM '{path}') TO STDOUT"),
            format!("PREPARE p AS SELECT * FROM '{path}'; EXECUTE p"),
            format!("BEGIN; DECLARE c CURSOR FOR SELECT * FROM '{path}'; FETCH ALL FROM c"),
            format!("SELECT * FROM vector_search('{path}', 'x', 2, secret)"),
            format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{path}'"),
            format!("SELECT embed('x', '{path}')"),
            format!("SET ai.model = '{path}'; SELECT embed('x')"),
        ] {
            canary.fails(&statement);
        }
    }
    for path in [
        "//etc/passwd",
        "file://localhost/etc/passwd",
        "FILE:///etc/passwd",
        "*/../../outside/*.csv",
    ] {
        canary.fails(&format!("SELECT * FROM '{path}'"));
    }
    for path in [
        "%2e%2e/outside/secret.csv",
        "..%2foutside%2fsecret.csv",
        "..\\outside\\secret.csv",
        "*.csv",
        "**/*.csv",
        "l*",
        "lin*/*.csv",
        "{link,shop}.csv",
        ".",
        "",
        "~/secret.csv",
        "$HOME/../outside/secret.csv",
    ] {
        canary.harmless(&format!("SELECT * FROM '{path}'"));
        canary.harmless(&format!("SUMMARIZE '{path}'"));
    }
    // What is served can be read.
    for (path, count) in [
        ("shop.csv", "3"),
        ("./nested/../shop.csv", "3"),
        ("nested/inner.csv", "1"),
    ] {
        let response = canary.simple(&format!("SELECT count(*) FROM '{path}'"));
        assert_eq!(response.table(), count, "{path}: {}", response.text());
    }
    let whole = format!("SELECT count(*) FROM '{}/shop.csv'", served.display());
    assert_eq!(canary.simple(&whole).table(), "3");
}

#[test]
fn errors_do_not_reveal_what_exists() {
    let canary = Canary::start(&[]);
    let outside = canary.outside("");
    let folders = ["../outside/", "linked/", "nested/../../outside/", &outside];
    let pairs = folders.iter().map(|folder| {
        let of = |name: &str| format!("{folder}{name}");
        (of("secret.csv"), of("absent.csv"))
    });
    let system = ("/etc/passwd".to_string(), "/etc/passwf".to_string());
    let folder = ("/etc".to_string(), "/etf".to_string());
    for (present, absent) in pairs.chain([system, folder]) {
        assert_eq!(
            refusal(&canary, &present),
            refusal(&canary, &absent),
            "{present}"
        );
    }
    for (path, name) in [
        ("/etc/passw", "passwd"),
        ("/etc/", "passwd"),
        ("../outside/secre.csv", "secret.csv"),
        ("../outsid", "outside"),
        ("linked/secre.csv", "secret.csv"),
        ("file:///etc/passw", "passwd"),
    ] {
        for statement in [
            format!("SELECT * FROM '{path}'"),
            format!("SELECT * FROM \"{path}\""),
            format!("SUMMARIZE '{path}'"),
            format!("DESCRIBE '{path}'"),
        ] {
            for response in [canary.simple(&statement), canary.extended(&statement)] {
                assert!(!response.errors.is_empty(), "{statement}");
                let text = response.text().replace(path, "PATH");
                assert!(!text.contains(name), "{statement}: {text}");
            }
        }
    }
}

/// Error of a query on a file, without the file's name.
fn refusal(canary: &Canary, path: &str) -> String {
    let response = canary.simple(&format!("SELECT * FROM '{path}'"));
    let name = path.rsplit('/').next().unwrap_or(path);
    response.text().replace(path, "PATH").replace(name, "NAME")
}

#[test]
fn the_network_is_not_reached() {
    let canary = Canary::start(&[]);
    let local = format!("{}/x.csv", canary.url());
    for url in [
        local.as_str(),
        "http://example.com/x.csv",
        "https://example.com/x.parquet",
        "s3://bucket/x.parquet",
        "s3://bucket/*.parquet",
        "hf://datasets/owner/name/x.csv",
        "hf://datasets/owner/name/*.csv",
    ] {
        for statement in [
            format!("SELECT * FROM '{url}'"),
            format!("SUMMARIZE '{url}'"),
            format!("EXPLAIN SELECT * FROM '{url}'"),
        ] {
            canary.refused(&statement, FORBIDDEN);
        }
        for statement in [
            format!("SELECT * FROM \"{url}\""),
            format!("DESCRIBE '{url}'"),
            format!("COPY shop TO '{url}'"),
            format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{url}'"),
            format!("SELECT embed('x', '{url}')"),
            format!("SELECT * FROM vector_search('{url}', 'x', 2, title)"),
        ] {
            canary.fails(&statement);
        }
    }
    for url in [
        "HTTP://example.com/x.csv",
        "gs://b/x.csv",
        "az://b/x.csv",
        "ftp://b/x.csv",
        "unix:///x",
        "data:,1",
    ] {
        canary.fails(&format!("SELECT * FROM '{url}'"));
    }
    for statement in [
        "SELECT embed('x', 'owner/name')",
        "SET ai.model = 'owner/name'; SELECT embed('x')",
        "SELECT ai_classify('x', ['a', 'b'], 'owner/name')",
    ] {
        canary.fails(statement);
    }
}

#[test]
fn words_of_the_catalogue_change_no_ordinary_query() {
    let canary = Canary::start(&[]);
    let rows = "(VALUES (1, 10), (2, 20), (3, 30)) AS t(x, y)";
    for (query, expected) in [
        (format!("SELECT array_agg(x ORDER BY y DESC) AS jpg_url FROM {rows}"), "{3,2,1}"),
        (format!("SELECT array_agg(x ORDER BY y DESC) AS a /* pg_catalog */ FROM {rows}"), "{3,2,1}"),
        (format!("-- to_regclass\nSELECT array_agg(x ORDER BY y DESC) FROM {rows}"), "{3,2,1}"),
        (format!("SELECT array_agg(x ORDER BY y DESC) FROM {rows} WHERE 'pg_class' <> 'to_regtype'"), "{3,2,1}"),
        (
            "SELECT array_agg(x ORDER BY pg_rank DESC) FROM (VALUES (1, 10), (2, 20)) AS t(x, pg_rank)".to_string(),
            "{2,1}",
        ),
        (format!("SELECT (SELECT x FROM {rows} ORDER BY y LIMIT 1) AS pg_first"), "1"),
        (format!("SELECT (SELECT x + 1 FROM {rows} WHERE x = 1) AS jpg_url"), "2"),
        ("SELECT title AS pg_title FROM shop ORDER BY id LIMIT 1".to_string(), "red shoes"),
        ("SELECT 'information_schema.tables', 'pg_catalog.pg_class'".to_string(), "information_schema.tables|pg_catalog.pg_class"),
    ] {
        for response in [canary.simple(&query), canary.extended(&query)] {
            assert_eq!(response.table(), expected, "{query}: {}", response.text());
        }
    }
    // A query gives the same with and without a word of the catalogue.
    for query in [
        format!("SELECT (SELECT x FROM {rows}) AS NAME"),
        format!("SELECT (SELECT x FROM {rows} WHERE x > 5) AS NAME"),
        format!("SELECT count(*) AS NAME, (SELECT max(y) FROM {rows}) FROM shop"),
        format!(
            "SELECT a.x AS NAME FROM {rows} JOIN (SELECT x FROM (VALUES (2)) AS u(x)) AS a ON a.x = t.x"
        ),
        "SELECT upper(title) AS NAME FROM shop WHERE title LIKE '%e%' ORDER BY 1".to_string(),
    ] {
        let plain = query.replace("NAME", "abc_url");
        let named = query.replace("NAME", "jpg_url");
        let of = |response: WireResponse| response.text().replace("jpg_url", "abc_url");
        assert_eq!(
            of(canary.simple(&named)),
            of(canary.simple(&plain)),
            "{query}"
        );
        assert_eq!(
            of(canary.extended(&named)),
            of(canary.extended(&plain)),
            "{query}"
        );
    }
}

#[test]
fn cursors_at_their_end_give_no_rows() {
    let canary = Canary::start(&[]);
    let mut client = canary.connect();
    for (statement, table, tag) in [
        ("BEGIN", "", "BEGIN"),
        ("DECLARE c CURSOR FOR SELECT 1 AS a", "", "DECLARE CURSOR"),
        ("FETCH FORWARD 10 FROM c", "1", "FETCH 1"),
        ("FETCH FORWARD 10 FROM c", "", "FETCH 0"),
        ("FETCH ALL FROM c", "", "FETCH 0"),
        ("MOVE FORWARD 10 FROM c", "", "MOVE 0"),
        ("FETCH NEXT FROM c", "", "FETCH 0"),
        ("SELECT 'still here' AS a", "still here", "SELECT 1"),
        ("COMMIT", "", "COMMIT"),
    ] {
        let response = client.simple(statement).unwrap();
        assert_eq!(response.table(), table, "{statement}: {}", response.text());
        assert_eq!(response.tags, [tag], "{statement}: {}", response.text());
    }
    for count in ["9223372036854775807", "2147483647", "0"] {
        canary.harmless(&format!(
            "BEGIN; DECLARE c CURSOR FOR SELECT 1; FETCH {count} FROM c; FETCH {count} FROM c; COMMIT"
        ));
    }
}

/// OIDs of types in Postgres.
mod oid {
    pub const INT8: u32 = 20;
    pub const INT2: u32 = 21;
    pub const INT4: u32 = 23;
    pub const TEXT: u32 = 25;
    pub const FLOAT8: u32 = 701;
}

/// A parameter as psycopg and JDBC send it: binary, in the type of its value.
fn typed(oid: u32, bytes: &[u8]) -> [TypedValue; 1] {
    [TypedValue {
        oid,
        bytes: bytes.to_vec(),
    }]
}

#[test]
fn parameters_become_the_type_of_their_column() {
    let folder = shop();
    let server = Server::start(folder.path(), &["--allow-writes"]);
    let mut client = WireClient::connect(server.port);
    let response = client
        .simple("CREATE TABLE numbers AS SELECT 1::bigint AS a")
        .unwrap();
    assert!(response.errors.is_empty(), "{}", response.text());
    let insert = "INSERT INTO numbers VALUES ($1)";
    for values in [
        typed(oid::INT2, &9i16.to_be_bytes()),
        typed(oid::INT4, &10i32.to_be_bytes()),
        typed(oid::INT8, &11i64.to_be_bytes()),
        typed(oid::FLOAT8, &12f64.to_be_bytes()),
    ] {
        let response = client.extended(insert, &values, 0).unwrap();
        assert_eq!(response.tags, ["INSERT 0 1"], "{}", response.text());
    }
    let before = "5|43|Int64";
    let state = "SELECT count(*), sum(a), min(arrow_typeof(a)) FROM numbers";
    assert_eq!(client.simple(state).unwrap().table(), before);
    let rows = client.simple("SELECT a FROM numbers ORDER BY a").unwrap();
    assert_eq!(rows.table(), "1\n9\n10\n11\n12", "{}", rows.text());
    // What cannot become the type leaves the table as it was.
    for values in [
        typed(oid::TEXT, b"many"),
        typed(oid::FLOAT8, &f64::NAN.to_be_bytes()),
        typed(oid::FLOAT8, &1e300f64.to_be_bytes()),
    ] {
        let response = client.extended(insert, &values, 0).unwrap();
        assert!(!response.errors.is_empty(), "{}", response.text());
        assert_eq!(client.simple(state).unwrap().table(), before);
    }
    // Another client reads the same, and a smaller column takes no larger value.
    let mut other = WireClient::connect(server.port);
    assert_eq!(other.simple(state).unwrap().table(), before);
    other
        .simple("CREATE TABLE small AS SELECT 1::smallint AS a")
        .unwrap();
    let large = typed(oid::INT8, &3_000_000_000i64.to_be_bytes());
    let response = other
        .extended("INSERT INTO small VALUES ($1)", &large, 0)
        .unwrap();
    assert!(!response.errors.is_empty(), "{}", response.text());
    let rows = other.simple("SELECT a FROM small").unwrap();
    assert_eq!(rows.table(), "1", "{}", rows.text());
}
