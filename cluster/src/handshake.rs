//! Version check between a client, the scheduler and executors.
//!
//! Ballista sends a client's settings to the scheduler and the executors as
//! names and values, and drops unknown names. The handshake is sent with the
//! settings: the version of semql and the names of its settings. A process of
//! another version, or without one of the settings, refuses the query.

use std::any::Any;

use datafusion::common::config::{ConfigEntry, ConfigExtension, ExtensionOptions};
use datafusion::common::config_err;
use datafusion::error::Result;
use datafusion::prelude::SessionConfig;
use semql_udfs::AiOptions;

use crate::remote_error::RemoteError;

/// Version of this process.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Version and settings of the client that sends a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Handshake {
    /// Empty for a client other than semql.
    version: String,
    /// Names of its settings, separated by spaces.
    settings: String,
}

impl Handshake {
    /// Handshake of this process.
    pub fn local() -> Self {
        let settings: Vec<String> = AiOptions::keys().collect();
        Self {
            version: VERSION.to_string(),
            settings: settings.join(" "),
        }
    }

    /// Refuses a query of an incompatible client; `process` is the name of this
    /// process.
    ///
    /// # Errors
    /// Another version of semql, or a setting that this process lacks.
    pub fn check(config: &SessionConfig, process: &str) -> Result<(), RemoteError> {
        let Some(client) = config.options().extensions.get::<Self>() else {
            return Ok(());
        };
        // A plain client of Ballista needs no check.
        if client.version.is_empty() {
            return Ok(());
        }
        let local = Self::local();
        if client.version != local.version {
            return Err(RemoteError::new(
                process,
                format!(
                    "the version is semql {}, and the query comes from semql {}; install the same version on every machine",
                    local.version, client.version
                ),
            ));
        }
        let known: Vec<&str> = local.settings.split(' ').collect();
        let sent = client.settings.split(' ');
        let unknown: Vec<&str> = sent.filter(|name| !known.contains(name)).collect();
        if !unknown.is_empty() {
            return Err(RemoteError::new(
                process,
                format!(
                    "the query has unknown settings: {}; install the same build on every machine",
                    unknown.join(", ")
                ),
            ));
        }
        Ok(())
    }
}

impl ConfigExtension for Handshake {
    const PREFIX: &'static str = "semql";
}

impl ExtensionOptions for Handshake {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "version" => self.version = value.to_string(),
            "settings" => self.settings = value.to_string(),
            _ => return config_err!("there is no setting semql.{key}"),
        }
        Ok(())
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        let entry = |key: &str, value: &str, description| ConfigEntry {
            // DataFusion does not add the prefix to the entries of an extension.
            key: format!("{}.{key}", Self::PREFIX),
            value: Some(value.to_string()),
            description,
        };
        vec![
            entry(
                "version",
                &self.version,
                "Version of the client, which has to be that of the cluster",
            ),
            entry(
                "settings",
                &self.settings,
                "Settings of the client, all of which the cluster has to have",
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(handshake: Handshake) -> SessionConfig {
        SessionConfig::new().with_option_extension(handshake)
    }

    #[test]
    fn only_the_same_build_is_accepted() {
        assert_eq!(
            Handshake::check(&config(Handshake::local()), "here"),
            Ok(())
        );
        assert_eq!(Handshake::check(&SessionConfig::new(), "here"), Ok(()));
        let mut other = config(Handshake::local());
        other.options_mut().set("semql.version", "0.0.1").unwrap();
        let refused = Handshake::check(&other, "here").unwrap_err();
        assert!(refused.message.contains("semql 0.0.1"), "{refused:?}");
        let mut newer = Handshake::local();
        newer.settings.push_str(" ai.speed");
        let refused = Handshake::check(&config(newer), "here").unwrap_err();
        assert!(refused.message.contains("ai.speed"), "{refused:?}");
    }
}
