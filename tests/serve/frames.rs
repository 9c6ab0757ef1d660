//! Bytes that do not follow the protocol, before and after authentication.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use super::server::{Server, passwords, shop};
use super::wire::WireClient;

/// How long the server may take to answer or to hang up.
const PATIENCE: Duration = Duration::from_secs(10);

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn startup(parameters: &[&str]) -> Vec<u8> {
    let mut body = vec![0, 3, 0, 0];
    for text in parameters {
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    body.push(0);
    let mut message = (body.len() as u32 + 4).to_be_bytes().to_vec();
    message.extend(body);
    message
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend((body.len() as u32 + 4).to_be_bytes());
    message.extend(body);
    message
}

/// Everything that the server says until it hangs up or waits.
fn said(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut some = [0; 4096];
    loop {
        match stream.read(&mut some) {
            Ok(0) => return all,
            Ok(count) => all.extend_from_slice(&some[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset) => return all,
            Err(error) => panic!("the server neither answers nor hangs up: {error}"),
        }
    }
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn bytes(&mut self, count: u64) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }
}

#[test]
fn nobody_gets_in_without_a_password() {
    let folder = shop();
    let users = passwords(folder.path(), "ada:secret\n");
    let server = Server::start(folder.path(), &["--password-file", &users]);
    let hello = startup(&["user", "ada", "database", "datafusion"]);
    let query = message(b'Q', b"SELECT 'se' || 'cret rows'\0");
    let scram = |first: &[u8]| {
        let mut body = b"SCRAM-SHA-256\0".to_vec();
        body.extend((first.len() as u32).to_be_bytes());
        body.extend(first);
        message(b'p', &body)
    };
    let attempts: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("a query at once", vec![query.clone()]),
        (
            "a query in place of the password",
            vec![hello.clone(), query.clone()],
        ),
        (
            "a password first",
            vec![scram(b"n,,n=ada,r=abc"), query.clone()],
        ),
        (
            "no SCRAM",
            vec![hello.clone(), scram(b"rubbish"), query.clone()],
        ),
        (
            "an unknown way",
            vec![
                hello.clone(),
                message(b'p', b"NONE\0\0\0\0\0"),
                query.clone(),
            ],
        ),
        (
            "a wrong proof",
            vec![
                hello.clone(),
                scram(b"n,,n=ada,r=abc"),
                message(b'p', b"c=biws,r=abc,p=AAAA"),
                query.clone(),
            ],
        ),
        (
            "an empty proof",
            vec![
                hello.clone(),
                scram(b"n,,n=ada,r=abc"),
                message(b'p', b""),
                query.clone(),
            ],
        ),
        (
            "a second greeting",
            vec![hello.clone(), hello.clone(), query.clone()],
        ),
        (
            "prepared",
            vec![
                hello.clone(),
                message(b'P', b"\0SELECT 1\0\0\0"),
                message(b'S', b""),
                query.clone(),
            ],
        ),
    ];
    for (what, messages) in attempts {
        let mut stream = connect(server.port);
        for bytes in messages {
            // The server may have hung up by now.
            let _ = stream.write_all(&bytes);
            std::thread::sleep(Duration::from_millis(30));
        }
        let _ = stream.shutdown(Shutdown::Write);
        let answer = said(&mut stream);
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(!text.contains("secret rows"), "{what}: {text}");
        let let_in = [b'R', 0, 0, 0, 8, 0, 0, 0, 0];
        assert!(
            !answer.windows(9).any(|bytes| bytes == let_in),
            "{what}: {text}"
        );
        assert!(!text.contains("server_version"), "{what}: {text}");
    }
}

