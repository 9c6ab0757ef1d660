//! From the name in a query to a folder with the model's files.

use std::path::{Path, PathBuf};

use super::catalogue::{self, CATALOGUE, ModelEntry};
use super::hub::{DownloadProgress, Hub, check_names};
use super::{ModelError, home};
use crate::limits::RuntimeLimits;

/// The name of the model that needs no files: for tests of plans and SQL.
pub const DETERMINISTIC: &str = "deterministic";

/// What a hub folder must hold, each with its alternatives in order.
const REQUIRED: &[&[&str]] = &[
    &["config.json"],
    &["tokenizer.json", "vocab.txt"],
    &["model.safetensors", "pytorch_model.bin", "onnx/model.onnx"],
];

/// What is taken along where the publisher has it.
const OPTIONAL: &[&str] = &[
    "modules.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "tokenizer_config.json",
];

/// A model that a query names.
#[derive(Clone, Debug)]
pub struct Location {
    /// The name by which answers and vectors know it.
    pub name: String,
    pub revision: String,
    pub entry: Option<&'static ModelEntry>,
    pub source: Source,
}

/// Where a model's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Needs none.
    Deterministic,
    /// On this machine.
    Folder(PathBuf),
    /// To be fetched from the hub's repository of that name.
    Hub(String),
}

/// Finds the model called `name`: a path, a folder of the model cache, the
/// hub's cache, and at last the hub, which is only named here, not asked.
///
/// # Errors
/// [`ModelError::Missing`] saying where was looked and what names there are.
pub fn locate(name: &str, model_dir: Option<&Path>) -> Result<Location, ModelError> {
    locate_within(name, model_dir, &RuntimeLimits::default())
}

