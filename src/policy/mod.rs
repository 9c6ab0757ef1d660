//! Policy of a session: what its statements may read, write, change and use.
//!
//! Each process has one policy, fixed when it starts. Every access checks it: the
//! runner of statements (writes), settings, the resolution of tables and the
//! stores (paths and hosts), and whatever opens a file for writing. So a statement
//! that bypasses the checks of a front end still reaches nothing. The prompt and
//! batches run unrestricted; `serve` and `explore` allow only what their options
//! name.

mod hosts;
mod paths;
mod settings;

use std::path::Path;
use std::time::Duration;

use url::Url;

pub use hosts::AllowedHosts;
pub use paths::AllowedPaths;

use crate::error::{ErrorKind, Result, ShellError};
use crate::sources::glob;
use crate::sources::location::{local_path, parse_url};

/// Permissions of the statements of a session.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Command that started a restricted session, for messages about its options.
    command: Option<&'static str>,
    writes: bool,
    paths: AllowedPaths,
    hosts: AllowedHosts,
    /// Maximum of `ai.max_calls` that clients may set.
    max_calls: Option<u64>,
    /// Tracking server of the trainings of clients.
    tracking_uri: Option<Url>,
    /// Maximum duration of a statement, and of the timeouts that clients set.
    pub statement_timeout: Option<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self::unrestricted()
    }
}

impl Policy {
    /// Policy that allows whatever the process may do.
    pub fn unrestricted() -> Self {
        Self {
            command: None,
            writes: true,
            paths: AllowedPaths::any(),
            hosts: AllowedHosts::Any,
            max_calls: None,
            tracking_uri: None,
            statement_timeout: None,
        }
    }

    /// Policy that allows reading below `paths`, nothing else. `command` is the
    /// command whose options allow more, such as `semql serve`.
    pub fn closed(command: &'static str, paths: AllowedPaths) -> Self {
        Self {
            command: Some(command),
            writes: false,
            paths,
            hosts: AllowedHosts::Listed(Vec::new()),
            max_calls: None,
            tracking_uri: None,
            statement_timeout: None,
        }
    }

    pub fn with_writes(mut self, writes: bool) -> Self {
        self.writes = writes;
        self
    }

    pub fn with_hosts(mut self, hosts: AllowedHosts) -> Self {
        self.hosts = hosts;
        self
    }

    pub fn with_statement_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// Takes bounds of clients from the settings of the server: its `ai.max_calls`, and
    /// its `ai.tracking_uri`.
    pub fn with_settings(mut self, settings: &[(String, String)]) -> Self {
        self.max_calls = settings::max_calls(settings);
        self.tracking_uri = settings::tracking_uri(settings);
        self
    }

    /// Allows a location of the command line or the dictionary: a path, a pattern or
    /// a URL.
    ///
    /// # Errors
    /// An invalid URL.
    pub fn allow_location(&mut self, location: &str) -> Result<()> {
        match local_path(location)? {
            Some(path) => self.paths.add(path),
            None => {
                if let Some(host) = parse_url(location)?.host_str() {
                    self.hosts.add(host);
                }
            }
        }
        Ok(())
    }

    /// Whether statements may write.
    pub fn allows_writes(&self) -> bool {
        self.writes
    }

    /// Whether the session runs the statements of clients.
    pub fn is_restricted(&self) -> bool {
        self.command.is_some()
    }

