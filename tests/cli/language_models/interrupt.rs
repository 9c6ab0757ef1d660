//! Ctrl-C while an endpoint holds all calls.

use std::process::Stdio;

use super::super::interrupt::interrupt;
use super::super::names;
use super::{EXTRACT, Shop, offers};

/// An answer takes an hour.
const SLOW: [&str; 2] = ["--delay", "3600"];

#[test]
fn an_interrupt_ends_a_query_whose_calls_wait() {
    let Some(shop) = Shop::open(offers(40), &SLOW) else {
        return;
    };
    let copy = format!("COPY ({EXTRACT}) TO 'out.csv'");
    let mut child = shop
        .command(", timeout '1h'", &copy)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    shop.endpoint.wait_for_client("concurrency", 8, &mut child);
    // It waits for the end of the process, which no answer would bring.
    let done = interrupt(child);
    assert_eq!(done.code, Some(130), "{}", done.err);
    assert_eq!(names(shop.folder()), ["offers.jsonl"]);
    // The connections are closed, and no further rows were sent.
    shop.endpoint.wait_for("abandoned", 8);
    assert_eq!(shop.endpoint.count("calls"), 8);
}

#[test]
fn an_interrupt_ends_the_wait_before_a_retry() {
    let Some(shop) = Shop::open(offers(4), &["--fault", "429=3600"]) else {
        return;
    };
    let mut child = shop
        .command(", timeout '1h'", EXTRACT)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    shop.endpoint.wait_for_client("calls", 1, &mut child);
    let done = interrupt(child);
    // A client may also refuse to wait for an hour, and end the query itself.
    assert!(
        matches!(done.code, Some(130 | 0)),
        "{:?} {}",
        done.code,
        done.err
    );
}
