//! Errors of requests to a tracking server.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;

/// Reason of a request without a usable answer. Messages contain no credentials.
#[derive(Debug, PartialEq, Eq)]
pub enum TrackingError {
    /// The server could not be reached, or the connection was lost.
    Connection(String),
    /// No answer within this time.
    Timeout(Duration),
    /// The server redirects, which is not followed.
    Redirect,
    /// The answer is longer than this number of bytes.
    TooLong(usize),
    /// The answer is not one of an MLflow server.
    NotMlflow,
    /// The server refuses the request.
    Refused {
        status: StatusCode,
        /// Error code of MLflow; empty without one.
        code: String,
        message: String,
    },
    /// The experiment of that name is deleted.
    DeletedExperiment,
    /// The model file cannot be read.
    File(String),
}

impl fmt::Display for TrackingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(why) => f.write_str(why),
            Self::Timeout(timeout) => write!(
                f,
                "no answer within {timeout:?} (MLFLOW_HTTP_REQUEST_TIMEOUT sets the seconds)"
            ),
            Self::Redirect => f.write_str("it redirects; use the address that it redirects to"),
            Self::TooLong(limit) => write!(f, "its answer has more than {limit} bytes"),
            Self::NotMlflow => f.write_str("its answer is not one of an MLflow server"),
            Self::Refused {
                status, message, ..
            } => {
                write!(f, "{status}: {message}")?;
                match *status {
                    StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => f.write_str(
                        " (credentials are MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and \
                         MLFLOW_TRACKING_PASSWORD)",
                    ),
                    _ => Ok(()),
                }
            }
            Self::DeletedExperiment => {
                f.write_str("the experiment is deleted; restore it there, or choose another name")
            }
            Self::File(why) => write!(f, "the model file cannot be read: {why}"),
        }
    }
}

impl std::error::Error for TrackingError {}
