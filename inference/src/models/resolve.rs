//! Resolution of model names to folders.

use std::path::{Path, PathBuf};

use super::catalogue::{self, CATALOGUE, ModelEntry};
use super::hub::{DownloadProgress, Hub, check_names};
use super::model_files::{NamedFiles, REQUIRED_FILES, WEIGHTS, optional_files};
use super::{ModelError, home};
use crate::limits::RuntimeLimits;

/// Name of the model without files, for tests of plans and SQL.
pub const DETERMINISTIC: &str = "deterministic";

/// Location of a model.
#[derive(Clone, Debug)]
pub struct ModelLocation {
    /// Name in results and in the metadata of vectors.
    pub name: String,
    pub revision: String,
    pub entry: Option<&'static ModelEntry>,
    pub source: ModelSource,
}

/// Source of the files of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// No files needed.
    Deterministic,
    /// A folder on this machine.
    Folder(PathBuf),
    /// A repository on the hub, to be downloaded.
    Hub(String),
}

/// Finds the model called `name`: a path, a folder of `model_dir`, the hub's
/// cache, or the hub. Does not use the network.
///
/// # Errors
/// [`ModelError::Missing`] with the searched path and the known names.
pub fn locate(name: &str, model_dir: Option<&Path>) -> Result<ModelLocation, ModelError> {
    locate_within(name, model_dir, &RuntimeLimits::default())
}

/// [`locate`] within limits on folders and downloads.
///
/// # Errors
/// Those of [`locate`]; [`ModelError::Forbidden`] for a model that the limits
/// do not allow. It does not reveal whether a path exists.
pub fn locate_within(
    name: &str,
    model_dir: Option<&Path>,
    limits: &RuntimeLimits,
) -> Result<ModelLocation, ModelError> {
    let models = model_dir.map_or_else(|| home().join("models"), Path::to_path_buf);
    if name == DETERMINISTIC {
        return Ok(ModelLocation {
            name: name.to_string(),
            revision: "1".to_string(),
            entry: None,
            source: ModelSource::Deterministic,
        });
    }
    if limits.model_paths
        && let Some(folder) = as_path(name)?
    {
        let folder_name = folder.file_name().map(|n| n.to_string_lossy().to_string());
        return Ok(ModelLocation {
            name: folder_name.unwrap_or_else(|| name.to_string()),
            revision: "local".to_string(),
            // A folder with the name of an entry has that model.
            entry: folder
                .file_name()
                .and_then(|n| catalogue::find(&n.to_string_lossy())),
            source: ModelSource::Folder(folder),
        });
    }
    let entry = catalogue::find(name);
    let (repo, revision) = match (entry, name.split_once('@').unwrap_or((name, "main"))) {
        (Some(entry), _) => (entry.repo, entry.revision),
        (None, (repo, revision)) if is_repository(repo) => (repo, revision),
        _ if limits.model_paths => return Err(unknown(name, &models)),
        _ => return Err(no_such_name(name)),
    };
    check_names(repo, revision)?;
    let shown_name = entry.map_or(repo, |entry| entry.name);
    let location = |source| ModelLocation {
        name: shown_name.to_string(),
        revision: revision.to_string(),
        entry,
        source,
    };
    let folder = models.join(shown_name);
    if folder.join("config.json").is_file() {
        return Ok(location(ModelSource::Folder(folder)));
    }
    let hub = Hub::from_env();
    let cached = WEIGHTS
        .iter()
        .find_map(|weights| hub.cached(repo, revision, &["config.json", weights]));
    if let Some(folder) = cached {
        // Another program may have downloaded a part of the files.
        let can_download = limits.downloads && hub.unavailable_reason().is_none();
        return Ok(location(if can_download && !is_complete(&hub, &folder) {
            ModelSource::Hub(repo.to_string())
        } else {
            ModelSource::Folder(folder)
        }));
    }
    if !limits.downloads {
        return Err(not_downloaded(
            shown_name,
            entry.is_none().then_some(revision),
        ));
    }
    if let Some(reason) = hub.unavailable_reason() {
        return Err(ModelError::Missing {
            what: format!("model {shown_name}"),
            path: folder,
            hint: format!(
                "{reason}, run `semql setup`, which installs the default model, \
                 or put the files of the model into that folder"
            ),
        });
    }
    Ok(location(ModelSource::Hub(repo.to_string())))
}

/// Returns the folder of the model, after downloading it from the hub if needed.
/// No file of more than `max_file_bytes` is downloaded.
///
/// # Errors
/// Those of [`Hub::fetch`].
pub fn fetch(
    location: &ModelLocation,
    max_file_bytes: u64,
    progress: &dyn DownloadProgress,
) -> Result<PathBuf, ModelError> {
    match &location.source {
        ModelSource::Folder(folder) => Ok(folder.clone()),
        ModelSource::Hub(repo) => {
            let mut hub = Hub::from_env();
            hub.max_file_bytes = max_file_bytes;
            fetch_all(&hub, repo, &location.revision, progress)
        }
        ModelSource::Deterministic => Ok(PathBuf::new()),
    }
}

