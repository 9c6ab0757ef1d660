//! The shell as a library, for the binary `semql` and for other programs that
//! embed the shell.

// A build without a subcommand keeps the items that only the subcommand uses.
#![cfg_attr(
    not(all(feature = "explore", feature = "serve")),
    allow(dead_code, unused_imports)
)]

mod args;
mod async_runtime;
mod batch;
mod cli;
mod cluster;
mod commands;
mod delta;
mod demo;
mod dialect;
mod dict;
mod dictionary;
mod download;
#[cfg(any(feature = "explore", feature = "serve"))]
mod duration;
mod engine;
mod environment;
mod error;
mod exit;
#[cfg(feature = "explore")]
mod explore;
mod functions;
mod inference_notices;
mod install;
mod interpreter;
mod interrupt;
mod memory;
mod output;
mod panic;
mod policy;
#[cfg(any(feature = "explore", feature = "serve"))]
mod port;
#[cfg(any(feature = "explore", feature = "serve"))]
mod random;
#[cfg(test)]
mod random_cases;
mod repl;
mod result_buffer;
mod script;
#[cfg(feature = "serve")]
mod serve;
mod session;
mod settings;
mod shell;
mod sources;
mod state_copy;
mod statement;
mod suggest;
mod tables;
mod task;
mod terminal_observer;
mod text_encoding;
mod tracking;

pub use args::{pair, size};
pub use cli::{Extensions, main, main_with_args};
pub use cluster::{Cluster, Remote};
pub use delta::{DeltaLake, DeltaLocation, DeltaVersion, DeltaWrite, DeltaWriteMode};
pub use engine::{Engine, StatementResult};
pub use error::{ErrorKind, ExitCode, Result, ShellError};
pub use functions::register_functions;
/// Memory allocator for the binaries: a statement makes thousands of small allocations
/// on several threads, which are twice as fast as with the one of the C library.
pub use mimalloc::MiMalloc as Allocator;
pub use panic::contained;
pub use policy::Policy;
pub use semql_udfs::provenance;
pub use session::SessionOptions;
pub use sources::remote::ObjectStores;
pub use sources::scan_serde::{decode_text_scan, encode_text_scan};
