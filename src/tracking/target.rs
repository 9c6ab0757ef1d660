//! Tracking server and experiment of a statement.

use semql_udfs::Settings;
use semql_udfs::create_model::TrackOptions;
use semql_udfs::language_models::http::is_loopback;
use url::Url;

use super::credentials::Credentials;
use crate::error::{Result, ShellError};
use crate::policy::Policy;

/// Tracking server and experiment of a statement.
#[derive(Clone, Debug)]
pub struct TrackingTarget {
    pub server: Url,
    pub experiment: String,
    pub credentials: Option<Credentials>,
}

impl TrackingTarget {
    /// The target that a statement names, else that of the settings; `None` if nothing is
    /// to be sent.
    ///
    /// # Errors
    /// What the policy refuses; an experiment without a server.
    pub fn of(
        policy: &Policy,
        settings: &Settings,
        options: &TrackOptions,
    ) -> Result<Option<Self>> {
        let Some(server) = options.track.as_ref().or(settings.tracking_uri.as_ref()) else {
            return match &options.experiment {
                None => Ok(None),
                Some(experiment) => Err(ShellError::query(format!(
                    "the experiment '{experiment}' needs a tracking server; add track 'http://HOST:5000' to the \
                     options, or SET ai.tracking_uri"
                ))),
            };
        };
        let with_credentials = policy.check_tracking(server)?;
        let experiment = options.experiment.as_ref();
        Ok(Some(Self {
            server: server.clone(),
            experiment: experiment.unwrap_or(&settings.tracking_experiment).clone(),
            credentials: match with_credentials {
                true => Credentials::from_environment(),
                false => None,
            },
        }))
    }

    /// Whether credentials would cross a network without encryption.
    pub fn sends_credentials_in_clear(&self) -> bool {
        self.credentials.is_some() && self.server.scheme() == "http" && !is_loopback(&self.server)
    }

    /// Address of the server for messages.
    pub fn shown_server(&self) -> &str {
        self.server.as_str().trim_end_matches('/')
    }
}
