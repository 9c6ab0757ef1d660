//! Commands on files and the system.

use futures::FutureExt;

use crate::commands::command::{ArgumentKind, BackslashCommand, command, line_command};
use crate::commands::{copy, files};

pub const COMMANDS: &[BackslashCommand] = &[
    line_command(
        "copy",
        "TABLE|(QUERY) TO|FROM FILE [OPTIONS]",
        ArgumentKind::Table,
        "copies rows to a file, or from a file into a table, as psql does",
        |shell, call| copy::run(shell, call).boxed_local(),
    ),
    command(
        "i",
        "FILE",
        ArgumentKind::File,
        "runs a file; its name is relative to the current script",
        |shell, call| files::include(shell, call).boxed_local(),
    ),
    command(
        "o",
        "[FILE]",
        ArgumentKind::File,
        "writes results to a file, or to standard output without one",
        |shell, call| files::output(shell, call).boxed_local(),
    ),
    line_command(
        "!",
        "[COMMAND]",
        ArgumentKind::File,
        "runs a system command, or the system shell",
        |shell, call| files::system(shell, call).boxed_local(),
    ),
];
