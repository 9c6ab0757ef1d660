//! Errors for files that do not exist, with the nearest name that does.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::ShellError;
use crate::suggest::{closest, hint};

/// Maximum number of names that are compared with a missing one.
const MAX_COMPARED_NAMES: usize = 10_000;

/// Error for the missing `path` of a location.
pub fn missing_file(location: &str, path: &Path) -> ShellError {
    let missing = path
        .ancestors()
        .filter(|part| !part.as_os_str().is_empty() && !part.exists())
        .last();
    let Some(missing) = missing else {
        return ShellError::query(format!("there is no file '{location}'"));
    };
    let folder = missing
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let names: Vec<String> = fs::read_dir(folder.unwrap_or(Path::new(".")))
        .into_iter()
        .flatten()
        .take(MAX_COMPARED_NAMES)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let wanted = missing
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    if missing != path {
        let near = hint(wanted, names.iter().map(String::as_str));
        return ShellError::query(format!(
            "there is no file '{location}': the folder '{}' does not exist{near}",
            missing.display()
        ));
    }
    match closest(wanted, names.iter().map(String::as_str)) {
        Some(near) => {
            let near = folder.map_or_else(|| PathBuf::from(near), |folder| folder.join(near));
            ShellError::query(format!(
                "there is no file '{location}'; did you mean '{}'?",
                near.display()
            ))
        }
        None => ShellError::query(format!("there is no file '{location}'")),
    }
}
