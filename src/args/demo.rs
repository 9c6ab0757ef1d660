//! Options of `semql demo`.

use std::path::PathBuf;

#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// Folder of the queries, the sample and the results; created if it is absent
    #[arg(value_name = "FOLDER", default_value = "semql-demo")]
    pub folder: PathBuf,
}
