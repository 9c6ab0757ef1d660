//! Skips a test where the machine lacks what the test needs, or fails it where
//! `SEMQL_REQUIRE_ALL=1`, as in `make test`.
//!
//! The tests of other crates include this file by `#[path]`.

use std::io::Write;

/// Environment variable that turns skips into failures.
const REQUIRE_ALL_VARIABLE: &str = "SEMQL_REQUIRE_ALL";

/// Environment variable with the needs that `scripts/test_setup.py` could not
/// install on this machine, separated by spaces.
const UNAVAILABLE_VARIABLE: &str = "SEMQL_UNAVAILABLE";

/// Needs that may be absent on any machine, and the reason. Set-up installs all
/// others or names them in `SEMQL_UNAVAILABLE`.
const OPTIONAL: &[(&str, &str)] = &[
    ("/proc", "Linux alone has it"),
    ("ag_news.jsonl", "the repository has no data sets"),
    ("fish", "set-up installs no further shells"),
    ("groff", "set-up installs no typesetter"),
    (
        "llama-server",
        "`make llama` builds it, in minutes of one core",
    ),
    (
        "mwpd2020/validation.jsonl",
        "the repository has no data sets",
    ),
    ("openssl", "libraries alone are part of a base system"),
    ("wdc_pave.jsonl", "the repository has no data sets"),
    ("zsh", "set-up installs no further shells"),
];

/// Reports that the running test, or a part of it, cannot run without `need`: a
/// program, a file, or a name in the lists above. The caller returns.
///
/// # Panics
/// Under `SEMQL_REQUIRE_ALL=1`, unless `need` may be absent.
pub fn skip(need: &str) {
    let required = std::env::var(REQUIRE_ALL_VARIABLE).is_ok_and(|value| value == "1");
    let unavailable = std::env::var(UNAVAILABLE_VARIABLE).unwrap_or_default();
    assert!(
        may_skip(need, required, &unavailable),
        "no {need} on this machine, and {REQUIRE_ALL_VARIABLE}=1 requires it; `make test` installs it"
    );
    let test = std::thread::current();
    let test = test.name().unwrap_or("a test");
    let line = format!("skipped: {test}: no {need} on this machine\n");
    // The test runner captures what `println!` and `eprintln!` print.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Whether a test may pass without `need`.
pub fn may_skip(need: &str, required: bool, unavailable: &str) -> bool {
    !required
        || OPTIONAL.iter().any(|(name, _)| *name == need)
        || unavailable.split_whitespace().any(|name| name == need)
}
