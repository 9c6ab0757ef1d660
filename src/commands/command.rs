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

/// Function that runs a command.
pub type RunCommand = for<'a> fn(&'a mut Shell, Call<'a>) -> LocalBoxFuture<'a, Result<Action>>;

/// Entry of the command list.
pub struct BackslashCommand {
    /// Without the backslash.
    pub name: &'static str,
    pub arguments: &'static str,
    pub help: &'static str,
    pub argument_kind: ArgumentKind,
    /// Whether a statement without semicolon may precede it.
    pub takes_statement: bool,
    pub run: RunCommand,
}
