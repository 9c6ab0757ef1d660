//! Memory of the machine.

/// Default share of the machine's memory that the queries of a server may reserve.
/// The rest is for models, the system and unreserved memory of queries.
const DEFAULT_SHARE: f64 = 0.5;

/// Default memory limit of a server's queries, in bytes; `None` if the memory of the
/// machine is unknown.
pub fn default_limit() -> Option<usize> {
    let bytes = container_bytes().into_iter().chain(machine_bytes()).min()?;
    Some((bytes as f64 * DEFAULT_SHARE) as usize)
}

/// Memory of the machine.
fn machine_bytes() -> Option<u64> {
    let memory = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Memory limit of the container that the process runs in.
fn container_bytes() -> Option<u64> {
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok()?;
    limit.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_default_is_a_share_of_the_machine() {
        let limit = default_limit().unwrap() as u64;
        assert!(limit > 16 << 20 && limit < machine_bytes().unwrap());
    }
}
