//! Policy of a session: what its statements may read, write, change and use.
//!
//! One object for each process, fixed when it starts, and consulted where a
//! thing happens: by the runner of statements (writes), by settings, by the
//! resolution of tables and by the stores (paths and hosts), and by whatever
//! opens a file for writing. So a statement that slips through a front end
//! still reaches nothing. The prompt and batches run unrestricted; `serve` and
//! `explore` start closed, and their options open what they name.

mod paths;
pub mod settings;

use std::path::Path;
use std::time::Duration;

use url::Url;

pub use paths::Paths;

use crate::error::{ErrorKind, Result, ShellError};
use crate::sources::place;

/// Hosts that statements may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// Every host, and every kind of remote store.
    Any,
    /// These hosts or buckets, by name. Empty is none.
    Hosts(Vec<String>),
}

/// What the statements of a session may do.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Command that started the session, for messages about its options.
    command: Option<&'static str>,
    writes: bool,
    paths: Paths,
    network: Network,
    /// Most time a statement may take, and the most that a client may set.
    pub statement_timeout: Option<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self::unrestricted()
    }
}

impl Policy {
    /// Everything that the process may do.
    pub fn unrestricted() -> Self {
        Self {
            command: None,
            writes: true,
            paths: Paths::any(),
            network: Network::Any,
            statement_timeout: None,
        }
    }

    /// Reading below `paths`, nothing else. `command` is the command whose
    /// options allow more, such as `semql serve`.
    pub fn closed(command: &'static str, paths: Paths) -> Self {
        Self {
            command: Some(command),
            writes: false,
            paths,
            network: Network::Hosts(Vec::new()),
            statement_timeout: None,
        }
    }

    pub fn with_writes(mut self, writes: bool) -> Self {
        self.writes = writes;
        self
    }

    pub fn with_network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    pub fn with_statement_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// Adds a location that the command line or the dictionary names: a path, a
    /// pattern or a URL.
    ///
    /// # Errors
    /// A URL that cannot be read.
    pub fn allow_location(&mut self, location: &str) -> Result<()> {
        match place::local_path(location)? {
            Some(path) => self.paths.add(path),
            None => {
                let url = Url::parse(location).ok();
                let host = url.as_ref().and_then(Url::host_str);
                if let (Network::Hosts(hosts), Some(host)) = (&mut self.network, host) {
                    hosts.push(host.to_string());
                }
            }
        }
        Ok(())
    }

    /// Whether statements may write at all.
    pub fn allows_writes(&self) -> bool {
        self.writes
    }

    /// Whether the session is one that strangers' statements reach.
    pub fn is_restricted(&self) -> bool {
        self.command.is_some()
    }

    /// Checks that statements may write; `what` is what would write.
    ///
    /// # Errors
    /// [`ErrorKind::ReadOnly`].
    pub fn check_write(&self, what: &str) -> Result<()> {
        if self.writes {
            return Ok(());
        }
        Err(ShellError::of_kind(
            ErrorKind::ReadOnly,
            format!(
                "cannot run {what}: this session is read-only; {} with --allow-writes allows it",
                self.command.unwrap_or("a session")
            ),
        ))
    }

    /// Checks that a path of this machine may be read.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`], in words that do not depend on whether the
    /// file exists.
    pub fn check_read_path(&self, path: &Path) -> Result<()> {
        match self.paths.contains(path) {
            true => Ok(()),
            false => Err(self.outside(path)),
        }
    }

    /// Checks that a path of this machine may be written.
    ///
    /// # Errors
    /// [`ErrorKind::ReadOnly`] or [`ErrorKind::Forbidden`].
    pub fn check_write_path(&self, path: &Path) -> Result<()> {
        self.check_write("a statement that writes files")?;
        self.check_read_path(path)
    }

    fn outside(&self, path: &Path) -> ShellError {
        ShellError::of_kind(
            ErrorKind::Forbidden,
            format!(
                "access to '{}' is not allowed: it is not below a path that this session may use; \
                 {} with --allow-path PATH allows another one",
                path.display(),
                self.command.unwrap_or("a session")
            ),
        )
    }

