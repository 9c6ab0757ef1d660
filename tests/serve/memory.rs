//! Memory of the server.

use super::server::{Server, shop};
use super::wire::WireClient;
use crate::support::skip;

/// Rows that the memory test fetches, unless `SEMQL_MEMORY_ROWS` gives a number.
const DEFAULT_MEMORY_ROWS: usize = 2_000_000;

/// Rows between two measurements of memory.
const ROWS_PER_MEASUREMENT: usize = 20_000;

/// Growth of the server allowed while a client fetches rows, in KiB.
const MAX_GROWTH_KIB: u64 = 50 * 1024;

#[test]
fn memory_is_limited_by_default() {
    let folder = shop();
    let server = Server::start(folder.path(), &[]);
    let mut client = WireClient::connect(server.port);
    let shown = client.simple("SHOW datafusion.runtime.memory_limit");
    let shown = shown.unwrap().text();
    let log = std::fs::read_to_string(folder.path().join("serve.log")).unwrap();
    let has_size =
        |line: &str| line.contains("memory") && line.contains(|c: char| c.is_ascii_digit());
    assert!(
        log.lines().any(has_size) || has_size(&shown) && !shown.contains("unlimited"),
        "{shown}: {log}"
    );
}

/// Resident memory of a process in KiB; `None` where there is no `/proc`.
fn resident_kib(server: &Server) -> Option<u64> {
    let path = format!("/proc/{}/status", server.child.id());
    let status = std::fs::read_to_string(path).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Fetches all rows of a series and gives the largest resident memory.
fn fetch(server: &Server, rows: usize, max_rows: u32) -> u64 {
    let mut client = WireClient::connect(server.port);
    client.simple("BEGIN").unwrap();
    let sql = format!("SELECT value, repeat('x', 100) AS text FROM generate_series(1, {rows})");
    client.parse(&sql, &[]);
    client.bind(&[]);
    let (mut fetched, mut largest, mut suspended) = (0, 0, true);
    while suspended {
        suspended = false;
        client.execute(max_rows);
        client.sync().unwrap();
        loop {
            let message = client.message().unwrap();
            match message.kind {
                b'D' => fetched += 1,
                b's' => suspended = true,
                b'E' => panic!("{}", String::from_utf8_lossy(&message.body)),
                b'Z' => break,
                _ => continue,
            }
            if fetched % ROWS_PER_MEASUREMENT == 0 {
                largest = largest.max(resident_kib(server).unwrap_or_default());
            }
        }
    }
    assert_eq!(fetched, rows);
    largest
}

#[test]
fn memory_stays_flat_while_rows_are_fetched() {
    let rows = std::env::var("SEMQL_MEMORY_ROWS").ok();
    let rows = rows.and_then(|rows| rows.parse().ok());
    let rows = rows.unwrap_or(DEFAULT_MEMORY_ROWS);
    let folder = shop();
    let server = Server::start(folder.path(), &[]);
    if resident_kib(&server).is_none() {
        skip::skip("/proc");
        return;
    }
    // The first rows start threads and fill caches.
    let before = fetch(&server, rows / 20, 0).max(fetch(&server, rows / 20, 1000));
    for max_rows in [0, 1000] {
        let largest = fetch(&server, rows, max_rows);
        let growth = largest.saturating_sub(before);
        println!("{rows} rows, {max_rows} at a time: {growth} KiB above {before} KiB");
        assert!(
            growth <= MAX_GROWTH_KIB,
            "{max_rows} at a time: {growth} KiB"
        );
    }
}
