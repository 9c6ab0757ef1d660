//! The JDBC driver, in `Jdbc.java`.

use std::process::Command;

use super::clients::jdbc;
use super::server::{Server, shop, there_is};

#[test]
fn jdbc_lists_prepares_fetches_and_cancels() {
    let Some(driver) = jdbc() else { return };
    if !there_is("java") {
        return;
    }
    let folder = shop();
    let server = Server::start(folder.path(), &[]);
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/serve/Jdbc.java");
    let done = Command::new("java")
        .args([
            "-Xmx256m",
            "-cp",
            driver.to_str().unwrap(),
            source,
            &server.port.to_string(),
        ])
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    let log = std::fs::read_to_string(folder.path().join("serve.log")).unwrap();
    assert!(
        done.status.success() && out.trim_end() == "done",
        "{out}{err}{log}"
    );
}