/// Downloads the files of every model, and then those that they name.
fn fetch_all(
    hub: &Hub,
    repo: &str,
    revision: &str,
    progress: &dyn DownloadProgress,
) -> Result<PathBuf, ModelError> {
    let folder = hub.fetch(repo, revision, REQUIRED_FILES, &optional_files(), progress)?;
    let named = NamedFiles::read(&folder)?;
    if named == NamedFiles::default() {
        return Ok(folder);
    }
    let required: Vec<Vec<&str>> = named
        .required
        .iter()
        .map(|names| names.iter().map(String::as_str).collect())
        .collect();
    let required: Vec<&[&str]> = required.iter().map(Vec::as_slice).collect();
    let optional: Vec<&str> = named.optional.iter().map(String::as_str).collect();
    // All files are of one commit, which is the name of the folder.
    let commit = folder.file_name().unwrap_or_default().to_string_lossy();
    hub.fetch(repo, &commit, &required, &optional, progress)
}

/// Whether a folder of the hub's cache has all files that its files name, and it is
/// known whether there is a `modules.json`.
fn is_complete(hub: &Hub, folder: &Path) -> bool {
    hub.is_known(folder, "modules.json")
        // Reading the model reports the error.
        && NamedFiles::read(folder).map_or(true, |named| named.are_in(folder))
}

/// The folder called `name`; `None` if there is none and `name` has no path syntax.
fn as_path(name: &str) -> Result<Option<PathBuf>, ModelError> {
    let written_as_path = name.starts_with(['/', '.', '~']) || name.contains('\\');
    let path = match (name.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(name),
    };
    let folder = if path.is_file() {
        path.parent().map(Path::to_path_buf)
    } else {
        Some(path.clone())
    };
    let is_model = |folder: &PathBuf| {
        // The encoder of an older model is in a folder below, which modules.json names.
        ["config.json", "modules.json"]
            .iter()
            .any(|name| folder.join(name).is_file())
    };
    match folder.filter(is_model) {
        Some(folder) => Ok(Some(std::path::absolute(&folder).unwrap_or(folder))),
        None if written_as_path => Err(ModelError::Missing {
            what: "a model's config.json".to_string(),
            path,
            hint: "set ai.model to a folder with config.json, tokenizer.json and weights \
                   (model.safetensors, pytorch_model.bin or model.onnx), or to a name that SHOW MODELS lists"
                .to_string(),
        }),
        None => Ok(None),
    }
}

fn is_repository(name: &str) -> bool {
    let mut parts = name.split('/');
    let ok = |part: Option<&str>| {
        part.is_some_and(|p| {
            !p.is_empty()
                && !p.starts_with('.')
                && p.chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        })
    };
    ok(parts.next()) && ok(parts.next()) && parts.next().is_none()
}

