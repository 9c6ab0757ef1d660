//! Commands on variables.

use futures::FutureExt;

use crate::commands::command::{ArgumentKind, BackslashCommand, command};
use crate::commands::variables;

pub const COMMANDS: &[BackslashCommand] = &[
    command(
        "set",
        "[NAME [VALUE]]",
        ArgumentKind::Variable,
        "sets a variable, or lists them",
        |shell, call| variables::set(shell, call).boxed_local(),
    ),
    command(
        "default",
        "NAME VALUE",
        ArgumentKind::Variable,
        "sets a variable unless it has a value",
        |shell, call| variables::default(shell, call).boxed_local(),
    ),
    command(
        "unset",
        "NAME",
        ArgumentKind::Variable,
        "removes a variable",
        |shell, call| variables::unset(shell, call).boxed_local(),
    ),
];
