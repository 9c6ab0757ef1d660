//! Finding and loading the ONNX Runtime library, once a process.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use ort::environment::Environment;

use crate::error::{Error, Result};
use crate::models::home;

/// The file names under which the library is looked for in a folder.
const NAMES: &[&str] = if cfg!(target_os = "macos") {
    &["libonnxruntime.dylib"]
} else if cfg!(windows) {
    &["onnxruntime.dll"]
} else {
    &["libonnxruntime.so"]
};

/// Where the library is: the setting, `ORT_DYLIB_PATH`, or the folder
/// `onnxruntime` of semql's home.
///
/// # Errors
/// [`Error::Setup`] naming every place that was looked at.
pub fn library_path(setting: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = setting {
        return given(path, "the setting ai.onnxruntime");
    }
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH").filter(|p| !p.is_empty()) {
        return given(Path::new(&path), "ORT_DYLIB_PATH");
    }
    let folder = home().join("onnxruntime");
    find_in(&folder).ok_or_else(|| {
        Error::Setup(format!(
            "the ONNX Runtime library is not on this machine: looked for {} in {}. \
             Run `make setup` (for the Python package, `pip install onnxruntime`), or point \
             ai.onnxruntime (or ORT_DYLIB_PATH) at the library file",
            NAMES[0],
            folder.display()
        ))
    })
}

fn given(path: &Path, by: &str) -> Result<PathBuf> {
    let found = if path.is_dir() {
        find_in(path)
    } else {
        path.is_file().then(|| path.to_path_buf())
    };
    found.ok_or_else(|| {
        Error::Setup(format!(
            "there is no ONNX Runtime library at {}, where {by} points. \
             Correct it, or clear it to use the one that `make setup` brings",
            path.display()
        ))
    })
}

/// The library in `folder`, its name with or without a version behind it.
fn find_in(folder: &Path) -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path
                .file_name()
                .map(|n| n.to_string_lossy())
                .unwrap_or_default();
            NAMES.iter().any(|wanted| {
                name.strip_prefix(wanted)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        })
        .collect();
    found.sort();
    found.pop()
}

static ENVIRONMENT: OnceLock<(PathBuf, Environment)> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

/// The process's ONNX Runtime environment, from the library at `path` if none
/// is loaded yet.
///
/// Its telemetry is turned off. The library's Linux builds still leave a device
/// id in the user's cache folder, unless the process has
/// `ORT_DISABLE_TELEMETRY=1` in its environment before this; a library must not
/// write there while other threads run, so that is up to the program.
///
/// # Errors
/// [`Error::Setup`] when the file is no usable ONNX Runtime, or when another
/// one is loaded already: a process can hold only one.
pub(super) fn environment(path: &Path) -> Result<&'static Environment> {
    // A thread that died while loading left nothing half-done behind it.
    let _one_at_a_time = LOADING.lock().unwrap_or_else(|dead| dead.into_inner());
    if ENVIRONMENT.get().is_none() {
        let load = || -> Result<Environment, String> {
            let builder = ort::init_from(path).map_err(|e| e.to_string())?;
            builder
                .with_name("semql")
                .with_telemetry(false)
                .build()
                .map_err(|e| e.to_string())
        };
        let environment = load().map_err(|why| {
            Error::Setup(format!(
                "{} could not be loaded as ONNX Runtime: {why}. \
                 Run `make setup` again, or point ai.onnxruntime at another library",
                path.display()
            ))
        })?;
        environment.set_log_level(ort::logging::LogLevel::Fatal);
        let _ = ENVIRONMENT.set((path.to_path_buf(), environment));
    }
    match ENVIRONMENT.get() {
        Some((loaded, environment)) if loaded == path => Ok(environment),
        Some((loaded, _)) => Err(Error::Setup(format!(
            "ONNX Runtime is loaded from {} already, and a process can load only one; \
             start semql anew to use {}",
            loaded.display(),
            path.display()
        ))),
        None => Err(Error::Setup("ONNX Runtime did not stay loaded".to_string())),
    }
}

/// The loaded library's version line; `None` before the first inference.
pub fn version() -> Option<&'static str> {
    ENVIRONMENT.get().map(|_| ort::info())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_is_a_setup_error_that_says_what_to_do() {
        let error = library_path(Some(Path::new("/nowhere/libonnxruntime.so"))).unwrap_err();
        assert!(
            matches!(&error, Error::Setup(m) if m.contains("/nowhere/") && m.contains("make setup"))
        );
    }

    #[test]
    fn versioned_names_are_found_and_neighbours_are_not() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("libonnxruntime_providers_shared.so"), "").unwrap();
        assert_eq!(find_in(folder.path()), None);
        let library = folder.path().join(format!("{}.1.32.0", NAMES[0]));
        std::fs::write(&library, "").unwrap();
        assert_eq!(find_in(folder.path()), Some(library));
    }
}
