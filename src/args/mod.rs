//! The command line: `cli` has the options of all subcommands, the other files
//! those of one.

#[cfg(any(feature = "explore", feature = "serve"))]
mod access;
mod cli;
mod demo;
mod dict;
#[cfg(feature = "explore")]
mod explore;
mod install;
#[cfg(feature = "serve")]
mod serve;
mod values;

pub use cli::{Args, CliCommand, ScriptArg, parse_from};
pub use demo::DemoArgs;
pub use dict::DictCommand;
#[cfg(feature = "explore")]
pub use explore::{ExploreArgs, MapKind};
pub use install::{InstallCommand, SetupArgs};
#[cfg(feature = "serve")]
pub use serve::ServeArgs;
pub use values::{pair, size};
