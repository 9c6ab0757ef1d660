//! Random messages and bytes, before and after authentication.

use std::io::Write;
use std::net::{Shutdown, TcpStream};

use super::health::verify;
use super::queries::THREE_PARAMETERS;
use super::raw::{Bind, array_header, connect, message, read_to_end, terminated};
use super::server::{Server, shop};
use super::wire::{USER_ADA, WireClient, startup};
use crate::support::random::{Random, cases};

/// Connections with random messages, unless `SEMQL_FUZZ_CASES` gives a number.
const DEFAULT_CASES: usize = 300;

/// Connections with random bytes at the start.
const DEFAULT_START_CASES: usize = 1000;

/// Connections between two checks of the server.
const CASES_PER_CHECK: usize = 10;

const MAX_MESSAGES_PER_CASE: usize = 10;

/// Statements with the number of their parameters and of their columns.
const STATEMENTS: &[(&str, usize, usize)] = &[
    ("", 0, 0),
    (";", 0, 0),
    ("SELECT 'on'", 0, 1),
    ("SELECT $1", 1, 1),
    ("SELECT $3", 3, 1),
    ("SELECT $1, $2, $3", 3, 3),
    (THREE_PARAMETERS, 3, 3),
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

/// Row limits of `Execute`.
const ROW_COUNTS: &[i32] = &[0, 0, 1, 2, -1, i32::MIN, i32::MAX];

/// Lengths and counts around the bounds of their types.
const EXTREME_COUNTS: &[i32] = &[0, 1, 2, 3, -1, -2, 1 << 20, i32::MIN, i32::MAX];

/// Kinds of frontend messages, and some bytes that are not a kind.
const KINDS: &[u8] = b"PBDECSHQdcfpFX\0zA!\xff";

fn random_byte(random: &mut Random) -> u8 {
    random.below(256) as u8
}

fn random_bytes(random: &mut Random, count: usize) -> Vec<u8> {
    (0..count).map(|_| random_byte(random)).collect()
}

fn with_changed_byte(random: &mut Random, mut bytes: Vec<u8>) -> Vec<u8> {
    let at = random.below(bytes.len());
    bytes[at] = random_byte(random);
    bytes
}

fn random_array(random: &mut Random) -> Vec<u8> {
    let element_type = random.pick(TYPE_OIDS);
    let elements = random.pick(EXTREME_COUNTS);
    let mut array = array_header(element_type, elements);
    if random.below(4) == 0 {
        let dimensions = random.pick(EXTREME_COUNTS);
        array[..4].copy_from_slice(&dimensions.to_be_bytes());
    }
    for _ in 0..random.below(4) {
        array.extend(random.pick(EXTREME_COUNTS).to_be_bytes());
        let count = random.below(9);
        array.extend(random_bytes(random, count));
    }
    array
}

fn random_value(random: &mut Random) -> Option<Vec<u8>> {
    match random.below(8) {
        0 => None,
        1 | 2 => Some(random.pick(TEXTS).to_vec()),
        3 => Some(random.pick(EXTREME_COUNTS).to_be_bytes().to_vec()),
        4 => Some(random_bytes(random, 8)),
        5 => Some(random_bytes(random, 16)),
        6 => Some(random_array(random)),
        _ => {
            let count = random.below(40);
            Some(random_bytes(random, count))
        }
    }
}

/// Number that is `count` in most cases.
fn near(random: &mut Random, count: usize) -> usize {
    match random.below(12) {
        0 => count + 1,
        1 => count.saturating_sub(1),
        2 => random.below(20),
        _ => count,
    }
}

/// No format code, one for all, or about one for each value.
fn random_formats(random: &mut Random, count: usize) -> Vec<i16> {
    let codes = match random.below(3) {
        0 => 0,
        1 => 1,
        _ => near(random, count),
    };
    (0..codes).map(|_| random.pick(FORMAT_CODES)).collect()
}

fn parse_body(random: &mut Random, name: &[u8], sql: &str, parameters: usize) -> Vec<u8> {
    let types = match random.below(3) {
        0 => 0,
        _ => near(random, parameters),
    };
    let mut body = [terminated(name), terminated(sql.as_bytes())].concat();
    body.extend((types as u16).to_be_bytes());
    for _ in 0..types {
        body.extend(random.pick(TYPE_OIDS).to_be_bytes());
    }
    body
}

fn bind_body(random: &mut Random, name: &[u8], parameters: usize, columns: usize) -> Vec<u8> {
    let values = near(random, parameters);
    let bind = Bind {
        portal: name.to_vec(),
        statement: name.to_vec(),
        parameter_formats: random_formats(random, values),
        values: (0..values).map(|_| random_value(random)).collect(),
        result_formats: random_formats(random, columns),
    };
    bind.body()
}

fn execute(random: &mut Random, name: &[u8]) -> Vec<u8> {
    let mut body = terminated(name);
    body.extend(random.pick(ROW_COUNTS).to_be_bytes());
    message(b'E', &body)
}

/// `Describe` or `Close` of a statement, a portal, or something else.
fn of_target(random: &mut Random, kind: u8, name: &[u8]) -> Vec<u8> {
    let target = random.pick(b"SPPPx");
    let mut body = vec![target];
    body.extend(terminated(name));
    message(kind, &body)
}

/// Messages of the extended protocol for one statement, up to `Sync`.
fn exchange(random: &mut Random) -> Vec<u8> {
    let (sql, parameters, columns) = random.pick(STATEMENTS);
    let name = random.pick(NAMES);
    let parse = parse_body(random, name, sql, parameters);
    let bind = bind_body(random, name, parameters, columns);
    let mut bytes = [message(b'P', &parse), message(b'B', &bind)].concat();
    for _ in 0..random.below(3) {
        bytes.extend(match random.below(2) {
            0 => of_target(random, b'D', name),
            _ => execute(random, name),
        });
    }
    bytes.extend(execute(random, name));
    bytes.extend(message(b'S', b""));
    bytes
}

/// One message with the layout of its kind.
fn well_formed(random: &mut Random) -> Vec<u8> {
    let (sql, parameters, columns) = random.pick(STATEMENTS);
    let name = random.pick(NAMES);
    match random.below(12) {
        0 => message(b'P', &parse_body(random, name, sql, parameters)),
        1 => message(b'B', &bind_body(random, name, parameters, columns)),
        2 => of_target(random, b'D', name),
        3 => of_target(random, b'C', name),
        4 => execute(random, name),
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
fn malformed(random: &mut Random) -> Vec<u8> {
    match random.below(9) {
        0 => {
            let kind = random.pick(KINDS);
            let count = random.below(100);
            message(kind, &random_bytes(random, count))
        }
        // A byte changed.
        1 => {
            let bytes = well_formed(random);
            with_changed_byte(random, bytes)
        }
        // Bytes missing at the end, with the length that they had.
        2 => {
            let mut bytes = well_formed(random);
            let kept = random.below(bytes.len());
            bytes.truncate(kept);
            bytes
        }
        // Bytes missing at the end, with a length that fits.
        3 => {
            let bytes = well_formed(random);
            let body = &bytes[5..];
            let kept = random.below(body.len() + 1);
            message(bytes[0], &body[..kept])
        }
        // A length that is too small, too large or negative.
        4 => {
            let mut bytes = well_formed(random);
            let length = random.pick(EXTREME_COUNTS);
            bytes[1..5].copy_from_slice(&length.to_be_bytes());
            bytes
        }
        // A length that is off by a little.
        5 => {
            let mut bytes = well_formed(random);
            let length = near(random, bytes.len() - 1) as u32;
            bytes[1..5].copy_from_slice(&length.to_be_bytes());
            bytes
        }
        // Text without the zero byte at its end.
        6 => message(random.pick(b"PBDECQf"), b"SELECT 1"),
        // More parameters than the message holds.
        7 => {
            let count = random_bytes(random, 2);
            match random.below(2) {
                0 => message(b'P', &[b"\0SELECT 1\0".as_slice(), &count].concat()),
                _ => message(b'B', &[b"\0\0".as_slice(), &count].concat()),
            }
        }
        // FunctionCall, which the server does not support.
        _ => message(b'F', &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    }
}

/// Messages of one connection.
fn random_messages(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..1 + random.below(MAX_MESSAGES_PER_CASE) {
        bytes.extend(match random.below(10) {
            0..4 => exchange(random),
            4..8 => well_formed(random),
            _ => malformed(random),
        });
    }
    bytes
}

/// Writes in pieces that do not end with the messages, until the server closes
/// the connection.
fn write_in_pieces(socket: &mut TcpStream, random: &mut Random, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let length = 1 + random.below(bytes.len());
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

/// Sends messages on an authenticated connection, and ends it in one of several
/// ways. Gives the kinds of the messages that were read.
fn run_case(port: u16, case: usize) -> Vec<u8> {
    let mut random = Random::new(case as u64);
    let bytes = random_messages(&mut random);
    let mut socket = WireClient::connect(port).into_socket();
    write_in_pieces(&mut socket, &mut random, &bytes);
    match random.below(4) {
        // The responses stay unread.
        0 => return Vec::new(),
        // A message stays incomplete.
        1 => {
            let bytes = exchange(&mut random);
            let kept = random.below(bytes.len());
            write_in_pieces(&mut socket, &mut random, &bytes[..kept]);
        }
        2 => write_in_pieces(&mut socket, &mut random, &message(b'X', b"")),
        _ => {}
    }
    // The server may have closed the connection already.
    let _ = socket.shutdown(Shutdown::Write);
    kinds(&read_to_end(&mut socket))
}

#[test]
fn random_messages_after_authentication_are_harmless() {
    let folder = shop();
    let mut server = Server::start(folder.path(), &["--max-connections", "1000"]);
    let cases = cases(DEFAULT_CASES).max(CASES_PER_CHECK);
    let (mut rows, mut errors) = (0, 0);
    for first in (0..cases).step_by(CASES_PER_CHECK) {
        let end = cases.min(first + CASES_PER_CHECK);
        let what = format!("cases {first} to {}", end - 1);
        // Shown if a check fails.
        println!("{what}");
        for case in first..end {
            for kind in run_case(server.port, case) {
                rows += usize::from(kind == b'D');
                errors += usize::from(kind == b'E');
            }
        }
        verify(&mut server, folder.path(), &what);
    }
    println!("{rows} rows and {errors} errors in {cases} cases");
    // Both occur, so the messages are neither all valid nor all malformed.
    assert!(rows > 0 && errors > 0, "{rows} rows, {errors} errors");
}

/// Bytes of a connection that may lack a start-up message.
fn random_start(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    if random.below(4) > 0 {
        bytes.extend(startup(&USER_ADA));
    }
    for _ in 0..random.below(6) {
        match random.below(6) {
            // Random bytes.
            0 => {
                let count = random.below(200);
                bytes.extend(random_bytes(random, count));
            }
            // A known kind with random bytes.
            1 | 2 => {
                let kind = random.pick(b"QPBDECSHXdcfp");
                let count = random.below(100);
                let body = random_bytes(random, count);
                bytes.extend(message(kind, &body));
            }
            // A valid message with a byte changed.
            3 => {
                let parse = message(b'P', b"s\0SELECT $1::int + 1\0\0\x01\0\0\0\x17");
                bytes.extend(with_changed_byte(random, parse));
            }
            4 => {
                let bind = message(b'B', b"\0s\0\0\x01\0\x01\0\x01\0\0\0\x04\0\0\0\x05\0\0");
                bytes.extend(with_changed_byte(random, bind));
                bytes.extend(message(b'E', b"\0\0\0\0\0"));
                bytes.extend(message(b'S', b""));
            }
            // A random length.
            _ => {
                bytes.push(random.pick(b"QPBDE"));
                bytes.extend(random_bytes(random, 4));
            }
        }
    }
    bytes
}

#[test]
fn random_bytes_at_the_start_are_harmless() {
    let folder = shop();
    let mut server = Server::start(folder.path(), &["--max-connections", "20"]);
    let mut random = Random::new(1);
    for _ in 0..cases(DEFAULT_START_CASES) {
        let mut stream = connect(server.port);
        // The server may close the connection before the last byte.
        let _ = stream.write_all(&random_start(&mut random));
        let _ = stream.shutdown(Shutdown::Write);
        read_to_end(&mut stream);
    }
    verify(&mut server, folder.path(), "random bytes");
}
