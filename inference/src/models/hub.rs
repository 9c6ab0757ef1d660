//! Models from the Hugging Face hub, in the cache of Python's `huggingface_hub`:
//! each finds the files that the other has downloaded.
//!
//! `CACHE/models--OWNER--NAME/snapshots/COMMIT/FILE` are the files. Python stores
//! links into `blobs/`, semql the files themselves. `refs/BRANCH` has the commit
//! of a branch, `.no_exist/COMMIT/FILE` marks a file that a repository lacks.

mod download_progress;
#[cfg(feature = "hub")]
mod http;
#[cfg(feature = "hub")]
mod transfer;
#[cfg(not(feature = "hub"))]
#[path = "hub/no_transfer.rs"]
mod transfer;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

pub use download_progress::DownloadProgress;

use super::ModelError;
use crate::atomic_file;
use crate::cancellation::CANCEL_CHECK_INTERVAL;
use crate::limits::DEFAULT_MAX_DOWNLOAD_BYTES;
use transfer::{Transfer, Transferred};

const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// Client of a hub, with its cache folder.
pub struct Hub {
    pub endpoint: String,
    token: Option<String>,
    pub cache: PathBuf,
    /// Never use the network.
    pub offline: bool,
    /// Maximum size of a downloaded file, in bytes.
    pub max_file_bytes: u64,
}

impl Hub {
    /// The hub of the environment variables that `huggingface_hub` reads:
    /// `HF_ENDPOINT`, `HF_TOKEN` (or `HF_TOKEN_PATH`, or the file `token` in
    /// `HF_HOME`), `HF_HUB_CACHE`, `HF_HOME`, `HF_HUB_OFFLINE`.
    pub fn from_env() -> Hub {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Hub {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let user = variable("HOME")
            .map(PathBuf::from)
            .or_else(std::env::home_dir)
            .unwrap_or_default();
        let path = |name: &str| {
            variable(name).map(|value| match value.strip_prefix("~/") {
                Some(rest) => user.join(rest),
                None => PathBuf::from(value),
            })
        };
        let home = path("HF_HOME").unwrap_or_else(|| {
            path("XDG_CACHE_HOME")
                .unwrap_or_else(|| user.join(".cache"))
                .join("huggingface")
        });
        let token = variable("HF_TOKEN")
            .or_else(|| variable("HUGGING_FACE_HUB_TOKEN"))
            .or_else(|| {
                let file = path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
                fs::read_to_string(file).ok()
            });
        let offline = variable("HF_HUB_OFFLINE").is_some_and(|value| {
            ["1", "on", "yes", "true"].contains(&value.trim().to_ascii_lowercase().as_str())
        });
        Hub {
            endpoint: variable("HF_ENDPOINT").unwrap_or_else(|| DEFAULT_ENDPOINT.to_string()),
            token,
            cache: path("HF_HUB_CACHE")
                .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
                .unwrap_or_else(|| home.join("hub")),
            offline,
            max_file_bytes: DEFAULT_MAX_DOWNLOAD_BYTES,
        }
        .normalized()
    }

    /// A hub with explicit settings, for tests.
    pub fn new(endpoint: &str, token: Option<&str>, cache: &Path, offline: bool) -> Hub {
        Hub {
            endpoint: endpoint.to_string(),
            token: token.map(str::to_string),
            cache: cache.to_path_buf(),
            offline,
            max_file_bytes: DEFAULT_MAX_DOWNLOAD_BYTES,
        }
        .normalized()
    }

    fn normalized(mut self) -> Hub {
        self.endpoint = self.endpoint.trim().trim_end_matches('/').to_string();
        self.token = self
            .token
            .map(|token| token.trim().to_string())
            .filter(|t| !t.is_empty());
        self
    }

    /// Why downloads are not possible, and how to change that; `None` if they are.
    pub(super) fn unavailable_reason(&self) -> Option<&'static str> {
        if !cfg!(feature = "hub") {
            Some(
                "this program was built without downloads; build it with the feature `hub` of semql-udfs",
            )
        } else if self.offline {
            Some("HF_HUB_OFFLINE is set, so nothing is downloaded; unset it")
        } else {
            None
        }
    }

    /// The cached folder of `repo` at `revision` (a commit, branch or tag), if it
    /// contains all of `files`. Does not use the network.
    pub fn cached(&self, repo: &str, revision: &str, files: &[&str]) -> Option<PathBuf> {
        check_names(repo, revision).ok()?;
        let folder = self.snapshot(repo, revision)?;
        files
            .iter()
            .all(|file| folder.join(file).is_file())
            .then_some(folder)
    }

