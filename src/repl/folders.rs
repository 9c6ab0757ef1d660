//! XDG base folders.

use std::path::{Path, PathBuf};

/// XDG base folder: from its variable, or below the home folder.
pub fn xdg_folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    named
        .filter(|path| Path::is_absolute(path))
        .or_else(|| Some(std::env::home_dir()?.join(below_home)))
}
