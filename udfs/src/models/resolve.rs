//! From the name in a query to a folder with the model's files.

use std::path::{Path, PathBuf};

use super::catalogue::{self, CATALOGUE, ModelEntry};
use super::hub::{DownloadProgress, Hub};
use super::{ModelError, home};

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
    let models = model_dir.map_or_else(|| home().join("models"), Path::to_path_buf);
    if name == DETERMINISTIC {
        return Ok(Location {
            name: name.to_string(),
            revision: "1".to_string(),
            entry: None,
            source: Source::Deterministic,
        });
    }
    if let Some(folder) = as_path(name)? {
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
        _ => return Err(unknown(name, &models)),
    };
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

/// The model's folder, fetched from the hub where it is not here yet.
pub fn fetch(location: &Location, progress: &dyn DownloadProgress) -> Result<PathBuf, ModelError> {
    match &location.source {
        Source::Folder(folder) => Ok(folder.clone()),
        Source::Hub(repo) => {
            Hub::from_env().fetch(repo, &location.revision, REQUIRED, OPTIONAL, progress)
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
                && p.chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        })
    };
    ok(parts.next()) && ok(parts.next()) && parts.next().is_none()
}

fn unknown(name: &str, models: &Path) -> ModelError {
    let names: Vec<&str> = CATALOGUE.iter().map(|entry| entry.name).collect();
    let nearest = names
        .iter()
        .map(|known| (strsim::levenshtein(known, &name.to_lowercase()), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len() / 3)
        .map(|(_, known)| format!("did you mean '{known}'? "))
        .unwrap_or_default();
    ModelError::Missing {
        what: format!("a model called '{name}'"),
        path: models.join(name),
        hint: format!(
            "{nearest}there are {}; a folder's path and owner/name on the hub work too",
            names.join(", ")
        ),
    }
}
