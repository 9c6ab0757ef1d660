//! `Bind` messages that do not fit their statement.

use super::health::{panics, verify};
use super::queries::THREE_PARAMETERS;
use super::raw::{Bind, array_header};
use super::server::{Server, shop};
use super::wire::WireClient;

/// `Bind` message with its statement and the types of its parameters.
struct BindCase {
    what: &'static str,
    sql: &'static str,
    types: Vec<u32>,
    bind: Bind,
}

/// Formats that do not fit [`THREE_PARAMETERS`].
fn wrong_formats() -> Vec<BindCase> {
    let values = || [b"1", b"x", b"2"].map(|text| Some(text.to_vec())).to_vec();
    let parameters = |what, formats: &[i16]| BindCase {
        what,
        sql: THREE_PARAMETERS,
        types: Vec::new(),
        bind: Bind {
            parameter_formats: formats.to_vec(),
            values: values(),
            ..Bind::default()
        },
    };
    let results = |what, formats: &[i16]| BindCase {
        what,
        sql: THREE_PARAMETERS,
        types: Vec::new(),
        bind: Bind {
            result_formats: formats.to_vec(),
            values: values(),
            ..Bind::default()
        },
    };
    vec![
        parameters("two formats for three parameters", &[0, 0]),
        parameters("four formats for three parameters", &[0; 4]),
        parameters("parameter format 7", &[7]),
        parameters("parameter format -1 among others", &[0, -1, 0]),
        results("two formats for three columns", &[0, 0]),
        results("four formats for three columns", &[0; 4]),
        results("result format 7", &[7]),
        results("result format -1 among others", &[0, -1, 0]),
    ]
}

/// Numbers of values and names that do not fit a statement.
fn wrong_counts() -> Vec<BindCase> {
    let values = |what, count: usize| BindCase {
        what,
        sql: THREE_PARAMETERS,
        types: Vec::new(),
        bind: Bind {
            values: vec![Some(b"1".to_vec()); count],
            ..Bind::default()
        },
    };
    vec![
        values("two values of three", 2),
        values("four values of three", 4),
        BindCase {
            what: "two formats for the columns of SHOW TABLES",
            sql: "SHOW TABLES",
            types: Vec::new(),
            bind: Bind {
                result_formats: vec![0, 0],
                ..Bind::default()
            },
        },
        BindCase {
            what: "a statement that does not exist",
            sql: THREE_PARAMETERS,
            types: Vec::new(),
            bind: Bind {
                statement: b"missing".to_vec(),
                ..Bind::default()
            },
        },
    ]
}

/// A value of a declared type, in text or binary format.
fn single(what: &'static str, oid: u32, format: i16, value: &[u8]) -> BindCase {
    BindCase {
        what,
        sql: "SELECT $1",
        types: vec![oid],
        bind: Bind {
            parameter_formats: vec![format],
            values: vec![Some(value.to_vec())],
            ..Bind::default()
        },
    }
}

/// Values that are invalid for their type. `i32::MAX` elements would take more memory
/// than most machines have.
fn wrong_values() -> Vec<BindCase> {
    let huge = |element_type| array_header(element_type, i32::MAX);
    vec![
        single("huge text array", 1009, 1, &huge(25)),
        single("huge bigint array", 1016, 1, &huge(20)),
        single("huge float array", 1022, 1, &huge(701)),
        single("huge numeric array", 1231, 1, &huge(1700)),
        single("text array cut short", 1009, 1, &array_header(25, 3)),
        single("invalid UTF-8", 25, 0, b"\xff\xfe"),
        single("three bytes of an integer", 23, 1, b"123"),
        single("four bytes of an interval", 1186, 1, &[0; 4]),
    ]
}

/// Values that are hard to decode; the response may be a row or an error.
fn unusual_values() -> Vec<BindCase> {
    vec![
        single("numeric array", 1231, 0, b"{0.001,10.25,NULL}"),
        single("numeric array of NULL", 1231, 0, b"{NULL}"),
        single("numeric below one", 1700, 0, b"0.001"),
        single("large interval", 1186, 1, &[0x7f; 16]),
        single("largest timestamp", 1114, 1, &i64::MAX.to_be_bytes()),
        single("smallest time", 1083, 1, &i64::MIN.to_be_bytes()),
        single("largest date", 1082, 1, &i32::MAX.to_be_bytes()),
    ]
}

/// Prepares, binds and executes, and then runs another query on the connection.
/// Gives the number of errors that the server sent for the first one.
///
/// # Errors
/// If the connection ended or the other query failed.
fn count_errors(port: u16, case: &BindCase) -> Result<usize, String> {
    let mut client = WireClient::connect(port);
    client.parse(case.sql, &case.types);
    client.add(b'B', &case.bind.body());
    client.add(b'D', b"P\0");
    client.execute(0);
    client.sync().map_err(|error| error.to_string())?;
    let response = client.response().map_err(|error| error.to_string())?;
    match client.simple("SELECT 'on'") {
        Ok(next) if next.table() == "on" => Ok(response.errors.len()),
        Ok(next) => Err(next.text()),
        Err(error) => Err(error.to_string()),
    }
}

/// Faults of the responses to these messages, which must be errors if `refused`.
fn faults(cases: Vec<BindCase>, refused: bool) -> Vec<String> {
    let folder = shop();
    let mut server = Server::start(folder.path(), &[]);
    let mut faults = Vec::new();
    let mut known_panics = 0;
    for case in cases {
        let what = case.what;
        let errors = count_errors(server.port, &case);
        let panics = panics(folder.path());
        let new = panics.iter().skip(known_panics);
        faults.extend(new.map(|line| format!("{what}: {line}")));
        known_panics = panics.len();
        match errors {
            Ok(0) if refused => faults.push(format!("{what}: accepted")),
            Ok(_) => {}
            Err(error) => {
                faults.push(format!("{what}: {error}"));
                // The server may have ended.
                drop(server);
                server = Server::start(folder.path(), &[]);
                known_panics = 0;
            }
        }
    }
    faults
}

#[test]
fn binds_that_do_not_fit_are_errors() {
    let cases = [wrong_formats(), wrong_counts(), wrong_values()];
    let faults = faults(cases.into_iter().flatten().collect(), true);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn binds_with_unusual_values_cause_no_panic() {
    let faults = faults(unusual_values(), false);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_cursor_with_more_columns_than_formats_is_an_error() {
    let folder = shop();
    let mut server = Server::start(folder.path(), &[]);
    let mut client = WireClient::connect(server.port);
    let two = "DECLARE c CURSOR WITH HOLD FOR SELECT 1 AS a, 2 AS b";
    let three = "DECLARE c CURSOR WITH HOLD FOR SELECT 1 AS a, 2 AS b, 3 AS c";
    client.simple(two).unwrap();
    client.parse("FETCH 1 FROM c", &[]);
    let bind = Bind {
        portal: b"p".to_vec(),
        result_formats: vec![0, 1],
        ..Bind::default()
    };
    client.add(b'B', &bind.body());
    client.sync().unwrap();
    let bound = client.response().unwrap();
    assert!(bound.errors.is_empty(), "{}", bound.text());
    // Replaces the cursor while the portal is bound.
    client.simple("CLOSE c").unwrap();
    client.simple(three).unwrap();
    client.add(b'E', b"p\0\0\0\0\0");
    client.sync().unwrap();
    let response = client.response().unwrap();
    assert_eq!(response.errors.len(), 1, "{}", response.text());
    verify(&mut server, folder.path(), "a cursor that was replaced");
}
