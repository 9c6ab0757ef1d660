//! Throughput of models on this machine, stored for the estimates of EXPLAIN.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::meter::MeterReading;
use crate::atomic_file::write_atomically;
use crate::models::home;

/// Minimum time in the model: shorter measurements are inaccurate.
const MIN_MODEL_TIME: Duration = Duration::from_millis(200);

/// Throughput of a model in its last long enough query.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    pub tokens_per_second: f64,
    pub tokens_per_text: f64,
}

impl Throughput {
    /// The throughput of a query; `None` if it was too short.
    pub fn of(reading: &MeterReading) -> Option<Self> {
        let texts = reading.distinct - reading.cached;
        if reading.model_time < MIN_MODEL_TIME || texts == 0 {
            return None;
        }
        Some(Self {
            tokens_per_second: reading.tokens as f64 / reading.model_time.as_secs_f64(),
            tokens_per_text: reading.tokens as f64 / texts as f64,
        })
    }

    /// The stored throughput for `key`: a model with the settings that change its
    /// speed.
    pub fn load(key: &str) -> Option<Self> {
        all().get(key).copied()
    }

    /// Stores the throughput for later processes. Failures are ignored: estimates
    /// then have no time.
    pub fn store(self, key: &str) {
        let mut stored = all();
        stored.insert(key.to_string(), self);
        let write = || -> Option<()> {
            let text = serde_json::to_string_pretty(&stored).ok()?;
            write_atomically(&path(), |file| file.write_all(text.as_bytes())).ok()
        };
        write();
    }
}

fn path() -> PathBuf {
    home().join("rates.json")
}

fn all() -> BTreeMap<String, Throughput> {
    let text = std::fs::read_to_string(path()).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throughput_is_tokens_per_time_in_the_model() {
        let reading = MeterReading {
            distinct: 12,
            cached: 2,
            tokens: 500,
            model_time: Duration::from_secs(2),
            ..MeterReading::default()
        };
        let throughput = Throughput::of(&reading).unwrap();
        assert_eq!(
            (throughput.tokens_per_second, throughput.tokens_per_text),
            (250.0, 50.0)
        );
        let short = MeterReading {
            model_time: Duration::from_millis(1),
            ..reading
        };
        assert_eq!(Throughput::of(&short), None);
    }
}