    /// Checks that statements may write. `what` names the statement in the error.
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
    /// [`ErrorKind::Forbidden`]. The message does not reveal whether the file exists.
    pub fn check_read_path(&self, path: &Path) -> Result<()> {
        match self.paths.contains(path) {
            true => Ok(()),
            false => Err(self.path_error(path)),
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

    fn path_error(&self, path: &Path) -> ShellError {
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

    /// Checks that a location may be read: a path, a pattern or a URL.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`]; an invalid URL.
    pub fn check_read_location(&self, location: &str) -> Result<()> {
        match local_path(location)? {
            Some(path) if glob::is_pattern(location) && !path.exists() => {
                let text = path.to_string_lossy();
                let (folder, _) = glob::split(&text);
                self.check_read_path(Path::new(if folder.is_empty() { "." } else { folder }))
            }
            Some(path) => self.check_read_path(&path),
            None => self.check_url(&parse_url(location)?),
        }
    }

    /// Checks that a remote location may be used.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`], before any connection is made.
    pub fn check_url(&self, url: &Url) -> Result<()> {
        self.check_host(url.scheme(), url.host_str().unwrap_or_default())
    }

    /// Checks that a host may be used. `scheme` is that of the address, for the error.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`].
    pub fn check_host(&self, scheme: &str, host: &str) -> Result<()> {
        if self.hosts.contains(host) {
            return Ok(());
        }
        Err(ShellError::of_kind(
            ErrorKind::Forbidden,
            format!(
                "access to {scheme}://{host} is not allowed; {} with --allow-network={host} allows it",
                self.command.unwrap_or("a session")
            ),
        ))
    }

    /// Checks that a training may be sent to a tracking server. Returns whether the
    /// credentials of the process may go there: a client could name its own server.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`].
    pub fn check_tracking(&self, server: &Url) -> Result<bool> {
        if self.tracking_uri.as_ref() == Some(server) {
            return Ok(true);
        }
        self.check_url(server)?;
        Ok(!self.is_restricted())
    }

    /// Checks that a statement may name an environment variable with a key.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`] for clients.
    pub fn check_key_variable(&self) -> Result<()> {
        if !self.is_restricted() {
            return Ok(());
        }
        Err(ShellError::of_kind(
            ErrorKind::Forbidden,
            "api_key_env is not allowed here: with it, a client could send any environment variable of the server \
             to an allowed host; use an endpoint without a key, such as a proxy that adds the key",
        ))
    }

    /// Checks that a setting may be given this value.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidValue`] outside the bounds, which all sessions have;
    /// [`ErrorKind::Forbidden`] for a setting that clients cannot change.
    pub fn check_setting(&self, key: &str, value: &str) -> Result<()> {
        settings::check_bounds(key, value)?;
        let Some(command) = self.command else {
            return Ok(());
        };
        if let Some(max) = self.max_calls
            && !settings::is_within_max_calls(key, value, max)
        {
            return Err(ShellError::of_kind(
                ErrorKind::Forbidden,
                format!(
                    "{key} cannot be '{value}' here: clients may set 0 to {max}; \
                     {command} --set {key}=VALUE sets another maximum at start"
                ),
            ));
        }
        if settings::is_open_to_clients(key) {
            return Ok(());
        }
        Err(ShellError::of_kind(
            ErrorKind::Forbidden,
            format!(
                "the setting '{key}' cannot be changed here: it affects the machine or the server; \
                 {command} --set {key}=VALUE sets it at start"
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
            downloads: self.hosts == AllowedHosts::Any,
            model_paths: false,
            clear_cache: self.writes,
            ..limits
        }
    }

    /// Permissions of clients in sentences, for the log of a server.
    pub fn describe(&self) -> Vec<String> {
        let verb = match self.writes {
            true => "read and write",
            false => "read, but do not write",
        };
        let mut lines = vec![format!("Clients {verb}: {}.", self.paths)];
        lines.push(format!("They reach {}.", self.hosts));
        if let Some(calls) = self.max_calls {
            lines.push(format!(
                "A query sends at most {calls} requests to language models (--set ai.max_calls)."
            ));
        }
        if let Some(server) = self.tracking_uri.as_ref().filter(|_| self.writes) {
            lines.push(format!(
                "The runs of their trainings go to {server} (--set ai.tracking_uri)."
            ));
        }
        if let Some(timeout) = self.statement_timeout {
            lines.push(format!(
                "A statement takes at most {} s (--statement-timeout).",
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
        Policy::closed("semql serve", AllowedPaths::below([std::env::temp_dir()]))
    }

    #[test]
    fn a_closed_policy_refuses_with_error_kinds() {
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
            "ai.ep_library",
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
    fn clients_cannot_raise_the_maximum_of_calls() {
        let policy = closed();
        policy.check_setting("ai.max_calls", "").unwrap();
        let settings = [("ai.max_calls".to_string(), "100".to_string())];
        let policy = policy.with_settings(&settings);
        policy.check_setting("ai.max_calls", "20").unwrap();
        policy.check_setting("ai.seed", "200").unwrap();
        // RESET sets the default, which is no limit.
        for value in ["101", ""] {
            let error = policy.check_setting("ai.max_calls", value).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Forbidden, "{value}");
            assert!(error.message.contains("100"), "{error}");
        }
        let own = Policy::unrestricted().with_settings(&settings);
        own.check_setting("ai.max_calls", "200").unwrap();
    }

    #[test]
    fn trainings_go_to_the_server_of_the_settings_and_to_allowed_hosts() {
        let url = |text: &str| Url::parse(text).unwrap();
        let check = |policy: &Policy, server: &str| policy.check_tracking(&url(server));
        let closed = closed().with_writes(true);
        let refused = check(&closed, "http://127.0.0.1:5000").unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Forbidden);
        let listed = AllowedHosts::Listed(vec!["tracking.example.org".into()]);
        let listed = closed.clone().with_hosts(listed);
        // Only the server of the settings gets the credentials of the process.
        assert!(!check(&listed, "http://tracking.example.org:5000").unwrap());
        let key = "ai.tracking_uri".to_string();
        let settings = [(key, " http://127.0.0.1:5000 ".to_string())];
        let set = closed.with_settings(&settings);
        assert!(check(&set, "http://127.0.0.1:5000/").unwrap());
        assert!(check(&set, "http://127.0.0.1:5001/").is_err());
        assert!(set.describe().join(" ").contains("http://127.0.0.1:5000/"));
        let own = Policy::unrestricted();
        assert!(check(&own, "http://tracking.example.org:5000").unwrap());
        let message = set
            .check_setting("ai.tracking_uri", "")
            .unwrap_err()
            .message;
        assert!(message.contains("cannot be changed here"), "{message}");
    }

    #[test]
    fn only_listed_hosts_are_allowed() {
        let policy = closed().with_hosts(AllowedHosts::Listed(vec!["data.example.org".into()]));
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
