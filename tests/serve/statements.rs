//! Results of statements over the wire protocol: row limits, queries with words of
//! the catalogue, cursors and parameters.

use super::canary::Canary;
use super::server::{Server, shop};
use super::wire::{TypedValue, WireClient, WireResponse};

#[test]
fn execute_accepts_any_row_limit() {
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
    // A query gives the same result with and without a word of the catalogue.
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
fn parameters_are_cast_to_the_type_of_their_column() {
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
    // A value that cannot be cast leaves the table unchanged.
    for values in [
        typed(oid::TEXT, b"many"),
        typed(oid::FLOAT8, &f64::NAN.to_be_bytes()),
        typed(oid::FLOAT8, &1e300f64.to_be_bytes()),
    ] {
        let response = client.extended(insert, &values, 0).unwrap();
        assert!(!response.errors.is_empty(), "{}", response.text());
        assert_eq!(client.simple(state).unwrap().table(), before);
    }
    // Another client reads the same rows. A value too large for its column is an
    // error.
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