/// The names of the catalogue, after the one most similar to `name`.
fn suggestion(name: &str) -> String {
    let names: Vec<&str> = CATALOGUE.iter().map(|entry| entry.name).collect();
    let nearest = names
        .iter()
        .map(|known| (strsim::levenshtein(known, &name.to_lowercase()), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len() / 3)
        .map(|(_, known)| format!("did you mean '{known}'? "))
        .unwrap_or_default();
    format!("{nearest}known models are {}", names.join(", "))
}

fn unknown(name: &str, models: &Path) -> ModelError {
    ModelError::Missing {
        what: format!("a model called '{name}'"),
        path: models.join(name),
        hint: format!(
            "{}; or write the path of a folder, or owner/name on the hub",
            suggestion(name)
        ),
    }
}

/// Error for a name that can only be a path. It does not depend on whether the
/// path exists.
fn no_such_name(name: &str) -> ModelError {
    ModelError::Forbidden(format!(
        "unknown model '{name}', and folders are not allowed as models here: {}, or write owner/name \
         on the hub; ask the administrator to install the model",
        suggestion(name)
    ))
}

/// Error for a model that needs a forbidden download. `model` and `revision` are
/// checked names, so the command can be copied.
fn not_downloaded(model: &str, revision: Option<&str>) -> ModelError {
    let model = match revision {
        None | Some("main") => model.to_string(),
        Some(revision) => format!("{model}@{revision}"),
    };
    ModelError::Forbidden(format!(
        "the model {model} is not installed, and downloads are not allowed here: ask the \
         administrator to download it with semql -c \"SET ai.model = '{model}'; SELECT embed('x')\""
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const STRICT: RuntimeLimits = RuntimeLimits {
        max_models: 1,
        downloads: false,
        model_paths: false,
        clear_cache: false,
        max_download_bytes: 0,
    };

    /// A model folder with a model called `name`.
    fn installed(name: &str) -> tempfile::TempDir {
        let models = tempfile::tempdir().unwrap();
        let folder = models.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.json"), "{}").unwrap();
        models
    }

    fn refusal(name: &str, models: &Path) -> String {
        match locate_within(name, Some(models), &STRICT) {
            Err(ModelError::Forbidden(message)) => message,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn refusals_do_not_reveal_whether_a_path_exists() {
        let models = installed("own/model");
        let here = models.path().join("own/model").display().to_string();
        assert!(locate(&here, Some(models.path())).is_ok());
        let absent = models.path().join("no/model").display().to_string();
        let [here, absent] =
            [here, absent].map(|path| refusal(&path, models.path()).replace(&path, "PATH"));
        assert_eq!(here, absent);
        for name in [
            ".",
            "..",
            "./own/model",
            "../x",
            "~",
            "~/x",
            "a/b/c",
            r"C:\x",
            "src",
            "",
            "a b",
        ] {
            let message = refusal(name, models.path());
            assert!(message.contains("folders are not allowed"), "{message}");
        }
        for name in ["own/..", "own/model@../.."] {
            let located = locate_within(name, Some(models.path()), &STRICT);
            assert!(located.is_err(), "{located:?}");
        }
    }

    #[test]
    fn an_installed_model_needs_no_permission() {
        let default = catalogue::DEFAULT_MODEL;
        for name in ["own/model", default] {
            let models = installed(name);
            let located = locate_within(name, Some(models.path()), &STRICT).unwrap();
            assert_eq!(
                located.source,
                ModelSource::Folder(models.path().join(name))
            );
        }
        let located = locate_within(DETERMINISTIC, None, &STRICT).unwrap();
        assert_eq!(located.source, ModelSource::Deterministic);
    }

    #[test]
    fn a_model_that_needs_a_download_is_refused_with_a_hint() {
        let models = installed("own/model");
        let message = refusal("own/absent@v2", models.path());
        assert!(
            message.contains("semql -c \"SET ai.model = 'own/absent@v2'; SELECT embed('x')\""),
            "{message}"
        );
        let open = RuntimeLimits {
            downloads: true,
            ..STRICT
        };
        // Without a network, the error is another one.
        let located = locate_within("own/absent", Some(models.path()), &open);
        assert!(!matches!(located, Err(ModelError::Forbidden(_))));
    }

    #[cfg(feature = "hub")]
    #[test]
    fn files_that_other_files_name_are_downloaded() {
        use super::super::hub::fake_hub::{FakeHub, FakeResponse};

        const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
        struct Silent;
        impl DownloadProgress for Silent {
            fn start(&self, _: &str, _: Option<u64>) {}
            fn advance(&self, _: u64) {}
            fn finish(&self) {}
        }
        let server = FakeHub::start(|request| {
            let file = request.path.split_once(COMMIT).unwrap().1;
            let content = match file {
                "/modules.json" => {
                    r#"[{"path": "", "type": "sentence_transformers.models.Transformer"},
                        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                        {"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]"#
                }
                "/model.safetensors.index.json" => {
                    r#"{"weight_map": {"a": "model-1-of-1.safetensors"}}"#
                }
                "/config.json"
                | "/vocab.txt"
                | "/1_Pooling/config.json"
                | "/2_Dense/config.json"
                | "/2_Dense/pytorch_model.bin"
                | "/model-1-of-1.safetensors" => "{}",
                _ => {
                    return FakeResponse::status(404).header("x-error-code", "EntryNotFound");
                }
            };
            FakeResponse::file(request, content.as_bytes()).header("etag", "\"a git hash\"")
        });
        let cache = tempfile::tempdir().unwrap();
        let hub = Hub::new(&server.url, None, cache.path(), false);
        let folder = fetch_all(&hub, "own/model", COMMIT, &Silent).unwrap();
        for file in ["2_Dense/pytorch_model.bin", "model-1-of-1.safetensors"] {
            assert!(folder.join(file).is_file(), "{file}");
        }
        assert!(is_complete(&hub, &folder));
        // All that exists and all that does not is known now.
        let requests = server.paths().len();
        fetch_all(&hub, "own/model", COMMIT, &Silent).unwrap();
        assert_eq!(server.paths().len(), requests);
        fs::remove_file(folder.join("2_Dense/config.json")).unwrap();
        assert!(!is_complete(&hub, &folder));
        fs::remove_file(folder.join("modules.json")).unwrap();
        assert!(!is_complete(&hub, &folder));
    }
}
