//! Health of a server after malformed messages.

use std::path::Path;

use super::server::Server;
use super::wire::WireClient;

/// Beginning of the line of a panic in the log.
const PANIC_LINE: &str = "internal error:";

/// Lines of panics in the log.
pub fn panics(folder: &Path) -> Vec<String> {
    let log = std::fs::read(folder.join("serve.log")).unwrap();
    let log = String::from_utf8_lossy(&log);
    let lines = log.lines().filter(|line| line.starts_with(PANIC_LINE));
    lines.map(str::to_string).collect()
}

/// Verifies that the server runs, answers a new client, and had no panic.
pub fn verify(server: &mut Server, folder: &Path, what: &str) {
    let ended = server.child.try_wait().unwrap();
    assert!(
        ended.is_none(),
        "the server has ended after {what}: {ended:?}"
    );
    let response = WireClient::connect(server.port).simple("SELECT 'on'");
    let response = response.unwrap_or_else(|error| panic!("{error} after {what}"));
    assert_eq!(response.table(), "on", "after {what}");
    assert_eq!(panics(folder), Vec::<String>::new(), "after {what}");
}
