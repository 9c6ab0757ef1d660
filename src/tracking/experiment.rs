//! Experiments of an MLflow server.

use serde::Deserialize;
use serde_json::json;

use super::client::MlflowClient;
use super::error::TrackingError;

/// Error code for an experiment that does not exist.
const DOES_NOT_EXIST: &str = "RESOURCE_DOES_NOT_EXIST";

/// Error code for an experiment that another client has just created.
const ALREADY_EXISTS: &str = "RESOURCE_ALREADY_EXISTS";

/// Characters of the longest id.
const MAX_ID_CHARS: usize = 256;

#[derive(Deserialize)]
struct FoundExperiment {
    experiment: Experiment,
}

#[derive(Deserialize)]
struct Experiment {
    experiment_id: String,
    #[serde(default)]
    lifecycle_stage: String,
}

#[derive(Deserialize)]
struct CreatedExperiment {
    experiment_id: String,
}

/// Id of the experiment called `name`, which is created if it does not exist.
///
/// # Errors
/// A deleted experiment; otherwise see [`TrackingError`].
pub async fn experiment_id(client: &MlflowClient, name: &str) -> Result<String, TrackingError> {
    if let Some(id) = find(client, name).await? {
        return Ok(id);
    }
    let body = json!({ "name": name });
    match client.post("experiments/create", &body).await {
        Ok(CreatedExperiment { experiment_id }) => checked_id(experiment_id),
        Err(error) if has_code(&error, ALREADY_EXISTS) => find(client, name).await?.ok_or(error),
        Err(error) => Err(error),
    }
}

async fn find(client: &MlflowClient, name: &str) -> Result<Option<String>, TrackingError> {
    let query = [("experiment_name", name)];
    match client.get("experiments/get-by-name", &query).await {
        Ok(FoundExperiment { experiment }) if experiment.lifecycle_stage == "deleted" => {
            Err(TrackingError::DeletedExperiment)
        }
        Ok(FoundExperiment { experiment }) => checked_id(experiment.experiment_id).map(Some),
        Err(error) if has_code(&error, DOES_NOT_EXIST) => Ok(None),
        Err(error) => Err(error),
    }
}

fn has_code(error: &TrackingError, expected: &str) -> bool {
    matches!(error, TrackingError::Refused { code, .. } if code == expected)
}

/// An id of an experiment or a run. It becomes part of an address.
///
/// # Errors
/// [`TrackingError::NotMlflow`] for other characters than MLflow uses.
pub fn checked_id(id: String) -> Result<String, TrackingError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match (1..=MAX_ID_CHARS).contains(&id.len()) && id.bytes().all(is_plain) {
        true => Ok(id),
        false => Err(TrackingError::NotMlflow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_no_characters_of_addresses() {
        for id in ["1", "9f64a19ce7c1415ea935ca7344da5289", "a-b_c"] {
            assert_eq!(checked_id(id.to_string()).as_deref(), Ok(id));
        }
        for id in ["", "..", "a/b", "a b", "a#b", "ä", &"1".repeat(257)] {
            assert!(checked_id(id.to_string()).is_err(), "{id}");
        }
    }
}
