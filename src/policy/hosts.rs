//! Hosts that statements may reach.

use std::fmt;

/// Hosts that statements may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedHosts {
    /// Every host, and every remote store.
    Any,
    /// Hosts or buckets by name; none if empty.
    Listed(Vec<String>),
}

impl AllowedHosts {
    pub fn contains(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(hosts) => hosts.iter().any(|known| known.eq_ignore_ascii_case(host)),
        }
    }

    /// Adds a host or bucket.
    pub fn add(&mut self, host: &str) {
        if let Self::Listed(hosts) = self {
            hosts.push(host.to_string());
        }
    }
}

impl fmt::Display for AllowedHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any host (--allow-network)"),
            Self::Listed(hosts) if hosts.is_empty() => {
                f.write_str("no other host (--allow-network=HOST allows one)")
            }
            Self::Listed(hosts) => f.write_str(&hosts.join(", ")),
        }
    }
}
