//! How fast a model was on this machine, from run to run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Metered;
use crate::files::write_whole;
use crate::models::home;

/// Runs that were shorter say little.
const LEAST: Duration = Duration::from_millis(200);

/// What was measured in the last run of some length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    pub tokens_per_second: f64,
    pub tokens_per_text: f64,
}

impl Rate {
    /// The rate of a run; `None` for one that was too short to tell.
    pub fn of(metered: &Metered) -> Option<Self> {
        let texts = metered.distinct - metered.recalled;
        if metered.model_time < LEAST || texts == 0 {
            return None;
        }
        Some(Self {
            tokens_per_second: metered.tokens as f64 / metered.model_time.as_secs_f64(),
            tokens_per_text: metered.tokens as f64 / texts as f64,
        })
    }

    /// The rate kept for `form`: a model with the settings that change its speed.
    pub fn read(form: &str) -> Option<Self> {
        all().get(form).copied()
    }

    /// Keeps the rate for later processes. It is a convenience: where it
    /// cannot be written, estimates lack a time.
    pub fn keep(self, form: &str) {
        let mut rates = all();
        rates.insert(form.to_string(), self);
        let write = || -> Option<()> {
            let text = serde_json::to_string_pretty(&rates).ok()?;
            write_whole(&path(), |file| file.write_all(text.as_bytes())).ok()
        };
        write();
    }
}

fn path() -> PathBuf {
    home().join("rates.json")
}

fn all() -> BTreeMap<String, Rate> {
    let text = std::fs::read_to_string(path()).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_tokens_over_time_in_the_model() {
        let run = Metered {
            distinct: 12,
            recalled: 2,
            tokens: 500,
            model_time: Duration::from_secs(2),
            ..Metered::default()
        };
        let rate = Rate::of(&run).unwrap();
        assert_eq!(
            (rate.tokens_per_second, rate.tokens_per_text),
            (250.0, 50.0)
        );
        let short = Metered {
            model_time: Duration::from_millis(1),
            ..run
        };
        assert_eq!(Rate::of(&short), None);
    }
}
