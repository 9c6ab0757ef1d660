//! The JDBC driver, in `Jdbc.java`.

use std::process::Command;

use super::clients::jdbc;
use super::server::{Server, shop, there_is};
use crate::cli::Done;
use crate::support::process;

#[test]
fn jdbc_lists_prepares_fetches_and_cancels() {
    let Some(driver) = jdbc() else { return };
    if !there_is("java") {
        return;
    }
    let folder = shop();
    let server = Server::start(folder.path(), &[]);
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/serve/Jdbc.java");
    let mut java = Command::new("java");
    java.args(["-Xmx256m", "-cp", driver.to_str().unwrap()])
        .args([source, &server.port.to_string()]);
    let done = Done::from(process::output(&mut java));
    let log = std::fs::read_to_string(folder.path().join("serve.log")).unwrap();
    assert_eq!(
        (done.code, done.out.trim_end()),
        (Some(0), "done"),
        "{}{log}",
        done.err
    );
}