/// Sends rubbish to the start-up and to the messages behind it for as long as
/// `SEMQL_FUZZ_SECONDS` says, or a moment.
#[test]
fn rubbish_harms_nobody() {
    let folder = shop();
    let mut server = Server::start(folder.path(), &["--max-connections", "20"]);
    let seconds = std::env::var("SEMQL_FUZZ_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok());
    let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(3));
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut rounds = 0u64;
    while Instant::now() < until {
        rounds += 1;
        let mut stream = connect(server.port);
        let mut bytes = Vec::new();
        if numbers.below(4) > 0 {
            bytes.extend(startup(&["user", "ada"]));
        }
        for _ in 0..numbers.below(6) {
            match numbers.below(6) {
                // Anything at all.
                0 => {
                    let count = numbers.below(200);
                    bytes.extend(numbers.bytes(count));
                }
                // A known kind with rubbish in it.
                1 | 2 => {
                    let kind = b"QPBDECSHXdcfp"[numbers.below(13) as usize];
                    let count = numbers.below(100);
                    let body = numbers.bytes(count);
                    bytes.extend(message(kind, &body));
                }
                // A good message with a byte changed.
                3 => {
                    let mut good = message(b'P', b"s\0SELECT $1::int + 1\0\0\x01\0\0\0\x17");
                    let at = numbers.below(good.len() as u64) as usize;
                    good[at] = numbers.next() as u8;
                    bytes.extend(good);
                }
                4 => {
                    let mut good =
                        message(b'B', b"\0s\0\0\x01\0\x01\0\x01\0\0\0\x04\0\0\0\x05\0\0");
                    let at = numbers.below(good.len() as u64) as usize;
                    good[at] = numbers.next() as u8;
                    bytes.extend(good);
                    bytes.extend(message(b'E', b"\0\0\0\0\0"));
                    bytes.extend(message(b'S', b""));
                }
                // A length that is not true.
                _ => {
                    bytes.push(b"QPBDE"[numbers.below(5) as usize]);
                    bytes.extend((numbers.next() as u32).to_be_bytes());
                }
            }
        }
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        said(&mut stream);
    }
    assert!(rounds > 0);
    println!("{rounds} connections with rubbish");
    assert!(
        server.child.try_wait().unwrap().is_none(),
        "the server has ended"
    );
    // Connections are let in again, and answered.
    let mut stream = connect(server.port);
    stream.write_all(&startup(&["user", "ada"])).unwrap();
    stream
        .write_all(&message(b'Q', b"SELECT 40 + 2\0"))
        .unwrap();
    stream.write_all(&message(b'X', b"")).unwrap();
    let answer = said(&mut stream);
    assert!(String::from_utf8_lossy(&answer).contains("42"));
    let log = std::fs::read_to_string(folder.path().join("serve.log")).unwrap();
    assert!(
        !log.contains("panicked") && !log.contains("internal error"),
        "{log}"
    );
}

/// Sequences of messages after authentication, unless `SEMQL_FUZZ_CASES` has
/// another number.
const DEFAULT_CASES: u64 = 300;

/// Sequences between two checks of the server.
const CASES_PER_CHECK: u64 = 10;

const MAX_MESSAGES_PER_CASE: u64 = 10;

/// Odd, so that no multiple by an odd number is zero.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// Beginning of the line that a panic writes to the log.
const PANIC_LINE: &str = "internal error:";

/// Statement with three parameters and three columns.
const THREE: &str = "SELECT $1::int AS a, $2::text AS b, $3::float8 AS c";

/// Statements with the number of their parameters and of their columns.
const STATEMENTS: &[(&str, u64, u64)] = &[
    ("", 0, 0),
    (";", 0, 0),
    ("SELECT 'on'", 0, 1),
    ("SELECT $1", 1, 1),
    ("SELECT $3", 3, 1),
    ("SELECT $1, $2, $3", 3, 3),
    (THREE, 3, 3),
    ("SELECT $1::bigint + 1 AS a, $2::boolean AS b", 2, 2),
    ("SELECT $1::decimal(10, 2) AS a, $2::date AS b", 2, 2),
    ("SELECT $1::timestamp AS a, $2::interval AS b", 2, 2),
    ("SELECT id, title, price FROM shop WHERE id > $1", 1, 3),
    ("SELECT [1, 2] AS a, now() AS b, NULL AS c", 0, 3),
    ("SELECT * FROM generate_series(1, 50) AS t(n)", 0, 1),
    ("SELECT oid, typname FROM pg_catalog.pg_type", 0, 2),
    ("SELECT missing FROM shop", 0, 1),
    ("SELECT FROM WHERE", 0, 0),
    ("SELECT 1; SELECT 2", 0, 1),
    ("INSERT INTO shop VALUES ($1, $2, $3)", 3, 0),
    ("EXPLAIN SELECT $1::int", 1, 2),
    ("SHOW TABLES", 0, 4),
    ("SET application_name = 'x'", 0, 0),
    ("BEGIN", 0, 0),
    ("COMMIT", 0, 0),
    ("ROLLBACK", 0, 0),
    ("DECLARE c CURSOR WITH HOLD FOR SELECT id FROM shop", 0, 0),
    ("FETCH 1 FROM c", 0, 1),
    ("CLOSE ALL", 0, 0),
    ("COPY shop TO STDOUT", 0, 0),
    ("COPY shop FROM STDIN", 0, 0),
    ("DISCARD ALL", 0, 0),
];

