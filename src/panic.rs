//! What the user sees of a defect in semql: one line.

use std::io::Write;
use std::panic::PanicHookInfo;

use crate::error::ExitCode;

/// From now on a panic is one line on standard error, and one on the main
/// thread ends the process in order.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        let message = message(info);
        // Writing to `| head` after it left is no defect.
        if message.contains("Broken pipe") {
            std::process::exit(ExitCode::Success as i32);
        }
        let place = info
            .location()
            .map(|place| format!(" ({}:{})", place.file(), place.line()))
            .unwrap_or_default();
        let _ = writeln!(
            std::io::stderr(),
            "internal error: {message}{place}; please report this with the statement that caused it"
        );
        if std::thread::current().name() == Some("main") {
            std::process::exit(ExitCode::Query as i32);
        }
    }));
}

fn message(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_string())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown".to_string())
        .replace('\n', " ")
}
