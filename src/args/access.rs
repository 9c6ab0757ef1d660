//! Options of servers for the access of their clients.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::Result;
use crate::policy::{AllowedHosts, AllowedPaths, Policy};

/// Access of a server's clients, besides reading the tables of the dictionary
/// and the files below the working folder.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct AccessArgs {
    /// Allows clients to read this folder or file (with --allow-writes, to write it)
    #[arg(long, value_name = "PATH")]
    pub allow_path: Vec<PathBuf>,

    /// Allows clients to reach these hosts and buckets; without a list, all
    #[arg(long, value_name = "HOST,...", value_delimiter = ',', num_args = 0..=1, require_equals = true)]
    pub allow_network: Option<Vec<String>>,

    /// Allows clients to write: COPY, CREATE, DROP, INSERT, ...
    #[arg(long)]
    pub allow_writes: bool,
}

impl AccessArgs {
    /// Policy of the server that `command` starts.
    ///
    /// # Errors
    /// If the working folder cannot be determined.
    pub fn policy(
        &self,
        command: &'static str,
        statement_timeout: Option<Duration>,
    ) -> Result<Policy> {
        let mut paths = AllowedPaths::below([std::env::current_dir()?]);
        for path in &self.allow_path {
            paths.add(path.clone());
        }
        let hosts = match &self.allow_network {
            None => AllowedHosts::Listed(Vec::new()),
            Some(hosts) if hosts.is_empty() => AllowedHosts::Any,
            Some(hosts) => AllowedHosts::Listed(hosts.clone()),
        };
        Ok(Policy::closed(command, paths)
            .with_writes(self.allow_writes)
            .with_hosts(hosts)
            .with_statement_timeout(statement_timeout))
    }
}
