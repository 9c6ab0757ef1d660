//! A run as parameters, metrics and tags of MLflow.

use semql_udfs::learning::training_runs::TrainingRun;
use serde_json::{Value, json};

use super::entity_name::EntityNames;

/// Parameters, and tags, of a request: the limit of MLflow.
const MAX_PARAMS: usize = 100;

/// Metrics of a request: half the limit of MLflow, whose limit of bytes long names would
/// exceed before.
const MAX_METRICS: usize = 500;

/// Requests to `runs/log-batch` with the parameters, metrics and tags of a run.
pub fn log_batches(run: &TrainingRun, mlflow_run: &str) -> Vec<Value> {
    let (params, metrics, tags) = (params(run), metrics(run), tags(run));
    let mut params = params.chunks(MAX_PARAMS);
    let mut metrics = metrics.chunks(MAX_METRICS);
    let mut tags = tags.chunks(MAX_PARAMS);
    let batches = std::iter::from_fn(|| {
        let parts = (params.next(), metrics.next(), tags.next());
        if matches!(parts, (None, None, None)) {
            return None;
        }
        Some(json!({
            "run_id": mlflow_run,
            "params": parts.0.unwrap_or_default(),
            "metrics": parts.1.unwrap_or_default(),
            "tags": parts.2.unwrap_or_default(),
        }))
    });
    batches.collect()
}

/// Start and end of a run in milliseconds since 1970.
pub fn times(run: &TrainingRun) -> (i64, i64) {
    let start = run.started_at / 1000;
    (start, start.saturating_add((run.seconds * 1000.0) as i64))
}

fn params(run: &TrainingRun) -> Vec<Value> {
    let mut names = EntityNames::default();
    let params = run.params.iter();
    let params = params.map(|(name, value)| json!({"key": names.unique(name), "value": value}));
    params.collect()
}

fn metrics(run: &TrainingRun) -> Vec<Value> {
    let (_, end) = times(run);
    let mut names = EntityNames::default();
    let sizes = [
        ("seconds", run.seconds),
        ("rows", run.rows as f64),
        ("held_out", run.held_out as f64),
        ("left_out", run.skipped_rows as f64),
    ];
    let figures = run
        .metrics
        .iter()
        .map(|(name, value)| (name.as_str(), *value));
    let metrics = sizes.into_iter().chain(figures);
    let metrics = metrics.map(|(name, value)| {
        json!({"key": names.unique(name), "value": value, "timestamp": end, "step": 0})
    });
    metrics.collect()
}

fn tags(run: &TrainingRun) -> Vec<Value> {
    let encoder = run.encoder.as_ref();
    let tags = [
        ("mlflow.source.name", Some("semql".to_string())),
        ("semql.version", Some(run.semql_version.clone())),
        ("semql.run_id", Some(run.id.clone())),
        ("semql.model", Some(run.model.clone())),
        ("semql.kind", Some(run.kind.clone())),
        ("semql.data_fingerprint", Some(run.data_fingerprint.clone())),
        (
            "semql.label_fingerprint",
            Some(run.label_fingerprint.clone()),
        ),
        (
            "semql.encoder",
            encoder.map(|encoder| encoder.model.clone()),
        ),
        (
            "semql.encoder_revision",
            encoder.map(|encoder| encoder.revision.clone()),
        ),
        ("semql.model_bytes", Some(run.model_bytes.to_string())),
        ("semql.model_blake3", Some(run.model_blake3.clone())),
    ];
    let tags = tags.into_iter();
    tags.filter_map(|(key, value)| Some(json!({"key": key, "value": value?})))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use semql_udfs::learning::training_runs::TrackingState;

    use super::*;

    #[test]
    fn many_figures_are_sent_in_several_requests() {
        let numbered = |what: &str, count: usize| -> Vec<String> {
            (0..count).map(|at| format!("{what} {at}")).collect()
        };
        let params = numbered("p", 250)
            .into_iter()
            .map(|name| (name, "x".to_string()));
        let metrics = numbered("m", 1200).into_iter().map(|name| (name, 0.5));
        let run = TrainingRun {
            id: "0".repeat(32),
            started_at: 1_700_000_000_123_456,
            seconds: 1.5,
            model: "kinds".to_string(),
            kind: "classifier".to_string(),
            params: params.collect(),
            metrics: metrics.collect::<BTreeMap<_, _>>(),
            rows: 10,
            held_out: 2,
            skipped_rows: 0,
            data_fingerprint: String::new(),
            label_fingerprint: String::new(),
            encoder: None,
            semql_version: String::new(),
            model_bytes: 0,
            model_blake3: String::new(),
            tracking: TrackingState::Local,
        };
        let batches = log_batches(&run, "r");
        let lengths = |part: &str| -> Vec<usize> {
            let of_batch = |batch: &Value| batch[part].as_array().unwrap().len();
            batches.iter().map(of_batch).collect()
        };
        assert_eq!(lengths("params"), [100, 100, 50]);
        assert_eq!(lengths("metrics"), [500, 500, 204]);
        assert_eq!(lengths("tags"), [9, 0, 0]);
        let metric = &batches[0]["metrics"][0];
        assert_eq!(metric["timestamp"], 1_700_000_001_623_i64);
        assert_eq!(times(&run).0, 1_700_000_000_123);
    }
}
