//! Models from the Hugging Face hub, kept in the cache that Python's
//! `huggingface_hub` uses too: what one has fetched, the other finds.
//!
//! `CACHE/models--OWNER--NAME/snapshots/COMMIT/FILE` are the files (there,
//! often links into `blobs/`; here, the files themselves), `refs/BRANCH` holds a
//! branch's commit, `.no_exist/COMMIT/FILE` remembers what a repository lacks.

#[cfg(feature = "hub")]
mod transfer;
#[cfg(not(feature = "hub"))]
#[path = "hub/no_transfer.rs"]
mod transfer;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::ModelError;
use crate::files;
use crate::limits::DEFAULT_MAX_DOWNLOAD_BYTES;
use crate::waiting::CANCEL_CHECK_INTERVAL;
use transfer::{Transfer, Transferred};

const ENDPOINT: &str = "https://huggingface.co";

/// Told how a download goes. `start` may come again for a file whose download
/// had to begin anew.
pub trait DownloadProgress {
    /// A file of `total` bytes, where the hub says so, comes next.
    fn start(&self, file: &str, total: Option<u64>);
    /// That many bytes more are here; those of an earlier, interrupted attempt
    /// are counted first.
    fn advance(&self, bytes: u64);
    /// The file is whole, or was given up.
    fn finish(&self);
    /// Asked often: whether to stop. What is here by then is kept for later.
    fn cancelled(&self) -> bool {
        false
    }
}

/// A hub, and the folder of what was fetched from it.
pub struct Hub {
    pub endpoint: String,
    token: Option<String>,
    pub cache: PathBuf,
    /// Never use the network.
    pub offline: bool,
    /// Largest file, in bytes, that is downloaded.
    pub max_file_bytes: u64,
}

impl Hub {
    /// The hub that the environment describes, by the variables that
    /// `huggingface_hub` reads: `HF_ENDPOINT`, `HF_TOKEN` (or `HF_TOKEN_PATH`,
    /// or the file `token` in `HF_HOME`), `HF_HUB_CACHE`, `HF_HOME`,
    /// `HF_HUB_OFFLINE`.
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
            endpoint: variable("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_string()),
            token,
            cache: path("HF_HUB_CACHE")
                .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
                .unwrap_or_else(|| home.join("hub")),
            offline,
            max_file_bytes: DEFAULT_MAX_DOWNLOAD_BYTES,
        }
        .tidy()
    }

    /// A hub described in full, as tests need.
    pub fn new(endpoint: &str, token: Option<&str>, cache: &Path, offline: bool) -> Hub {
        Hub {
            endpoint: endpoint.to_string(),
            token: token.map(str::to_string),
            cache: cache.to_path_buf(),
            offline,
            max_file_bytes: DEFAULT_MAX_DOWNLOAD_BYTES,
        }
        .tidy()
    }

    fn tidy(mut self) -> Hub {
        self.endpoint = self.endpoint.trim().trim_end_matches('/').to_string();
        self.token = self
            .token
            .map(|token| token.trim().to_string())
            .filter(|t| !t.is_empty());
        self
    }

    /// Why nothing is fetched, and what would change that; `None` where the
    /// network may be used.
    pub(super) fn closed(&self) -> Option<&'static str> {
        if !cfg!(feature = "hub") {
            Some(
                "this program was built without the feature `hub` of semql-udfs, so it is not fetched; \
                 build it with that",
            )
        } else if self.offline {
            Some("HF_HUB_OFFLINE is set, so it is not fetched; unset it")
        } else {
            None
        }
    }

    /// The folder of `repo` at `revision` (a commit, branch or tag), if each of
    /// `files` is in it. Never uses the network.
    pub fn cached(&self, repo: &str, revision: &str, files: &[&str]) -> Option<PathBuf> {
        check_names(repo, revision).ok()?;
        let folder = self.snapshot(repo, revision)?;
        files
            .iter()
            .all(|file| folder.join(file).is_file())
            .then_some(folder)
    }

    /// Downloads what is missing of `repo` at `revision` and gives the folder
    /// that holds it. Of each entry of `required`, the first file that exists
    /// is taken; those of `optional` are taken where they exist. Uses the
    /// network only for files that are not on this machine.
    ///
    /// # Errors
    /// [`ModelError::Download`] where the hub does not give a file or gives a
    /// wrong one, [`ModelError::Missing`] where the repository lacks a required
    /// file or where the hub is offline, [`ModelError::TooLarge`] for a file of
    /// more than `max_file_bytes`, [`ModelError::Cancelled`] once `progress`
    /// is cancelled, [`ModelError::Io`].
    pub fn fetch(
        &self,
        repo: &str,
        revision: &str,
        required: &[&[&str]],
        optional: &[&str],
        progress: &dyn DownloadProgress,
    ) -> Result<PathBuf, ModelError> {
        check_names(repo, revision)?;
        let home = self.repository(repo);
        let is_here =
            |folder: &Path, names: &[&str]| names.iter().any(|n| folder.join(n).is_file());
        let whole = |folder: &PathBuf| required.iter().all(|names| is_here(folder, names));
        let here = self.snapshot(repo, revision).filter(whole);
        if let Some(why) = self.closed() {
            return here.ok_or_else(|| ModelError::Missing {
                what: format!("{repo} at revision {revision}"),
                path: home.join("snapshots").join(revision),
                hint: format!("{why}, or put {} into that folder", listed(required)),
            });
        }
        let token = self.token.as_deref();
        let transfer = Transfer::new(&self.endpoint, token, self.max_file_bytes);
        let take = |commit: &str, folder: &Path, file: &str| {
            self.take(&transfer, repo, commit, folder, file, progress)
        };
        if let Some(folder) = here {
            // Whole enough to work, so that a failure does not matter. But a
            // folder that another program has fetched may lack what says how to
            // pool, and working with that is better.
            let commit = name_of(&folder);
            let _ = optional
                .iter()
                .try_for_each(|file| take(&commit, &folder, file).map(drop));
            return Ok(folder);
        }
        let by_hand = format!(
            "or put {} into {} by hand",
            listed(required),
            home.join("snapshots").join(revision).display()
        );
        let advise = |error| match error {
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
        let commit = self.commit(&transfer, repo, revision).map_err(advise)?;
        let folder = home.join("snapshots").join(&commit);
        fs::create_dir_all(&folder).map_err(|e| ModelError::io(&folder, e))?;
        let cancelled = || progress.cancelled();
        let _held = hold(&home, &cancelled)?.ok_or_else(|| self.cancelled(repo))?;
        // Optional files first: whoever finds the required ones later may
        // then conclude that these are here as well, if they exist.
        for file in optional {
            take(&commit, &folder, file).map_err(advise)?;
        }
        for names in required {
            if is_here(&folder, names) {
                continue;
            }
            let mut found = false;
            for file in *names {
                found = take(&commit, &folder, file).map_err(advise)?;
                if found {
                    break;
                }
            }
            if !found {
                return Err(ModelError::Missing {
                    what: names.join(" or "),
                    path: PathBuf::from(format!("{}/{repo}/tree/{commit}", self.endpoint)),
                    hint: "semql needs it to run the model; choose a repository that has it"
                        .to_string(),
                });
            }
        }
        if commit != revision {
            let path = home.join("refs").join(revision);
            write_whole(&path, &commit).map_err(|e| ModelError::io(&path, e))?;
        }
        Ok(folder)
    }

    fn cancelled(&self, repo: &str) -> ModelError {
        ModelError::Cancelled {
            url: format!("{}/{repo}", self.endpoint),
        }
    }

    fn repository(&self, repo: &str) -> PathBuf {
        self.cache
            .join(format!("models--{}", repo.replace('/', "--")))
    }

    /// The folder of a revision, if there is one.
    fn snapshot(&self, repo: &str, revision: &str) -> Option<PathBuf> {
        let home = self.repository(repo);
        let folder = home.join("snapshots").join(revision);
        if folder.is_dir() {
            return Some(folder);
        }
        let commit = fs::read_to_string(home.join("refs").join(revision)).ok()?;
        let folder =
            is_commit(commit.trim()).then(|| home.join("snapshots").join(commit.trim()))?;
        folder.is_dir().then_some(folder)
    }

    /// The commit that a branch or tag stands for now, so that all files are
    /// of one state of the repository.
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
            .and_then(|answer| answer.get("sha")?.as_str().map(str::to_string))
            .filter(|commit| is_commit(commit))
            .ok_or_else(|| ModelError::Download {
                url,
                reason: "the answer names no commit, so this is no hub".to_string(),
                hint: "check HF_ENDPOINT".to_string(),
            })
    }

    /// Makes `file` be in `folder`; false where the repository lacks it.
    fn take(
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
            .repository(repo)
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
            Transferred::Whole => Ok(true),
            Transferred::Absent => {
                // Only saves the next question; not worth failing for.
                let _ = write_whole(&absent, "");
                Ok(false)
            }
        }
    }
}

