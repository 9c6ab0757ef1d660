//! Commands on the open or the last statement.

use futures::FutureExt;

use crate::commands::command::{ArgumentKind, BackslashCommand, command, statement_command};
use crate::commands::{assign, display, edit, history, repeat};

pub const COMMANDS: &[BackslashCommand] = &[
    statement_command(
        "g",
        "[FILE]",
        ArgumentKind::File,
        "runs the preceding statement, or repeats the last one",
        |shell, call| repeat::go(shell, call).boxed_local(),
    ),
    statement_command(
        "gx",
        "[FILE]",
        ArgumentKind::File,
        "the same with one line for each value",
        |shell, call| repeat::go_expanded(shell, call).boxed_local(),
    ),
    statement_command(
        "gset",
        "[PREFIX]",
        ArgumentKind::Anything,
        "runs the statement and sets a variable for each column of its row",
        |shell, call| assign::set_from_row(shell, call).boxed_local(),
    ),
    statement_command(
        "watch",
        "[SECONDS] [c=COUNT]",
        ArgumentKind::Anything,
        "runs the statement repeatedly (default: every 2 seconds)",
        |shell, call| repeat::watch(shell, call).boxed_local(),
    ),
    statement_command(
        "chart",
        "[bar|line|scatter|hist] [X] [Y]",
        ArgumentKind::OneOf(&["bar", "line", "scatter", "hist"]),
        "draws the preceding statement, or the last result",
        |shell, call| display::chart(shell, call).boxed_local(),
    ),
    statement_command(
        "e",
        "[FILE]",
        ArgumentKind::File,
        "opens the statement, or a file, in $VISUAL and runs it",
        |shell, call| edit::edit(shell, call).boxed_local(),
    ),
    command(
        "p",
        "",
        ArgumentKind::Nothing,
        "prints the open or the last statement",
        |shell, _| repeat::print(shell).boxed_local(),
    ),
    statement_command(
        "r",
        "",
        ArgumentKind::Nothing,
        "drops the open statement",
        |shell, _| repeat::reset(shell).boxed_local(),
    ),
    command(
        "s",
        "[FILE]",
        ArgumentKind::File,
        "shows the history of the prompt, or writes it to a file",
        |shell, call| history::show(shell, call).boxed_local(),
    ),
];
