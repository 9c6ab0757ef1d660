//! Metrics of the process, under the names that all Prometheus clients share.
//!
//! Linux has them in `/proc`. Other systems have the start time alone.

use std::fmt::Error;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::reading::{Reading, ReadingValue, encode_all};

/// Clock ticks per second of the times in `/proc`, which Linux fixes for programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads the metrics of this process at each scrape.
#[derive(Debug)]
pub struct ProcessCollector {
    started: SystemTime,
}

impl ProcessCollector {
    /// A collector of a process that starts now.
    pub fn new() -> Self {
        Self {
            started: SystemTime::now(),
        }
    }

    fn readings(&self) -> Vec<Reading> {
        let since_epoch = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut readings = vec![Reading::seconds(
            "start_time",
            "Start of the process since the Unix epoch.",
            ReadingValue::SecondsGauge(since_epoch.as_secs_f64()),
        )];
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        if let Some(seconds) = cpu_seconds(&stat) {
            readings.push(Reading::seconds(
                "cpu",
                "User and system time of the process.",
                ReadingValue::SecondsCounter(seconds),
            ));
        }
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let kilobytes = |field| number_after(&status, field).map(|kilobytes| kilobytes * 1024);
        if let Some(bytes) = kilobytes("VmRSS:") {
            readings.push(Reading::bytes("resident_memory", "Resident memory.", bytes));
        }
        if let Some(bytes) = kilobytes("VmSize:") {
            readings.push(Reading::bytes("virtual_memory", "Virtual memory.", bytes));
        }
        if let Some(threads) = number_after(&status, "Threads:") {
            readings.push(Reading::gauge(
                "threads",
                "Threads of the process.",
                threads,
            ));
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            let count = files.count() as u64;
            readings.push(Reading::gauge("open_fds", "Open file descriptors.", count));
        }
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        // `unlimited` has no number.
        if let Some(limit) = number_after(&limits, "Max open files") {
            readings.push(Reading::gauge(
                "max_fds",
                "Maximum number of open file descriptors.",
                limit,
            ));
        }
        readings
    }
}

impl Collector for ProcessCollector {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        encode_all(encoder, &self.readings())
    }
}

/// User and system time in the text of `/proc/PID/stat`; `None` if it has another form.
fn cpu_seconds(stat: &str) -> Option<f64> {
    // The name of the program is in parentheses, and may have blanks and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

/// First number of the line that starts with `field`.
fn number_after(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_the_name_of_the_program() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 150 0 0 20 0 9 0 55";
        assert_eq!(cpu_seconds(stat), Some(4.0));
        for malformed in [
            "",
            "7 (semql",
            "7 (semql) S 1 2",
            "7 (x) S 1 2 3 4 5 6 7 8 9 10 a b",
        ] {
            assert_eq!(cpu_seconds(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn numbers_are_read_behind_their_field() {
        let text = "Name:\tsemql\nVmRSS:\t   12 kB\nMax open files   1024   4096   files\n";
        assert_eq!(number_after(text, "VmRSS:"), Some(12));
        assert_eq!(number_after(text, "Max open files"), Some(1024));
        assert_eq!(number_after(text, "Name:"), None);
        assert_eq!(
            number_after("Max open files unlimited", "Max open files"),
            None
        );
        assert_eq!(number_after(text, "Threads:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_has_all_of_them() {
        let readings = ProcessCollector::new().readings();
        let names: Vec<&str> = readings.iter().map(|reading| reading.name).collect();
        for name in [
            "start_time",
            "cpu",
            "resident_memory",
            "virtual_memory",
            "threads",
            "open_fds",
        ] {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
    }
}