    /// Whether `folder`, the cached folder of a revision, has `file`, or the
    /// repository is known to lack it.
    pub fn is_known(&self, folder: &Path, file: &str) -> bool {
        let marker = folder.parent().and_then(Path::parent).map(|repository| {
            let commit = folder.file_name().unwrap_or_default();
            repository.join(".no_exist").join(commit).join(file)
        });
        folder.join(file).is_file() || marker.is_some_and(|marker| marker.exists())
    }

    /// Downloads the missing files of `repo` at `revision` and returns their
    /// folder. Of each entry of `required`, the first file that exists is
    /// downloaded; of `optional`, all files that exist. Uses the network only for
    /// files that are not cached.
    ///
    /// # Errors
    /// [`ModelError::Download`] if a download fails or its content is wrong,
    /// [`ModelError::Missing`] if the repository lacks a required file or the hub
    /// is offline, [`ModelError::TooLarge`] for a file of more than
    /// `max_file_bytes`, [`ModelError::Cancelled`] once `progress` is cancelled,
    /// [`ModelError::Io`].
    pub fn fetch(
        &self,
        repo: &str,
        revision: &str,
        required: &[&[&str]],
        optional: &[&str],
        progress: &dyn DownloadProgress,
    ) -> Result<PathBuf, ModelError> {
        check_names(repo, revision)?;
        let repository = self.repository_folder(repo);
        let is_cached =
            |folder: &Path, names: &[&str]| names.iter().any(|n| folder.join(n).is_file());
        let complete = |folder: &PathBuf| required.iter().all(|names| is_cached(folder, names));
        let cached = self.snapshot(repo, revision).filter(complete);
        if let Some(reason) = self.unavailable_reason() {
            return cached.ok_or_else(|| ModelError::Missing {
                what: format!("{repo} at revision {revision}"),
                path: repository.join("snapshots").join(revision),
                hint: format!("{reason}, or put {} into that folder", file_list(required)),
            });
        }
        let token = self.token.as_deref();
        let transfer = Transfer::new(&self.endpoint, token, self.max_file_bytes);
        let fetch_file = |commit: &str, folder: &Path, file: &str| {
            self.fetch_file(&transfer, repo, commit, folder, file, progress)
        };
        if let Some(folder) = cached {
            // All required files are cached, so errors are ignored. A folder that
            // another program has downloaded may lack the pooling configuration.
            let commit = file_name(&folder);
            let _ = optional
                .iter()
                .try_for_each(|file| fetch_file(&commit, &folder, file).map(drop));
            return Ok(folder);
        }
        let by_hand = format!(
            "or put {} into {} by hand",
            file_list(required),
            repository.join("snapshots").join(revision).display()
        );
        let with_manual_hint = |error| match error {
            ModelError::Download { url, reason, hint } => ModelError::Download {
                url,
                reason,
                hint: format!("{hint}, {by_hand}"),
            },
            other => other,
        };
        if progress.cancelled() {
            return Err(self.cancelled(repo));
        }
        let commit = self
            .commit(&transfer, repo, revision)
            .map_err(with_manual_hint)?;
        let folder = repository.join("snapshots").join(&commit);
        fs::create_dir_all(&folder).map_err(|e| ModelError::io(&folder, e))?;
        let cancelled = || progress.cancelled();
        let _lock =
            lock_repository(&repository, &cancelled)?.ok_or_else(|| self.cancelled(repo))?;
        // Optional files first: a folder with the required files then has the
        // optional ones too, if they exist.
        for file in optional {
            fetch_file(&commit, &folder, file).map_err(with_manual_hint)?;
        }
        for names in required {
            if is_cached(&folder, names) {
                continue;
            }
            let mut found = false;
            for file in *names {
                found = fetch_file(&commit, &folder, file).map_err(with_manual_hint)?;
                if found {
                    break;
                }
            }
            if !found {
                return Err(ModelError::Missing {
                    what: names.join(" or "),
                    path: PathBuf::from(format!("{}/{repo}/tree/{commit}", self.endpoint)),
                    hint: "semql needs it to run the model; choose a repository with this file"
                        .to_string(),
                });
            }
        }
        if commit != revision {
            let path = repository.join("refs").join(revision);
            write_text(&path, &commit).map_err(|e| ModelError::io(&path, e))?;
        }
        Ok(folder)
    }

    fn cancelled(&self, repo: &str) -> ModelError {
        ModelError::Cancelled {
            url: format!("{}/{repo}", self.endpoint),
        }
    }

