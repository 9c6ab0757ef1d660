//! What can be wrong with a model, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// An error of finding, fetching or reading a model. Its message says what
/// happened, where, and what to do next.
#[derive(Debug)]
pub enum ModelError {
    /// Something that was looked for is not there.
    Missing {
        /// What was looked for, as in "the tensor 'pooler.dense.weight'".
        what: String,
        /// Where it should have been.
        path: PathBuf,
        /// What to do.
        hint: String,
    },
    /// A file is there and is not what it claims to be.
    Corrupt { path: PathBuf, reason: String },
    /// A sound file asks for something that semql does not do.
    Unsupported {
        what: String,
        path: PathBuf,
        hint: String,
    },
    /// The hub did not give a file.
    Download {
        url: String,
        reason: String,
        hint: String,
    },
    /// The download was cancelled. What has arrived is kept.
    Cancelled { url: String },
    /// The file is larger than the limits allow. What has arrived is removed.
    TooLarge { url: String, max_bytes: u64 },
    /// The limits do not allow the model. The message says what to do.
    Forbidden(String),
    /// The operating system refused.
    Io { path: PathBuf, source: io::Error },
}

impl ModelError {
    pub(crate) fn corrupt(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Corrupt {
            path: path.into(),
            reason: reason.into(),
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { what, path, hint } => {
                write!(f, "{what} was not found at {}: {hint}", path.display())
            }
            Self::Corrupt { path, reason } => write!(
                f,
                "{} is damaged or not what its name says: {reason}; \
                 delete it and fetch it again, or replace it with a sound copy",
                path.display()
            ),
            Self::Unsupported { what, path, hint } => {
                write!(
                    f,
                    "{} has {what}, which semql does not support: {hint}",
                    path.display()
                )
            }
            Self::Download { url, reason, hint } => {
                write!(f, "could not fetch {url}: {reason}; {hint}")
            }
            Self::Cancelled { url } => write!(
                f,
                "could not fetch {url}: it was interrupted; ask again to go on where it stopped"
            ),
            Self::TooLarge { url, max_bytes } => write!(
                f,
                "could not fetch {url}: it is larger than {max_bytes} bytes, the largest download allowed; \
                 ask the administrator to raise the limit or to install the model"
            ),
            Self::Forbidden(message) => f.write_str(message),
            Self::Io { path, source } => {
                let advice = match source.kind() {
                    io::ErrorKind::PermissionDenied => "check who may read and write it",
                    io::ErrorKind::StorageFull => "free some space on that disk and try again",
                    io::ErrorKind::NotFound => "check the path",
                    _ => "check the disk and try again",
                };
                write!(f, "could not use {}: {source}; {advice}", path.display())
            }
        }
    }
}

impl std::error::Error for ModelError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
