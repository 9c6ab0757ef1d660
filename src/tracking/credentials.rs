//! Credentials for a tracking server, from the environment variables of MLflow.

use std::fmt;

use reqwest::RequestBuilder;

use crate::environment::variable;

/// Credentials for a tracking server.
#[derive(Clone)]
pub enum Credentials {
    Token(String),
    Login { user: String, password: String },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

impl Credentials {
    /// The token in `MLFLOW_TRACKING_TOKEN`, else the login in `MLFLOW_TRACKING_USERNAME`
    /// and `MLFLOW_TRACKING_PASSWORD`; `None` without them.
    pub fn from_environment() -> Option<Self> {
        if let Some(token) = variable("MLFLOW_TRACKING_TOKEN") {
            return Some(Self::Token(token));
        }
        Some(Self::Login {
            user: variable("MLFLOW_TRACKING_USERNAME")?,
            password: variable("MLFLOW_TRACKING_PASSWORD")?,
        })
    }

    /// Adds the credentials to a request.
    pub fn authorize(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Token(token) => request.bearer_auth(token),
            Self::Login { user, password } => request.basic_auth(user, Some(password)),
        }
    }

    /// The secret part.
    pub fn secret(&self) -> &str {
        match self {
            Self::Token(token) => token,
            Self::Login { password, .. } => password,
        }
    }
}