/// Names of statements and portals; `c` is a cursor too.
const NAMES: &[&[u8]] = &[b"", b"", b"", b"s", b"c", b"\xff\xfe", b"missing"];

/// Types that a client declares: none, scalars, arrays, and others that the
/// server does not have.
const TYPE_OIDS: &[u32] = &[
    0, 0, 16, 17, 18, 20, 21, 23, 25, 114, 600, 700, 701, 705, 790, 1000, 1005, 1007, 1009, 1016,
    1022, 1043, 1082, 1083, 1114, 1184, 1186, 1187, 1231, 1700, 2950, 3802, 99_999,
];

/// Formats of values: text, binary, and some that do not exist.
const FORMAT_CODES: &[i16] = &[0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 7, -1];

/// Values in text format.
const TEXTS: &[&[u8]] = &[
    b"5",
    b"-1",
    b"true",
    b"1e400",
    b"99999999999999999999999999999999999999999",
    b"0.001",
    b"{1,2,NULL}",
    b"{0.001,10.25}",
    b"{",
    b"{}",
    b"2024-02-30",
    b"2024-02-29 23:59:60",
    b"infinity",
    b"1 year ",
    b"\\xzz",
    b"\xff\xfe",
    "\u{e4}".as_bytes(),
];

/// Numbers of rows that `Execute` asks for.
const ROW_COUNTS: &[i32] = &[0, 0, 1, 2, -1, i32::MIN, i32::MAX];

/// Lengths and counts around the bounds of their types.
const EXTREME_COUNTS: &[i32] = &[0, 1, 2, 3, -1, -2, 1 << 20, i32::MIN, i32::MAX];

/// Kinds of frontend messages, and some bytes that are not a kind.
const KINDS: &[u8] = b"PBDECSHQdcfpFX\0zA!\xff";

/// Fields of `Bind`, which do not have to fit together.
#[derive(Default)]
struct Bind {
    portal: Vec<u8>,
    statement: Vec<u8>,
    parameter_formats: Vec<i16>,
    values: Vec<Option<Vec<u8>>>,
    result_formats: Vec<i16>,
}

impl Bind {
    fn body(&self) -> Vec<u8> {
        let mut body = [
            terminated(&self.portal),
            terminated(&self.statement),
            counted(&self.parameter_formats),
        ]
        .concat();
        body.extend((self.values.len() as u16).to_be_bytes());
        for value in &self.values {
            match value {
                Some(bytes) => {
                    body.extend((bytes.len() as u32).to_be_bytes());
                    body.extend(bytes);
                }
                None => body.extend((-1i32).to_be_bytes()),
            }
        }
        body.extend(counted(&self.result_formats));
        body
    }
}

fn terminated(text: &[u8]) -> Vec<u8> {
    [text, b"\0"].concat()
}

/// Format codes behind their number.
fn counted(codes: &[i16]) -> Vec<u8> {
    let mut bytes = (codes.len() as u16).to_be_bytes().to_vec();
    bytes.extend(codes.iter().flat_map(|code| code.to_be_bytes()));
    bytes
}

/// Beginning of an array in binary format, with one dimension of `elements`
/// elements.
fn array_header(element_type: u32, elements: i32) -> Vec<u8> {
    let mut array = Vec::new();
    array.extend(1i32.to_be_bytes());
    array.extend(0i32.to_be_bytes());
    array.extend(element_type.to_be_bytes());
    array.extend(elements.to_be_bytes());
    array.extend(1i32.to_be_bytes());
    array
}