/// The same, where `limits` may rule out folders and downloads.
///
/// # Errors
/// Those of [`locate`]; [`ModelError::Forbidden`] for a model that the limits
/// rule out, which does not reveal whether a path exists.
pub fn locate_within(
    name: &str,
    model_dir: Option<&Path>,
    limits: &RuntimeLimits,
) -> Result<Location, ModelError> {
    let models = model_dir.map_or_else(|| home().join("models"), Path::to_path_buf);
    if name == DETERMINISTIC {
        return Ok(Location {
            name: name.to_string(),
            revision: "1".to_string(),
            entry: None,
            source: Source::Deterministic,
        });
    }
    if limits.model_paths
        && let Some(folder) = as_path(name)?
    {
        let own = folder.file_name().map(|n| n.to_string_lossy().to_string());
        return Ok(Location {
            name: own.unwrap_or_else(|| name.to_string()),
            revision: "local".to_string(),
            // A folder of a known name is that model, unpacked by hand.
            entry: folder
                .file_name()
                .and_then(|n| catalogue::find(&n.to_string_lossy())),
            source: Source::Folder(folder),
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
    let known_as = entry.map_or(repo, |entry| entry.name);
    let location = |source| Location {
        name: known_as.to_string(),
        revision: revision.to_string(),
        entry,
        source,
    };
    let folder = models.join(known_as);
    if folder.join("config.json").is_file() {
        return Ok(location(Source::Folder(folder)));
    }
    let hub = Hub::from_env();
    for weights in REQUIRED[2] {
        if let Some(folder) = hub.cached(repo, revision, &["config.json", weights]) {
            return Ok(location(Source::Folder(folder)));
        }
    }
    if !limits.downloads {
        return Err(not_downloaded(
            known_as,
            entry.is_none().then_some(revision),
        ));
    }
    if let Some(why) = hub.closed() {
        return Err(ModelError::Missing {
            what: format!("model {known_as}"),
            path: folder,
            hint: format!(
                "{why}, run `semql setup`, which brings the default model, \
                 or put the model's files in that folder"
            ),
        });
    }
    Ok(location(Source::Hub(repo.to_string())))
}

/// The model's folder, fetched from the hub where it is not here yet. No file
/// of more than `max_file_bytes` is downloaded.
///
/// # Errors
/// Those of [`Hub::fetch`].
pub fn fetch(
    location: &Location,
    max_file_bytes: u64,
    progress: &dyn DownloadProgress,
) -> Result<PathBuf, ModelError> {
    match &location.source {
        Source::Folder(folder) => Ok(folder.clone()),
        Source::Hub(repo) => {
            let mut hub = Hub::from_env();
            hub.max_file_bytes = max_file_bytes;
            hub.fetch(repo, &location.revision, REQUIRED, OPTIONAL, progress)
        }
        Source::Deterministic => Ok(PathBuf::new()),
    }
}

/// `name` as a folder, where it is written like a path or is one.
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
    match folder.filter(|folder| folder.join("config.json").is_file()) {
        Some(folder) => Ok(Some(std::path::absolute(&folder).unwrap_or(folder))),
        None if written_as_path => Err(ModelError::Missing {
            what: "a model's config.json".to_string(),
            path,
            hint: "ai.model is a folder with config.json, tokenizer.json and weights \
                   (model.safetensors, pytorch_model.bin or model.onnx), or a name that SHOW MODELS lists"
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

/// Names of the catalogue, after the one that `name` may have been meant as.
fn suggestion(name: &str) -> String {
    let names: Vec<&str> = CATALOGUE.iter().map(|entry| entry.name).collect();
    let nearest = names
        .iter()
        .map(|known| (strsim::levenshtein(known, &name.to_lowercase()), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len() / 3)
        .map(|(_, known)| format!("did you mean '{known}'? "))
        .unwrap_or_default();
    format!("{nearest}there are {}", names.join(", "))
}

fn unknown(name: &str, models: &Path) -> ModelError {
    ModelError::Missing {
        what: format!("a model called '{name}'"),
        path: models.join(name),
        hint: format!(
            "{}; a folder's path and owner/name on the hub work too",
            suggestion(name)
        ),
    }
}

/// Refusal of a name that can only be a path. It is the same whether the path
/// exists or not.
fn no_such_name(name: &str) -> ModelError {
    ModelError::Forbidden(format!(
        "no model is called '{name}', and folders are not allowed as models here: {}, and owner/name \
         of the hub; ask the administrator to install the model",
        suggestion(name)
    ))
}

/// Refusal of a model that would have to be downloaded. `model` and `revision`
/// are sound names, so the command can be copied.
fn not_downloaded(model: &str, revision: Option<&str>) -> ModelError {
    let model = match revision {
        None | Some("main") => model.to_string(),
        Some(revision) => format!("{model}@{revision}"),
    };
    ModelError::Forbidden(format!(
        "the model {model} is not on this machine, and downloads are not allowed here: ask the \
         administrator to download it, with semql -c \"SET ai.model = '{model}'; SELECT embed('x')\""
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const CLOSED: RuntimeLimits = RuntimeLimits {
        max_models: 1,
        downloads: false,
        model_paths: false,
        clear_cache: false,
        max_download_bytes: 0,
    };

    /// A folder of models that holds a model of that name.
    fn installed(name: &str) -> tempfile::TempDir {
        let models = tempfile::tempdir().unwrap();
        let folder = models.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.json"), "{}").unwrap();
        models
    }

    fn refusal(name: &str, models: &Path) -> String {
        match locate_within(name, Some(models), &CLOSED) {
            Err(ModelError::Forbidden(message)) => message,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn paths_are_refused_alike_whether_they_exist_or_not() {
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
            let located = locate_within(name, Some(models.path()), &CLOSED);
            assert!(located.is_err(), "{located:?}");
        }
    }

    #[test]
    fn what_is_installed_needs_no_permission() {
        let default = catalogue::DEFAULT;
        for name in ["own/model", default] {
            let models = installed(name);
            let located = locate_within(name, Some(models.path()), &CLOSED).unwrap();
            assert_eq!(located.source, Source::Folder(models.path().join(name)));
        }
        let located = locate_within(DETERMINISTIC, None, &CLOSED).unwrap();
        assert_eq!(located.source, Source::Deterministic);
    }

    #[test]
    fn a_model_that_would_be_downloaded_is_refused_with_what_to_do() {
        let models = installed("own/model");
        let message = refusal("own/absent@v2", models.path());
        assert!(
            message.contains("semql -c \"SET ai.model = 'own/absent@v2'; SELECT embed('x')\""),
            "{message}"
        );
        let open = RuntimeLimits {
            downloads: true,
            ..CLOSED
        };
        // Offline machines refuse it for another reason.
        let located = locate_within("own/absent", Some(models.path()), &open);
        assert!(!matches!(located, Err(ModelError::Forbidden(_))));
    }
}
