//! Async runtime of a process.

use tokio::runtime::{Builder, Runtime};

use crate::error::{Result, ShellError};

/// Stack size of the worker threads. Planning recurses once for each level of an
/// expression.
const THREAD_STACK_SIZE: usize = 8 << 20;

/// Starts the worker threads.
///
/// # Errors
/// If the operating system refuses them.
pub fn start() -> Result<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(THREAD_STACK_SIZE)
        .build()
        .map_err(|error| ShellError::setup(format!("cannot start the worker threads: {error}")))
}