fn random_array(numbers: &mut Numbers) -> Vec<u8> {
    let element_type = *numbers.pick(TYPE_OIDS);
    let elements = *numbers.pick(EXTREME_COUNTS);
    let mut array = array_header(element_type, elements);
    if numbers.below(4) == 0 {
        let dimensions = *numbers.pick(EXTREME_COUNTS);
        array[..4].copy_from_slice(&dimensions.to_be_bytes());
    }
    for _ in 0..numbers.below(4) {
        array.extend(numbers.pick(EXTREME_COUNTS).to_be_bytes());
        let count = numbers.below(9);
        array.extend(numbers.bytes(count));
    }
    array
}

fn random_value(numbers: &mut Numbers) -> Option<Vec<u8>> {
    match numbers.below(8) {
        0 => None,
        1 | 2 => Some(numbers.pick(TEXTS).to_vec()),
        3 => Some(numbers.pick(EXTREME_COUNTS).to_be_bytes().to_vec()),
        4 => Some(numbers.bytes(8)),
        5 => Some(numbers.bytes(16)),
        6 => Some(random_array(numbers)),
        _ => {
            let count = numbers.below(40);
            Some(numbers.bytes(count))
        }
    }
}

/// Number that is `count` in most cases.
fn near(numbers: &mut Numbers, count: u64) -> u64 {
    match numbers.below(12) {
        0 => count + 1,
        1 => count.saturating_sub(1),
        2 => numbers.below(20),
        _ => count,
    }
}

/// No format code, one for all, or about one for each value.
fn random_formats(numbers: &mut Numbers, count: u64) -> Vec<i16> {
    let codes = match numbers.below(3) {
        0 => 0,
        1 => 1,
        _ => near(numbers, count),
    };
    (0..codes).map(|_| *numbers.pick(FORMAT_CODES)).collect()
}

fn parse_body(numbers: &mut Numbers, name: &[u8], sql: &str, parameters: u64) -> Vec<u8> {
    let types = match numbers.below(3) {
        0 => 0,
        _ => near(numbers, parameters),
    };
    let mut body = [terminated(name), terminated(sql.as_bytes())].concat();
    body.extend((types as u16).to_be_bytes());
    for _ in 0..types {
        body.extend(numbers.pick(TYPE_OIDS).to_be_bytes());
    }
    body
}

fn bind_body(numbers: &mut Numbers, name: &[u8], parameters: u64, columns: u64) -> Vec<u8> {
    let values = near(numbers, parameters);
    let bind = Bind {
        portal: name.to_vec(),
        statement: name.to_vec(),
        parameter_formats: random_formats(numbers, values),
        values: (0..values).map(|_| random_value(numbers)).collect(),
        result_formats: random_formats(numbers, columns),
    };
    bind.body()
}

fn execute(numbers: &mut Numbers, name: &[u8]) -> Vec<u8> {
    let mut body = terminated(name);
    body.extend(numbers.pick(ROW_COUNTS).to_be_bytes());
    message(b'E', &body)
}

/// `Describe` or `Close` of a statement, a portal, or something else.
fn of_target(numbers: &mut Numbers, kind: u8, name: &[u8]) -> Vec<u8> {
    let target = *numbers.pick(b"SPPPx");
    let mut body = vec![target];
    body.extend(terminated(name));
    message(kind, &body)
}

/// Messages of the extended protocol for one statement, up to `Sync`.
fn exchange(numbers: &mut Numbers) -> Vec<u8> {
    let (sql, parameters, columns) = *numbers.pick(STATEMENTS);
    let name = *numbers.pick(NAMES);
    let parse = parse_body(numbers, name, sql, parameters);
    let bind = bind_body(numbers, name, parameters, columns);
    let mut bytes = [message(b'P', &parse), message(b'B', &bind)].concat();
    for _ in 0..numbers.below(3) {
        bytes.extend(match numbers.below(2) {
            0 => of_target(numbers, b'D', name),
            _ => execute(numbers, name),
        });
    }
    bytes.extend(execute(numbers, name));
    bytes.extend(message(b'S', b""));
    bytes
}

