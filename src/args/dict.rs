//! Options of `semql dict`.

use clap::{Subcommand, ValueHint};

#[derive(Clone, Debug, Subcommand)]
pub enum DictCommand {
    /// Lists all differences between the dictionary and the data; exit code 1 if any
    Check,
    /// Drafts a dictionary from a data file
    Init {
        /// Data: a file, a glob or a URL
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        source: String,
    },
}
