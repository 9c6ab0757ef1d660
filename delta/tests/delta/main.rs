//! Tables of Delta Lake through the program `semql-delta`.

mod damaged_logs;
mod documentation;
mod failures;
mod program;
mod python;
mod reading;
mod s3;
mod server;
mod writing;

// Other tests use more of it.
#[allow(dead_code)]
#[path = "../../../tests/support/process.rs"]
mod process;
#[path = "../../../tests/support/skip.rs"]
mod skip;