    /// Checks that a remote location may be used.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`], before any connection is made.
    pub fn check_url(&self, url: &Url) -> Result<()> {
        let host = url.host_str().unwrap_or_default();
        let allowed = match &self.network {
            Network::Any => true,
            Network::Hosts(hosts) => hosts.iter().any(|known| known.eq_ignore_ascii_case(host)),
        };
        if allowed {
            return Ok(());
        }
        Err(ShellError::of_kind(
            ErrorKind::Forbidden,
            format!(
                "access to {}://{host} is not allowed; {} with --allow-network={host} allows it",
                url.scheme(),
                self.command.unwrap_or("a session")
            ),
        ))
    }

    /// Checks that a setting may be given this value.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidValue`] outside the bounds that hold everywhere;
    /// [`ErrorKind::Forbidden`] for a setting that clients cannot change.
    pub fn check_setting(&self, key: &str, value: &str) -> Result<()> {
        settings::check_bounds(key, value)?;
        if self.command.is_none() || settings::is_open_to_clients(key) {
            return Ok(());
        }
        Err(ShellError::of_kind(
            ErrorKind::Forbidden,
            format!(
                "the setting '{key}' cannot be changed here: it concerns the machine or the server; \
                 {} --set {key}=VALUE sets it at start",
                self.command.unwrap_or("the session")
            ),
        ))
    }

    /// Limits of the models of a restricted session.
    pub fn runtime_limits(&self) -> semql_udfs::RuntimeLimits {
        let limits = semql_udfs::RuntimeLimits::default();
        if !self.is_restricted() {
            return limits;
        }
        semql_udfs::RuntimeLimits {
            downloads: self.network == Network::Any,
            model_paths: false,
            clear_cache: self.writes,
            ..limits
        }
    }

    /// Lines that say what clients may do, for the start of a server.
    pub fn describe(&self) -> Vec<String> {
        let verb = match self.writes {
            true => "read and write",
            false => "read, and write nothing",
        };
        let mut lines = vec![format!("Clients {verb}: {}.", self.paths)];
        lines.push(match &self.network {
            Network::Any => "They reach any host (--allow-network).".to_string(),
            Network::Hosts(hosts) if hosts.is_empty() => {
                "They reach no other host (--allow-network=HOST opens one).".to_string()
            }
            Network::Hosts(hosts) => format!("They reach {}.", hosts.join(", ")),
        });
        if let Some(timeout) = self.statement_timeout {
            lines.push(format!(
                "A statement takes {} s at most (--statement-timeout).",
                timeout.as_secs_f64()
            ));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed() -> Policy {
        Policy::closed("semql serve", Paths::below([std::env::temp_dir()]))
    }

    #[test]
    fn a_closed_policy_refuses_by_kind() {
        let policy = closed();
        let kind = |result: Result<()>| result.unwrap_err().kind;
        assert_eq!(kind(policy.check_write("COPY")), ErrorKind::ReadOnly);
        assert_eq!(
            kind(policy.check_read_path(Path::new("/etc/passwd"))),
            ErrorKind::Forbidden
        );
        let url = Url::parse("http://169.254.169.254/latest").unwrap();
        assert_eq!(kind(policy.check_url(&url)), ErrorKind::Forbidden);
        for key in [
            "ai.onnxruntime",
            "ai.cache",
            "datafusion.runtime.memory_limit",
        ] {
            assert_eq!(
                kind(policy.check_setting(key, "x")),
                ErrorKind::Forbidden,
                "{key}"
            );
        }
        policy.check_setting("ai.model", "deterministic").unwrap();
    }

    #[test]
    fn hosts_are_opened_one_by_one() {
        let policy = closed().with_network(Network::Hosts(vec!["data.example.org".into()]));
        let check = |url: &str| policy.check_url(&Url::parse(url).unwrap()).is_ok();
        assert!(check("https://DATA.example.org/x.csv"));
        assert!(!check("https://example.org/x.csv"));
        assert!(!check("s3://bucket/x.csv"));
    }

    #[test]
    fn an_unrestricted_policy_keeps_the_bounds_of_settings() {
        let policy = Policy::unrestricted();
        policy.check_write("COPY").unwrap();
        policy.check_read_path(Path::new("/etc/passwd")).unwrap();
        policy.check_setting("ai.onnxruntime", "/opt/x.so").unwrap();
        let wild = policy.check_setting("datafusion.execution.batch_size", "100000000000");
        assert_eq!(wild.unwrap_err().kind, ErrorKind::InvalidValue);
    }
}
