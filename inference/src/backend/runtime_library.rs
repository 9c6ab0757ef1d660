//! The ONNX Runtime library, found and loaded once per process.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use ort::environment::Environment;

use crate::error::{Error, Result};
use crate::models::home;

/// File names of the library.
const LIBRARY_NAMES: &[&str] = if cfg!(target_os = "macos") {
    &["libonnxruntime.dylib"]
} else if cfg!(windows) {
    &["onnxruntime.dll"]
} else {
    &["libonnxruntime.so"]
};

/// Path of the library: the setting, `ORT_DYLIB_PATH`, or the folder
/// `onnxruntime` of semql's home.
///
/// # Errors
/// [`Error::Setup`] with the paths that were searched.
pub fn library_path(setting: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = setting {
        return library_at(path, "the setting ai.onnxruntime");
    }
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH").filter(|p| !p.is_empty()) {
        return library_at(Path::new(&path), "ORT_DYLIB_PATH");
    }
    let folder = home().join("onnxruntime");
    find_in(&folder).ok_or_else(|| {
        Error::Setup(format!(
            "the ONNX Runtime library was not found: there is no {} in {}. \
             Run `semql setup` (for the Python package, `pip install onnxruntime`), or point \
             ai.onnxruntime (or ORT_DYLIB_PATH) at the library file",
            LIBRARY_NAMES[0],
            folder.display()
        ))
    })
}

fn library_at(path: &Path, setting: &str) -> Result<PathBuf> {
    let found = if path.is_dir() {
        find_in(path)
    } else {
        path.is_file().then(|| path.to_path_buf())
    };
    found.ok_or_else(|| {
        Error::Setup(format!(
            "there is no ONNX Runtime library at {}, the path in {setting}. \
             Correct it, or clear it to use the library that `semql setup` installs",
            path.display()
        ))
    })
}

/// The library in `folder`, with or without a version suffix.
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
            LIBRARY_NAMES.iter().any(|wanted| {
                name.strip_prefix(wanted)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        })
        .collect();
    found.sort();
    found.pop()
}

/// The environment of the process, which can have only one.
struct ProcessEnvironment {
    /// The library that semql loaded; `None` if the program created the environment.
    library: Option<PathBuf>,
    environment: Environment,
}

static ENVIRONMENT: OnceLock<ProcessEnvironment> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

/// Sets the environment that semql runs its models in, with the library, the
/// logger and the global thread pool of the host program.
///
/// Call it before the first query that uses a model: a process can have only
/// one environment, and that query would create it. The default execution
/// providers of the environment do not apply: `ai.device` selects the device.
/// `ORT_DYLIB_PATH` and semql's home are not searched for a library, and the
/// setting `ai.onnxruntime` is refused.
pub fn use_environment(environment: Environment) {
    // An environment that is already set is this one: a process has only one.
    let _ = ENVIRONMENT.set(ProcessEnvironment {
        library: None,
        environment,
    });
}

/// The ONNX Runtime environment of the process, which the host program may use
/// for other sessions. Created on first use unless [`use_environment`] set it.
///
/// `setting` is the value of `ai.onnxruntime`; see [`library_path`].
///
/// An environment that semql creates has telemetry turned off. The library's
/// Linux builds still write a device id into the user's cache folder, unless
/// `ORT_DISABLE_TELEMETRY=1` is set before this call. The program has to set it:
/// a library must not change environment variables while other threads run.
///
/// # Errors
/// [`Error::Setup`] for a missing or unusable library, or if another one is
/// already loaded.
pub fn environment(setting: Option<&Path>) -> Result<&'static Environment> {
    // Loading that panicked has set nothing, so a poisoned lock is sound.
    let _loading = LOADING
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(loaded) = ENVIRONMENT.get() {
        loaded.check_setting(setting)?;
        return Ok(&loaded.environment);
    }
    let path = library_path(setting)?;
    let environment = load(&path)?;
    let loaded = ENVIRONMENT.get_or_init(|| ProcessEnvironment {
        library: Some(path),
        environment,
    });
    Ok(&loaded.environment)
}

/// Checks that [`environment`] can succeed, without loading anything.
///
/// # Errors
/// [`Error::Setup`] for a missing library, or if another one is already loaded.
pub fn check_environment(setting: Option<&Path>) -> Result<()> {
    match ENVIRONMENT.get() {
        Some(loaded) => loaded.check_setting(setting),
        None => library_path(setting).map(drop),
    }
}

impl ProcessEnvironment {
    fn check_setting(&self, setting: Option<&Path>) -> Result<()> {
        let Some(loaded) = &self.library else {
            return match setting {
                None => Ok(()),
                Some(path) => Err(Error::Setup(format!(
                    "ai.onnxruntime is {}, but this program has already set an ONNX Runtime environment, \
                     and a process can have only one. Clear the setting (SET ai.onnxruntime = '')",
                    path.display()
                ))),
            };
        };
        let path = library_path(setting)?;
        if *loaded == path {
            return Ok(());
        }
        Err(Error::Setup(format!(
            "ONNX Runtime is already loaded from {}, and a process can load only one library; \
             restart semql to use {}",
            loaded.display(),
            path.display()
        )))
    }
}

fn load(path: &Path) -> Result<Environment> {
    let builder = ort::init_from(path).map_err(|error| {
        Error::Setup(format!(
            "cannot load {} as ONNX Runtime: {error}. \
             Run `semql setup` again, or point ai.onnxruntime at another library",
            path.display()
        ))
    })?;
    let environment = builder.with_name("semql").with_telemetry(false).build();
    let environment = environment.map_err(|error| {
        // ONNX Runtime does not return an environment that the program created.
        Error::Setup(format!(
            "cannot start ONNX Runtime from {}: {error}. A program that creates its own environment \
             must pass it to semql_udfs::use_environment before the first query",
            path.display()
        ))
    })?;
    environment.set_log_level(ort::logging::LogLevel::Fatal);
    Ok(environment)
}

/// Version of the loaded library; `None` before the first inference.
pub fn version() -> Option<&'static str> {
    ENVIRONMENT.get().map(|_| ort::info())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_is_a_setup_error_with_a_hint() {
        let error = library_path(Some(Path::new("/nowhere/libonnxruntime.so"))).unwrap_err();
        assert!(
            matches!(&error, Error::Setup(m) if m.contains("/nowhere/") && m.contains("semql setup"))
        );
    }

    #[test]
    fn versioned_names_are_found_and_other_libraries_are_not() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("libonnxruntime_providers_shared.so"), "").unwrap();
        assert_eq!(find_in(folder.path()), None);
        let library = folder.path().join(format!("{}.1.32.0", LIBRARY_NAMES[0]));
        std::fs::write(&library, "").unwrap();
        assert_eq!(find_in(folder.path()), Some(library));
    }
}
