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
             Run `semql setup` (for the Python package, `pip install onnxruntime`), or point \
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
             Correct it, or clear it to use the one that `semql setup` brings",
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

/// The one environment that a process can have.
struct Loaded {
    /// What semql loaded; `None` where the program made the environment.
    library: Option<PathBuf>,
    environment: Environment,
}

static ENVIRONMENT: OnceLock<Loaded> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

/// Has semql run its models in an environment that the program made itself,
/// with the program's library, logger and, if it has one, global thread pool.
///
/// To be called before the first query that asks a model: a process can have
/// one environment, and by then semql would make it. The program's default
/// execution providers do not apply; where a model runs is what `ai.device`
/// says. `ORT_DYLIB_PATH` and semql's home are not looked at for a library, and
/// a setting `ai.onnxruntime` is refused.
pub fn use_environment(environment: Environment) {
    // One that is there already is this one, since there is no second.
    let _ = ENVIRONMENT.set(Loaded {
        library: None,
        environment,
    });
}

/// The process's ONNX Runtime environment, for sessions of the program's own:
/// the one that the program gave, or else semql's, made now if need be.
///
/// `setting` is what `ai.onnxruntime` says; see [`library_path`].
///
/// Of an environment that semql makes, telemetry is turned off. The library's
/// Linux builds still leave a device id in the user's cache folder, unless the
/// process has `ORT_DISABLE_TELEMETRY=1` in its environment before this; a
/// library must not write there while other threads run, so that is up to the
/// program.
///
/// # Errors
/// [`Error::Setup`] when there is no library or no usable one, or when another
/// one is loaded already.
pub fn environment(setting: Option<&Path>) -> Result<&'static Environment> {
    // A thread that died while loading left nothing half-done behind it.
    let _one_at_a_time = LOADING.lock().unwrap_or_else(|dead| dead.into_inner());
    if let Some(loaded) = ENVIRONMENT.get() {
        loaded.serves(setting)?;
        return Ok(&loaded.environment);
    }
    let path = library_path(setting)?;
    let environment = load(&path)?;
    let loaded = ENVIRONMENT.get_or_init(|| Loaded {
        library: Some(path),
        environment,
    });
    Ok(&loaded.environment)
}

/// Whether [`environment`] is to be had, as far as can be told without loading
/// anything.
///
/// # Errors
/// [`Error::Setup`] when there is no library, or another one is loaded already.
pub fn check_environment(setting: Option<&Path>) -> Result<()> {
    match ENVIRONMENT.get() {
        Some(loaded) => loaded.serves(setting),
        None => library_path(setting).map(drop),
    }
}

impl Loaded {
    fn serves(&self, setting: Option<&Path>) -> Result<()> {
        let Some(loaded) = &self.library else {
            return match setting {
                None => Ok(()),
                Some(path) => Err(Error::Setup(format!(
                    "ai.onnxruntime points at {}, but this program runs semql in an ONNX Runtime environment \
                     of its own, and a process can have only one. Clear the setting (SET ai.onnxruntime = '')",
                    path.display()
                ))),
            };
        };
        let path = library_path(setting)?;
        if *loaded == path {
            return Ok(());
        }
        Err(Error::Setup(format!(
            "ONNX Runtime is loaded from {} already, and a process can load only one; \
             start semql anew to use {}",
            loaded.display(),
            path.display()
        )))
    }
}

fn load(path: &Path) -> Result<Environment> {
    let builder = ort::init_from(path).map_err(|why| {
        Error::Setup(format!(
            "{} could not be loaded as ONNX Runtime: {why}. \
             Run `semql setup` again, or point ai.onnxruntime at another library",
            path.display()
        ))
    })?;
    let environment = builder.with_name("semql").with_telemetry(false).build();
    let environment = environment.map_err(|why| {
        // ONNX Runtime does not give out an environment that somebody else made.
        Error::Setup(format!(
            "ONNX Runtime of {} could not be started: {why}. If this program has an environment of its own, \
             it hands it to semql_udfs::use_environment before the first query",
            path.display()
        ))
    })?;
    environment.set_log_level(ort::logging::LogLevel::Fatal);
    Ok(environment)
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
            matches!(&error, Error::Setup(m) if m.contains("/nowhere/") && m.contains("semql setup"))
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
