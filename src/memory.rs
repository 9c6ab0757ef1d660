//! Memory of queries.

use semql_udfs::backend::machine_memory;

/// Default share of the machine's memory that the queries of a server may reserve.
/// The rest is for models, the system and unreserved memory of queries.
const DEFAULT_SHARE: f64 = 0.5;

/// Default memory limit of a server's queries, in bytes; `None` if the memory of the
/// machine is unknown.
pub fn default_limit() -> Option<usize> {
    Some((machine_memory()? as f64 * DEFAULT_SHARE) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_default_is_a_share_of_the_machine() {
        let limit = default_limit().unwrap() as u64;
        assert!(limit > 16 << 20 && limit < machine_memory().unwrap());
    }
}
