//! Queries that are stopped: by Ctrl-C in psql, and by clients that are gone.

use std::io::Read;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::server::{Server, for_psql, shop, signal};

/// Endless for all that a test can wait for, with inference in it.
const ENDLESS: &str =
    "SELECT count(embed('text ' || value)) FROM generate_series(1, 1000000000000)";

/// Arithmetic only: rows come, but none to the client.
const SILENT: &str = "SELECT value FROM generate_series(1, 1000000000000) WHERE value % 7 = 8";

fn start(server: &Server, sql: &str) -> Child {
    server
        .psql("")
        .args(["-c", sql])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Time for a query to be under way.
fn under_way() {
    std::thread::sleep(Duration::from_millis(700));
}

#[test]
fn ctrl_c_in_psql_stops_the_query() {
    let Some((_folder, server)) = for_psql(&[]) else {
        return;
    };
    for sql in [
        ENDLESS,
        SILENT,
        "COPY (SELECT * FROM generate_series(1, 1000000000000)) TO STDOUT",
    ] {
        let mut psql = start(&server, sql);
        under_way();
        signal(&psql, "INT");
        let mut err = String::new();
        psql.stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        assert!(
            err.contains("canceling statement due to user request"),
            "{sql}: {err}"
        );
        assert_eq!(psql.wait().unwrap().code(), Some(1), "{sql}");
    }
}

#[test]
fn who_vanishes_frees_place_and_work() {
    let Some((_folder, server)) = for_psql(&["--max-connections", "1"]) else {
        return;
    };
    for sql in [ENDLESS, SILENT] {
        let mut psql = start(&server, sql);
        under_way();
        signal(&psql, "KILL");
        psql.wait().unwrap();
        // The one place comes free only with the work.
        let free = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            server.ask(&["SELECT embed('one text') IS NULL"]).out == "f\n"
        });
        assert!(free, "{sql}");
    }
    assert!(idle(&server), "work goes on for a client that is gone");
}

/// Whether the process uses next to no time of the processors.
fn idle(server: &Server) -> bool {
    let used = || -> Option<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.child.id())).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    };
    // Where there is no /proc, there is nothing to be seen.
    (0..20).any(|_| {
        let Some(before) = used() else { return true };
        std::thread::sleep(Duration::from_millis(250));
        used().is_none_or(|after| after - before <= 5)
    })
}

#[test]
fn a_server_ends_on_ctrl_c() {
    let folder = shop();
    let mut server = Server::start(folder.path(), &[]);
    signal(&server.child, "INT");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}
