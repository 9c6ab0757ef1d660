//! Helpers that all tests share.

pub mod endpoint;
pub mod http;
pub mod models;
pub mod process;
#[path = "../../src/random_cases.rs"]
pub mod random;
pub mod skip;

/// A need that set-up brings fails the test; one that it does not bring skips it.
#[test]
fn required_needs_are_not_skipped() {
    assert!(skip::may_skip("psql", false, ""));
    assert!(!skip::may_skip("psql", true, "java psq"));
    assert!(skip::may_skip("psql", true, "java psql"));
    assert!(skip::may_skip("groff", true, ""));
    assert!(!skip::may_skip("python3", true, ""));
}

#[test]
fn the_output_of_a_process_is_whole() {
    let mut command = std::process::Command::new("cat");
    let line = "a line of the input\n".repeat(20_000);
    let output = process::output_with_input(&mut command, line.as_bytes());
    assert!(output.status.success());
    assert!(output.stdout == line.as_bytes());
}

#[test]
#[should_panic(expected = "did not end within")]
fn a_process_that_hangs_fails_its_test() {
    let mut command = std::process::Command::new("cat");
    let child = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    process::wait_within(child, std::time::Duration::ZERO);
}