/// The files to put by hand, as in "config.json and model.safetensors".
fn listed(required: &[&[&str]]) -> String {
    let first: Vec<&str> = required
        .iter()
        .filter_map(|names| names.first().copied())
        .collect();
    first.join(" and ")
}

fn name_of(folder: &Path) -> String {
    folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Names become parts of paths and addresses; they must stay below their folder.
pub(super) fn check_names(repo: &str, revision: &str) -> Result<(), ModelError> {
    let sound = |name: &str| {
        name.split('/').all(|part| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain)
        })
    };
    let problem = if !sound(repo) || repo.split('/').count() > 2 {
        format!("'{repo}' is no name of a repository")
    } else if !sound(revision) {
        format!("'{revision}' is no revision")
    } else {
        return Ok(());
    };
    Err(ModelError::Download {
        url: repo.to_string(),
        reason: problem,
        hint: "write owner/name, or owner/name@revision with a commit, branch or tag".to_string(),
    })
}

/// Lock file that keeps other processes and threads from fetching the same
/// repository meanwhile; `None` once `cancelled`. It is unlocked when dropped,
/// and when the process ends.
fn hold(home: &Path, cancelled: &dyn Fn() -> bool) -> Result<Option<File>, ModelError> {
    let path = home.join(".semql.lock");
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(|e| ModelError::io(&path, e))?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            // Some network file systems have no locks; renaming still keeps files whole.
            Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => {
                return Ok(Some(file));
            }
            Err(TryLockError::Error(e)) => return Err(ModelError::io(&path, e)),
            Err(TryLockError::WouldBlock) if cancelled() => return Ok(None),
            Err(TryLockError::WouldBlock) => std::thread::sleep(CANCEL_CHECK_INTERVAL),
        }
    }
}

fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(files::folder_of(path))?;
    files::write_whole(path, |file| file.write_all(text.as_bytes()))
}

#[cfg(all(test, feature = "hub"))]
mod fake;
#[cfg(all(test, feature = "hub"))]
mod tests;
