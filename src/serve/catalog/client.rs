//! Client of a statement: what `current_user` and `current_setting` return.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use datafusion::common::config::{ConfigEntry, ConfigExtension, ExtensionOptions};
use datafusion::error::{DataFusionError, Result};

use crate::serve::settings::ClientSettings;
use crate::tables::SessionCatalogs;

/// Client of a session. It is an extension of the session's configuration, which
/// functions receive with each call.
#[derive(Clone)]
pub struct ClientContext {
    pub user: String,
    pub pid: i32,
    pub peer: SocketAddr,
    pub settings: Arc<Mutex<ClientSettings>>,
    /// Tables that the session sees.
    pub catalogs: Option<Arc<SessionCatalogs>>,
}

impl std::fmt::Debug for ClientContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientContext")
            .field("user", &self.user)
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

impl ConfigExtension for ClientContext {
    const PREFIX: &'static str = "semql_client";
}

impl ExtensionOptions for ClientContext {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, _: &str) -> Result<()> {
        Err(DataFusionError::Configuration(format!(
            "'{key}' describes the client and cannot be set"
        )))
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}
