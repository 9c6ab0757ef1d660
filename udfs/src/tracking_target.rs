//! Tracking servers and experiments, as settings and statements name them.

use semql_language_models::http::{AddressPurpose, parse_address};
use url::Url;

/// Experiment of runs by default.
pub const DEFAULT_EXPERIMENT: &str = "semql";

/// Characters of the longest name of an experiment; MLflow has this limit.
const MAX_EXPERIMENT_CHARS: usize = 500;

const TRACKING_SERVER: AddressPurpose = AddressPurpose {
    subject: "the address of a tracking server",
    credentials: "use the environment variables MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    advice: "write the address of an MLflow server, such as 'http://127.0.0.1:5000'",
};

/// Parses the address of a tracking server.
///
/// # Errors
/// A message without the address.
pub fn tracking_uri(text: &str) -> Result<Url, String> {
    parse_address(&TRACKING_SERVER, text.trim()).map_err(|error| error.to_string())
}

/// Checks the name of an experiment.
///
/// # Errors
/// A blank or long name, or one with control characters.
pub fn experiment_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() {
        return Err("the name of the experiment is empty".to_string());
    }
    if name.chars().count() > MAX_EXPERIMENT_CHARS || name.chars().any(char::is_control) {
        return Err(format!(
            "the name of the experiment has more than {MAX_EXPERIMENT_CHARS} characters, or control characters"
        ));
    }
    Ok(name.to_string())
}
