//! Errors of models, with the next step in their messages.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::error::Error;

/// Error of finding, downloading or reading a model. The message has the
/// problem, its location and the next step.
#[derive(Debug)]
pub enum ModelError {
    /// A required item does not exist.
    Missing {
        /// The item, such as "the tensor 'pooler.dense.weight'".
        what: String,
        /// Expected location.
        path: PathBuf,
        /// Next step.
        hint: String,
    },
    /// A damaged file, or one of another format.
    Corrupt { path: PathBuf, reason: String },
    /// A valid file that requires an unsupported feature.
    Unsupported {
        what: String,
        path: PathBuf,
        hint: String,
    },
    /// A failed download.
    Download {
        url: String,
        reason: String,
        hint: String,
    },
    /// A cancelled download. The received part is kept.
    Cancelled { url: String },
    /// A file above the size limit. The received part is removed.
    TooLarge { url: String, max_bytes: u64 },
    /// A model that the limits do not allow. The message has the next step.
    Forbidden(String),
    /// An error of the operating system.
    Io { path: PathBuf, source: io::Error },
}

impl ModelError {
    pub fn corrupt(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Corrupt {
            path: path.into(),
            reason: reason.into(),
        }
    }

    pub fn io(path: impl Into<PathBuf>, source: io::Error) -> Self {
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
                "{} is damaged or of another format: {reason}; \
                 delete it and download it again, or replace it with a valid copy",
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
                write!(f, "cannot download {url}: {reason}; {hint}")
            }
            Self::Cancelled { url } => write!(
                f,
                "cannot download {url}: it was interrupted; run the query again to resume"
            ),
            Self::TooLarge { url, max_bytes } => write!(
                f,
                "cannot download {url}: it is larger than {max_bytes} bytes, the maximum; \
                 ask the administrator to raise the limit or to install the model"
            ),
            Self::Forbidden(message) => f.write_str(message),
            Self::Io { path, source } => {
                let advice = match source.kind() {
                    io::ErrorKind::PermissionDenied => "check its permissions",
                    io::ErrorKind::StorageFull => "free some space on that disk and try again",
                    io::ErrorKind::NotFound => "check the path",
                    _ => "check the disk and try again",
                };
                write!(f, "cannot access {}: {source}; {advice}", path.display())
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

impl From<ModelError> for Error {
    fn from(error: ModelError) -> Self {
        let message = error.to_string();
        match error {
            ModelError::Cancelled { .. } => Error::Interrupted,
            ModelError::TooLarge { .. } | ModelError::Forbidden(_) => Error::Forbidden(message),
            _ => Error::Setup(message),
        }
    }
}
