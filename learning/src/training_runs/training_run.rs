//! The record of a training.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::encoder_identity::EncoderIdentity;
use super::model_facts::ModelFacts;
use super::run_id::new_run_id;
use crate::trained_models::{ModelFile, TrainedModel};

/// Characters of the longest parameter. Tracking servers have such a limit as well.
const MAX_PARAM_CHARS: usize = 500;

/// A training of `CREATE MODEL`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingRun {
    /// Start time and random digits, so that identifiers sort by time.
    pub id: String,
    /// Microseconds since 1970, UTC.
    pub started_at: i64,
    /// Duration of reading the rows, training and writing the model.
    pub seconds: f64,
    pub model: String,
    /// Kind of the model, such as `classifier`.
    pub kind: String,
    /// Options of the statement, and what the training chose for the others.
    pub params: BTreeMap<String, String>,
    /// Figures on held-out rows. `LEVEL/NAME` is a figure of one label column or
    /// attribute, `NAME` one of all together.
    pub metrics: BTreeMap<String, f64>,
    pub rows: u64,
    pub held_out: u64,
    pub skipped_rows: u64,
    /// Hash of the training rows, which does not depend on their order.
    pub data_fingerprint: String,
    /// Hash of the labels or attributes that the model knows.
    pub label_fingerprint: String,
    /// Encoder whose vectors the model uses.
    pub encoder: Option<EncoderIdentity>,
    pub semql_version: String,
    /// Bytes of the model file.
    pub model_bytes: u64,
    /// BLAKE3 of the model file, in hexadecimal digits.
    pub model_blake3: String,
    pub tracking: TrackingState,
}

/// Whether a tracking server has the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackingState {
    /// No server was named.
    #[default]
    Local,
    /// The run is at this address.
    Tracked(String),
    /// A server was named and does not have the whole run, for this reason.
    Untracked(String),
}

impl TrackingState {
    /// Address of the run at a tracking server.
    pub fn address(&self) -> Option<&str> {
        match self {
            Self::Tracked(address) => Some(address),
            Self::Local | Self::Untracked(_) => None,
        }
    }

    /// Why a named server does not have the run.
    pub fn failure(&self) -> Option<&str> {
        match self {
            Self::Untracked(why) => Some(why),
            Self::Local | Self::Tracked(_) => None,
        }
    }
}

/// Start of a training.
#[derive(Clone, Copy, Debug)]
pub struct RunTimer {
    started_at: SystemTime,
    started: Instant,
}

impl RunTimer {
    /// A timer that starts now.
    pub fn start() -> Self {
        Self {
            started_at: SystemTime::now(),
            started: Instant::now(),
        }
    }

    /// The run that ends now: the model that was trained, the file that holds it, and the
    /// options of the statement.
    pub fn finish(
        &self,
        model: &TrainedModel,
        file: &ModelFile,
        options: &[(String, String)],
    ) -> TrainingRun {
        let since_1970 = self.started_at.duration_since(UNIX_EPOCH);
        let started_at = since_1970.unwrap_or_default().as_micros() as i64;
        let facts = ModelFacts::of(model);
        let mut params: BTreeMap<String, String> = options.iter().cloned().collect();
        params.extend(facts.params);
        for value in params.values_mut() {
            cut(value);
        }
        let mut metrics = facts.metrics;
        metrics.retain(|_, value| value.is_finite());
        TrainingRun {
            id: new_run_id(started_at),
            started_at,
            seconds: self.started.elapsed().as_secs_f64(),
            model: model.name().to_string(),
            kind: model.kind().to_string(),
            params,
            metrics,
            rows: facts.rows,
            held_out: facts.held_out,
            skipped_rows: facts.skipped_rows,
            data_fingerprint: facts.data_fingerprint,
            label_fingerprint: facts.label_fingerprint,
            encoder: facts.encoder,
            semql_version: env!("CARGO_PKG_VERSION").to_string(),
            model_bytes: file.bytes,
            model_blake3: file.blake3.clone(),
            tracking: TrackingState::Local,
        }
    }
}

/// Cuts a parameter at its limit.
fn cut(value: &mut String) {
    if let Some((end, _)) = value.char_indices().nth(MAX_PARAM_CHARS) {
        value.truncate(end);
        value.pop();
        value.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_parameters_are_cut_between_characters() {
        let mut value = "ö".repeat(MAX_PARAM_CHARS);
        cut(&mut value);
        assert_eq!(value, "ö".repeat(MAX_PARAM_CHARS));
        value.push('x');
        cut(&mut value);
        assert_eq!(value.chars().count(), MAX_PARAM_CHARS);
        assert!(value.ends_with("ö…"));
    }
}
