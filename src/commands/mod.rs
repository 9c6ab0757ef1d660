//! Backslash commands: `list` has all of them, `call` their arguments and results.

mod assign;
mod call;
mod command;
mod connection;
mod copy;
mod describe;
mod details;
mod display;
mod dot_commands;
mod edit;
mod files;
mod functions;
mod help;
mod history;
mod list;
mod names;
mod pattern;
mod print_settings;
mod repeat;
mod review;
mod variables;

pub use call::{Action, Call};
pub use command::ArgumentKind;
pub use dot_commands::{is_dot_command, translated};
pub use functions::function_names;
pub use list::{all, find};
