//! Sends a run to a tracking server.

use semql_udfs::learning::trained_models::ModelFile;
use semql_udfs::learning::training_runs::{TrackingState, TrainingRun, store_run};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::artifact::{proxied_path, store_of};
use super::client::MlflowClient;
use super::entities::{log_batches, times};
use super::error::TrackingError;
use super::experiment::{checked_id, experiment_id};
use super::target::TrackingTarget;
use crate::error::{Result, ShellError};

/// State of a run while it is sent, which stays if the process ends.
const INCOMPLETE: &str = "semql ended before the server had the whole run";

#[derive(Deserialize)]
struct CreatedRun {
    run: Run,
}

#[derive(Deserialize)]
struct Run {
    info: RunInfo,
}

#[derive(Deserialize)]
struct RunInfo {
    run_id: String,
    #[serde(default)]
    artifact_uri: String,
}

/// An experiment of a tracking server that has answered.
#[derive(Debug)]
pub struct Tracker {
    client: MlflowClient,
    target: TrackingTarget,
    experiment: String,
}

impl Tracker {
    /// Asks the server for the experiment, and creates it if it does not exist.
    ///
    /// # Errors
    /// A server that does not answer as MLflow does.
    pub async fn open(target: TrackingTarget) -> Result<Self> {
        let client = MlflowClient::new(&target)?;
        let experiment = experiment_id(&client, &target.experiment).await;
        let experiment = experiment.map_err(|error| {
            ShellError::setup(format!(
                "cannot use the experiment '{}' of the tracking server {}: {error}; nothing was trained. Check the \
                 address, or train without a server (SET ai.tracking_uri = '')",
                target.experiment,
                target.shown_server()
            ))
        })?;
        Ok(Self {
            client,
            target,
            experiment,
        })
    }

    /// Sends a run and the file of its model, and stores in the local run whether that was
    /// possible. Returns notices.
    pub async fn track(&self, mut run: TrainingRun, file: &ModelFile) -> Vec<String> {
        let mut notices = Vec::new();
        run.tracking = TrackingState::Untracked(INCOMPLETE.to_string());
        notices.extend(stored(&run));
        match self.send(&run, file).await {
            Ok((address, notice)) => {
                run.tracking = TrackingState::Tracked(address);
                notices.extend(notice);
            }
            Err(error) => {
                run.tracking = TrackingState::Untracked(error.to_string());
                notices.push(format!(
                    "The model {} is trained, but its run is not at the tracking server {}: {error}. SELECT * FROM \
                     ai_runs() has it.",
                    run.model,
                    self.target.shown_server()
                ));
            }
        }
        notices.extend(stored(&run));
        notices
    }

    /// Sends a run. Returns its address at the server, and a notice about its artefact.
    async fn send(
        &self,
        run: &TrainingRun,
        file: &ModelFile,
    ) -> Result<(String, Option<String>), TrackingError> {
        let (start, end) = times(run);
        let body = json!({
            "experiment_id": self.experiment,
            "start_time": start,
            "run_name": run.model,
        });
        let CreatedRun { run: created } = self.client.post("runs/create", &body).await?;
        let id = checked_id(created.info.run_id)?;
        let filled = self.fill(run, &id, file, &created.info.artifact_uri).await;
        // A lost server would be waited for twice.
        if let Err(error @ (TrackingError::Connection(_) | TrackingError::Timeout(_))) = filled {
            return Err(error);
        }
        let status = if filled.is_ok() { "FINISHED" } else { "FAILED" };
        let body = json!({"run_id": id, "status": status, "end_time": end});
        let updated: Result<IgnoredAny, _> = self.client.post("runs/update", &body).await;
        // The first failure is the cause.
        let notice = filled?;
        updated?;
        let address = format!(
            "{}/#/experiments/{}/runs/{id}",
            self.target.shown_server(),
            self.experiment
        );
        Ok((address, notice))
    }

    /// Adds figures and the model file to a run of the server.
    async fn fill(
        &self,
        run: &TrainingRun,
        id: &str,
        file: &ModelFile,
        artifacts: &str,
    ) -> Result<Option<String>, TrackingError> {
        for batch in log_batches(run, id) {
            let _: IgnoredAny = self.client.post("runs/log-batch", &batch).await?;
        }
        let Some(mut path) = proxied_path(artifacts, &self.target.server) else {
            return Ok(Some(format!(
                "The file of the model {} was not sent: the tracking server keeps artefacts in {}, and not behind its \
                 proxy (mlflow server --serve-artifacts).",
                run.model,
                store_of(artifacts)
            )));
        };
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        path.push(&name);
        let content = tokio::fs::File::open(&file.path).await;
        let content = content.map_err(|error| TrackingError::File(error.to_string()))?;
        self.client.put_artifact(&path, file.bytes, content).await?;
        Ok(None)
    }
}

/// Stores a run; returns a notice if that fails.
fn stored(run: &TrainingRun) -> Option<String> {
    store_run(run).err().map(|error| error.to_string())
}