/// One message with the layout of its kind.
fn well_formed(numbers: &mut Numbers) -> Vec<u8> {
    let (sql, parameters, columns) = *numbers.pick(STATEMENTS);
    let name = *numbers.pick(NAMES);
    match numbers.below(12) {
        0 => message(b'P', &parse_body(numbers, name, sql, parameters)),
        1 => message(b'B', &bind_body(numbers, name, parameters, columns)),
        2 => of_target(numbers, b'D', name),
        3 => of_target(numbers, b'C', name),
        4 => execute(numbers, name),
        5 => message(b'H', b""),
        6 => message(b'd', b"1\tx\t2\n"),
        7 => message(b'c', b""),
        8 => message(b'f', b"no data\0"),
        9 => message(b'p', b"secret\0"),
        10 => message(b'S', b""),
        _ => message(b'Q', &terminated(sql.as_bytes())),
    }
}

/// Bytes that are not a message, or not one that the server has.
fn malformed(numbers: &mut Numbers) -> Vec<u8> {
    match numbers.below(9) {
        0 => {
            let kind = *numbers.pick(KINDS);
            let count = numbers.below(100);
            message(kind, &numbers.bytes(count))
        }
        // A byte changed.
        1 => {
            let mut bytes = well_formed(numbers);
            let at = numbers.below(bytes.len() as u64) as usize;
            bytes[at] = numbers.next() as u8;
            bytes
        }
        // Bytes missing at the end, with the length that they had.
        2 => {
            let mut bytes = well_formed(numbers);
            let kept = numbers.below(bytes.len() as u64) as usize;
            bytes.truncate(kept);
            bytes
        }
        // Bytes missing at the end, with a length that fits.
        3 => {
            let bytes = well_formed(numbers);
            let body = &bytes[5..];
            let kept = numbers.below(body.len() as u64 + 1) as usize;
            message(bytes[0], &body[..kept])
        }
        // A length that is too small, too large or negative.
        4 => {
            let mut bytes = well_formed(numbers);
            let length = *numbers.pick(EXTREME_COUNTS);
            bytes[1..5].copy_from_slice(&length.to_be_bytes());
            bytes
        }
        // A length that is off by a little.
        5 => {
            let mut bytes = well_formed(numbers);
            let length = near(numbers, bytes.len() as u64 - 1) as u32;
            bytes[1..5].copy_from_slice(&length.to_be_bytes());
            bytes
        }
        // Text without the zero byte at its end.
        6 => message(*numbers.pick(b"PBDECQf"), b"SELECT 1"),
        // More parameters than the message holds.
        7 => {
            let count = numbers.next() as u16;
            let bytes = [b"\0SELECT 1\0".as_slice(), &count.to_be_bytes()].concat();
            match numbers.below(2) {
                0 => message(b'P', &bytes),
                _ => message(b'B', &[b"\0\0".as_slice(), &count.to_be_bytes()].concat()),
            }
        }
        // FunctionCall, which the server does not support.
        _ => message(b'F', &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    }
}

/// Messages of one connection.
fn random_messages(numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..1 + numbers.below(MAX_MESSAGES_PER_CASE) {
        bytes.extend(match numbers.below(10) {
            0..4 => exchange(numbers),
            4..8 => well_formed(numbers),
            _ => malformed(numbers),
        });
    }
    bytes
}

/// Writes in pieces that do not end with the messages, until the server closes
/// the connection.
fn write_in_pieces(socket: &mut TcpStream, numbers: &mut Numbers, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let length = 1 + numbers.below(bytes.len() as u64) as usize;
        let (piece, rest) = bytes.split_at(length);
        if socket.write_all(piece).is_err() {
            return;
        }
        bytes = rest;
    }
}

/// Kinds of the messages in `bytes`.
fn kinds(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<5>() {
        let [kind, length @ ..] = *header;
        kinds.push(kind);
        let body = (u32::from_be_bytes(length) as usize).saturating_sub(4);
        bytes = rest.get(body..).unwrap_or_default();
    }
    kinds
}

