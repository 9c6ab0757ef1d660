//! Cancellation of queries: by Ctrl-C in psql, and by a client that disconnects.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::queries::{ENDLESS, ENDLESS_INFERENCE, ENDLESS_ROWS};
use super::server::{Server, for_psql, signal};
use super::wait::wait_until;
use super::wire::QUERY_CANCELED;
use crate::cli::Done;
use crate::support::{process, skip};

/// Processor time of a server that runs a query, in clock ticks.
const RUNNING_TICKS: u64 = 30;

/// Interval in which an idle server is measured.
const IDLE_INTERVAL: Duration = Duration::from_millis(250);

/// Processor time of an idle server in [`IDLE_INTERVAL`], in clock ticks.
const MAX_IDLE_TICKS: u64 = 5;

/// Starts a psql that runs `sql`, and waits until the query runs; `None`
/// without `/proc`.
fn psql_running(server: &Server, sql: &str) -> Option<Child> {
    let Some(before) = server.cpu_ticks() else {
        skip::skip("/proc");
        return None;
    };
    let psql = server
        .psql("")
        .args(["-v", "VERBOSITY=verbose", "-c", sql])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("the query runs", || {
        let ticks = server.cpu_ticks();
        ticks.is_some_and(|ticks| ticks >= before + RUNNING_TICKS)
    });
    Some(psql)
}

/// Waits until the server uses almost no processor time.
fn wait_until_idle(server: &Server) {
    let mut measured = (Instant::now(), server.cpu_ticks());
    wait_until("the server is idle", || {
        let (since, before) = measured;
        if since.elapsed() < IDLE_INTERVAL {
            return false;
        }
        let ticks = server.cpu_ticks();
        measured = (Instant::now(), ticks);
        matches!((before, ticks), (Some(before), Some(after)) if after - before <= MAX_IDLE_TICKS)
    });
}

#[test]
fn ctrl_c_in_psql_cancels_the_query() {
    let Some((_folder, server)) = for_psql(&[]) else {
        return;
    };
    for sql in [ENDLESS_INFERENCE, ENDLESS, ENDLESS_ROWS] {
        let Some(psql) = psql_running(&server, sql) else {
            return;
        };
        signal(&psql, "INT");
        let done = Done::from(process::wait(psql));
        assert!(done.err.contains(QUERY_CANCELED), "{sql}: {}", done.err);
        assert_eq!(done.code, Some(1), "{sql}");
        wait_until_idle(&server);
    }
}

#[test]
fn a_client_that_disconnects_frees_its_slot_and_ends_its_query() {
    let Some((_folder, server)) = for_psql(&["--max-connections", "1"]) else {
        return;
    };
    for sql in [ENDLESS_INFERENCE, ENDLESS] {
        let Some(psql) = psql_running(&server, sql) else {
            return;
        };
        signal(&psql, "KILL");
        process::wait(psql);
        // The only slot is free once the query has ended.
        wait_until("the slot is free", || {
            server.run(&["SELECT embed('one text') IS NULL"]).out == "f\n"
        });
        wait_until_idle(&server);
    }
}
