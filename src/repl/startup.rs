//! The start-up file.

use std::path::PathBuf;

use tokio::runtime::Runtime;

use super::folders::xdg_folder;
use crate::interpreter::run_script;
use crate::script::Script;
use crate::shell::{Shell, report};

/// Environment variable with the path of the file.
const FILE_ENV: &str = "SEMQLRC";

/// Runs the start-up file, if present. Its errors are printed and do not end the
/// shell.
pub fn run_startup_file(runtime: &Runtime, shell: &mut Shell) {
    let named = std::env::var_os(FILE_ENV).filter(|value| !value.is_empty());
    let Some(path) = named
        .clone()
        .map(PathBuf::from)
        .or_else(default_startup_file)
    else {
        return;
    };
    if named.is_none() && !path.exists() {
        return;
    }
    let result =
        Script::read(&path).and_then(|script| runtime.block_on(run_script(shell, &script)));
    if let Err(error) = result {
        report(&error);
    }
}

fn default_startup_file() -> Option<PathBuf> {
    Some(
        xdg_folder("XDG_CONFIG_HOME", ".config")?
            .join("semql")
            .join("semqlrc"),
    )
}