    fn repository_folder(&self, repo: &str) -> PathBuf {
        self.cache
            .join(format!("models--{}", repo.replace('/', "--")))
    }

    /// The folder of a revision, if there is one.
    fn snapshot(&self, repo: &str, revision: &str) -> Option<PathBuf> {
        let repository = self.repository_folder(repo);
        let folder = repository.join("snapshots").join(revision);
        if folder.is_dir() {
            return Some(folder);
        }
        let commit = fs::read_to_string(repository.join("refs").join(revision)).ok()?;
        let folder =
            is_commit(commit.trim()).then(|| repository.join("snapshots").join(commit.trim()))?;
        folder.is_dir().then_some(folder)
    }

    /// The current commit of a branch or tag, so that all files are of the same
    /// commit.
    fn commit(
        &self,
        transfer: &Transfer,
        repo: &str,
        revision: &str,
    ) -> Result<String, ModelError> {
        if is_commit(revision) {
            return Ok(revision.to_string());
        }
        let escaped = revision.replace('/', "%2F");
        let url = format!("{}/api/models/{repo}/revision/{escaped}", self.endpoint);
        let text = transfer.text(&url)?;
        serde_json::from_str::<serde_json::Value>(&text)
            .ok()
            .and_then(|response| response.get("sha")?.as_str().map(str::to_string))
            .filter(|commit| is_commit(commit))
            .ok_or_else(|| ModelError::Download {
                url,
                reason: "the response has no commit, so this is not a hub".to_string(),
                hint: "check HF_ENDPOINT".to_string(),
            })
    }

    /// Downloads `file` into `folder` unless it is there. Returns false if the
    /// repository lacks it.
    fn fetch_file(
        &self,
        transfer: &Transfer,
        repo: &str,
        commit: &str,
        folder: &Path,
        file: &str,
        progress: &dyn DownloadProgress,
    ) -> Result<bool, ModelError> {
        let target = folder.join(file);
        let absent = self
            .repository_folder(repo)
            .join(".no_exist")
            .join(commit)
            .join(file);
        if target.is_file() {
            return Ok(true);
        }
        if absent.exists() {
            return Ok(false);
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(|e| ModelError::io(parent, e))?;
        }
        let url = format!("{}/{repo}/resolve/{commit}/{file}", self.endpoint);
        match transfer.file(&url, file, &target, progress)? {
            Transferred::Complete => Ok(true),
            Transferred::Absent => {
                // The marker only saves a later request, so errors are ignored.
                let _ = write_text(&absent, "");
                Ok(false)
            }
        }
    }
}

/// The required files in a sentence: "config.json and model.safetensors".
fn file_list(required: &[&[&str]]) -> String {
    let first: Vec<&str> = required
        .iter()
        .filter_map(|names| names.first().copied())
        .collect();
    first.join(" and ")
}

fn file_name(folder: &Path) -> String {
    folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Checks names that become parts of paths and URLs: they must not lead out of
/// their folder.
pub(super) fn check_names(repo: &str, revision: &str) -> Result<(), ModelError> {
    let valid = |name: &str| {
        name.split('/').all(|part| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain)
        })
    };
    let problem = if !valid(repo) || repo.split('/').count() > 2 {
        format!("'{repo}' is not the name of a repository")
    } else if !valid(revision) {
        format!("'{revision}' is not a revision")
    } else {
        return Ok(());
    };
    Err(ModelError::Download {
        url: repo.to_string(),
        reason: problem,
        hint: "write owner/name, or owner/name@revision with a commit, branch or tag".to_string(),
    })
}

/// Locks a repository against downloads by other processes and threads; `None`
/// once `cancelled`. Dropping the file and the end of the process unlock it.
fn lock_repository(
    repository: &Path,
    cancelled: &dyn Fn() -> bool,
) -> Result<Option<File>, ModelError> {
    let path = repository.join(".semql.lock");
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(|e| ModelError::io(&path, e))?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            // Some network file systems have no locks; files are still renamed atomically.
            Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => {
                return Ok(Some(file));
            }
            Err(TryLockError::Error(e)) => return Err(ModelError::io(&path, e)),
            Err(TryLockError::WouldBlock) if cancelled() => return Ok(None),
            Err(TryLockError::WouldBlock) => std::thread::sleep(CANCEL_CHECK_INTERVAL),
        }
    }
}

fn write_text(path: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(atomic_file::parent_folder(path))?;
    atomic_file::write_atomically(path, |file| file.write_all(text.as_bytes()))
}

#[cfg(all(test, feature = "hub"))]
pub(super) mod fake_hub;
#[cfg(all(test, feature = "hub"))]
mod tests;
