//! End of the process.

use std::ffi::c_int;
use std::io::Write;

use crate::error::ExitCode;

/// Ends the process with `code`, without the destructors of the native libraries:
/// ONNX Runtime or a GPU driver that still computes on another thread would crash
/// in them.
pub fn exit(code: ExitCode) -> ! {
    exit_with(code as c_int)
}

/// [`exit`] with a code of another program.
pub fn exit_with(code: c_int) -> ! {
    let _ = std::io::stdout().flush();
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code) }
}
