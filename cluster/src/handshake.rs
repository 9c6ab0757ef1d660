//! Whether two processes may work together.
//!
//! Ballista sends a client's settings to the scheduler and the executors as
//! names and values, and drops the names that they do not know. With the
//! settings goes who sends them: the version of semql, and which settings it
//! has. A process that is another, or lacks one, refuses the query.

use std::any::Any;

use datafusion::common::config::{ConfigEntry, ConfigExtension, ExtensionOptions};
use datafusion::common::config_err;
use datafusion::error::Result;
use datafusion::prelude::SessionConfig;
use semql_udfs::AiOptions;

use crate::told::Told;

/// The version of this process.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Who sends a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Handshake {
    /// Empty where it is no semql.
    version: String,
    /// The names of the settings it has, with spaces between.
    settings: String,
}

impl Handshake {
    /// This process.
    pub fn own() -> Self {
        let settings: Vec<String> = AiOptions::keys().collect();
        Self {
            version: VERSION.to_string(),
            settings: settings.join(" "),
        }
    }

    /// Refuses a query of a client that this process would not understand as
    /// it is meant. `place` is this process.
    ///
    /// # Errors
    /// Another version of semql; a setting that is not known here.
    pub fn check(config: &SessionConfig, place: &str) -> Result<(), Told> {
        let Some(client) = config.options().extensions.get::<Self>() else {
            return Ok(());
        };
        // A client of Ballista that is no semql asks for nothing special.
        if client.version.is_empty() {
            return Ok(());
        }
        let own = Self::own();
        if client.version != own.version {
            return Err(Told::new(
                place,
                format!(
                    "this is semql {}, and the query comes from semql {}: install the same version on every machine",
                    own.version, client.version
                ),
            ));
        }
        let known: Vec<&str> = own.settings.split(' ').collect();
        let sent = client.settings.split(' ');
        let unknown: Vec<&str> = sent.filter(|name| !known.contains(name)).collect();
        if !unknown.is_empty() {
            return Err(Told::new(
                place,
                format!(
                    "the query has settings that are not known here: {}; install the same build on every machine",
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
            // DataFusion lists what an extension gives as it is.
            key: format!("{}.{key}", Self::PREFIX),
            value: Some(value.to_string()),
            description,
        };
        vec![
            entry(
                "version",
                &self.version,
                "The version of the client, which the cluster has to have too",
            ),
            entry(
                "settings",
                &self.settings,
                "The settings of the client, which the cluster has to know",
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
    fn the_same_build_is_let_in_and_another_is_told_why_not() {
        assert_eq!(Handshake::check(&config(Handshake::own()), "here"), Ok(()));
        assert_eq!(Handshake::check(&SessionConfig::new(), "here"), Ok(()));
        let mut other = config(Handshake::own());
        other.options_mut().set("semql.version", "0.0.1").unwrap();
        let refused = Handshake::check(&other, "here").unwrap_err();
        assert!(refused.message.contains("semql 0.0.1"), "{refused:?}");
        let mut newer = Handshake::own();
        newer.settings.push_str(" ai.speed");
        let refused = Handshake::check(&config(newer), "here").unwrap_err();
        assert!(refused.message.contains("ai.speed"), "{refused:?}");
    }
}