/// Sends messages on a connection that has authenticated, and ends it in one of
/// three ways. Gives the kinds of the messages that were read.
fn run_case(port: u16, case: u64) -> Vec<u8> {
    let mut numbers = Numbers(SEED.wrapping_mul(2 * case + 1));
    let bytes = random_messages(&mut numbers);
    let mut socket = WireClient::connect(port).into_socket();
    write_in_pieces(&mut socket, &mut numbers, &bytes);
    match numbers.below(4) {
        // The responses stay unread.
        0 => return Vec::new(),
        // A message stays incomplete.
        1 => {
            let bytes = exchange(&mut numbers);
            let kept = numbers.below(bytes.len() as u64) as usize;
            write_in_pieces(&mut socket, &mut numbers, &bytes[..kept]);
        }
        2 => write_in_pieces(&mut socket, &mut numbers, &message(b'X', b"")),
        _ => {}
    }
    // The server may have closed the connection by now.
    let _ = socket.shutdown(Shutdown::Write);
    kinds(&said(&mut socket))
}

/// Lines of the log that panics have written.
fn panics(folder: &Path) -> Vec<String> {
    let log = std::fs::read(folder.join("serve.log")).unwrap();
    let log = String::from_utf8_lossy(&log);
    let lines = log.lines().filter(|line| line.starts_with(PANIC_LINE));
    lines.map(str::to_string).collect()
}

/// Verifies that the server runs, answers a new client, and had no panic.
fn verify(server: &mut Server, folder: &Path, what: &str) {
    let ended = server.child.try_wait().unwrap();
    assert!(ended.is_none(), "the server has ended by {what}: {ended:?}");
    let response = WireClient::connect(server.port).simple("SELECT 'on'");
    let response = response.unwrap_or_else(|error| panic!("{error} after {what}"));
    assert_eq!(response.table(), "on", "after {what}");
    assert_eq!(panics(folder), Vec::<String>::new(), "by {what}");
}

#[test]
fn random_messages_after_authentication_do_no_harm() {
    let folder = shop();
    let mut server = Server::start(folder.path(), &["--max-connections", "1000"]);
    let cases = std::env::var("SEMQL_FUZZ_CASES").ok();
    let cases = cases.and_then(|count| count.parse().ok());
    let cases: u64 = cases.unwrap_or(DEFAULT_CASES).max(CASES_PER_CHECK);
    let (mut rows, mut errors) = (0u64, 0u64);
    for first in (0..cases).step_by(CASES_PER_CHECK as usize) {
        let end = cases.min(first + CASES_PER_CHECK);
        let what = format!("cases {first} to {}", end - 1);
        // Shown where a check fails.
        println!("{what}");
        for case in first..end {
            for kind in run_case(server.port, case) {
                rows += u64::from(kind == b'D');
                errors += u64::from(kind == b'E');
            }
        }
        verify(&mut server, folder.path(), &what);
    }
    println!("{rows} rows and {errors} errors in {cases} cases");
    // Both occur, so the messages are neither all valid nor all malformed.
    assert!(rows > 0 && errors > 0, "{rows} rows, {errors} errors");
}

/// `Bind` message with its statement and the types of its parameters.
struct BindCase {
    what: &'static str,
    sql: &'static str,
    types: Vec<u32>,
    bind: Bind,
}

/// Formats that do not fit [`THREE`].
fn wrong_formats() -> Vec<BindCase> {
    let values = || [b"1", b"x", b"2"].map(|text| Some(text.to_vec())).to_vec();
    let parameters = |what, formats: &[i16]| BindCase {
        what,
        sql: THREE,
        types: Vec::new(),
        bind: Bind {
            parameter_formats: formats.to_vec(),
            values: values(),
            ..Bind::default()
        },
    };
    let results = |what, formats: &[i16]| BindCase {
        what,
        sql: THREE,
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
        sql: THREE,
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
            sql: THREE,
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

/// Values that are not of their type. `i32::MAX` elements would take more memory
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

/// Values that are hard to decode; a row is as right as an error.
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
/// If the connection broke off or the other query failed.
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

/// What is wrong about the responses to these messages, which must be errors if
/// `refused`.
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
    // The cursor is replaced while the portal is bound.
    client.simple("CLOSE c").unwrap();
    client.simple(three).unwrap();
    client.add(b'E', b"p\0\0\0\0\0");
    client.sync().unwrap();
    let response = client.response().unwrap();
    assert_eq!(response.errors.len(), 1, "{}", response.text());
    verify(&mut server, folder.path(), "a cursor that was replaced");
}
