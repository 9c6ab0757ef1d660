//! Backslash commands: `list` has all of them, `call` their arguments and results.

mod call;
mod command;
mod describe;
mod display;
mod edit;
mod files;
mod functions;
mod help;
mod list;
mod repeat;
mod review;
mod variables;

pub use call::{Action, Call};
pub use command::ArgumentKind;
pub use functions::function_names;
pub use list::{COMMANDS, find};
