//! Definition of a backslash command.

use futures::future::LocalBoxFuture;

use super::call::{Action, Call};
use crate::error::Result;
use crate::shell::Shell;

/// Kind of a command's arguments, for completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentKind {
    Nothing,
    Anything,
    File,
    Table,
    Function,
    Variable,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// Values of a switch.
pub const ON_OFF: ArgumentKind = ArgumentKind::OneOf(&["on", "off"]);

/// Function that runs a command.
pub type RunCommand = for<'a> fn(&'a mut Shell, Call<'a>) -> LocalBoxFuture<'a, Result<Action>>;

/// Entry of the command list.
pub struct BackslashCommand {
    /// Without the backslash.
    pub name: &'static str,
    pub arguments: &'static str,
    pub help: &'static str,
    pub argument_kind: ArgumentKind,
    /// Whether a statement without semicolon may precede it, which it runs or changes.
    pub takes_statement: bool,
    /// Whether it reads the rest of its line as written: no words, no variables.
    pub takes_line: bool,
    pub run: RunCommand,
}

/// Entry of a command that takes words and no statement.
pub const fn command(
    name: &'static str,
    arguments: &'static str,
    argument_kind: ArgumentKind,
    help: &'static str,
    run: RunCommand,
) -> BackslashCommand {
    BackslashCommand {
        name,
        arguments,
        help,
        argument_kind,
        takes_statement: false,
        takes_line: false,
        run,
    }
}

/// Entry of a command that may follow a statement without semicolon.
pub const fn statement_command(
    name: &'static str,
    arguments: &'static str,
    argument_kind: ArgumentKind,
    help: &'static str,
    run: RunCommand,
) -> BackslashCommand {
    BackslashCommand {
        takes_statement: true,
        ..command(name, arguments, argument_kind, help, run)
    }
}

/// Entry of a command that reads the rest of its line as written.
pub const fn line_command(
    name: &'static str,
    arguments: &'static str,
    argument_kind: ArgumentKind,
    help: &'static str,
    run: RunCommand,
) -> BackslashCommand {
    BackslashCommand {
        takes_line: true,
        ..command(name, arguments, argument_kind, help, run)
    }
}
