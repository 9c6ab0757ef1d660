//! Options of `CREATE MODEL` of every kind: where its run is tracked.

use url::Url;

use super::option_list::{OptionSpec, Parsed};
use crate::tracking_target::{experiment_name, tracking_uri};

/// Where a run is tracked; `None` for the settings of the session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrackOptions {
    /// Tracking server.
    pub track: Option<Url>,
    pub experiment: Option<String>,
}

pub const TRACK_OPTIONS: &[OptionSpec<TrackOptions>] = &[
    OptionSpec {
        key: "track",
        set: |options, value| {
            options.track = Some(tracking_uri(value)?);
            Ok(())
        },
    },
    OptionSpec {
        key: "experiment",
        set: |options, value| {
            options.experiment = Some(experiment_name(value)?);
            Ok(())
        },
    },
];

/// Takes the options of tracking from the `given` keys and values. Returns the others too.
///
/// # Errors
/// An invalid value.
pub fn take_track_options(
    given: Vec<(String, String)>,
) -> Parsed<(TrackOptions, Vec<(String, String)>)> {
    let mut options = TrackOptions::default();
    let mut others = Vec::new();
    for (key, value) in given {
        match TRACK_OPTIONS.iter().find(|spec| spec.key == key) {
            Some(spec) => (spec.set)(&mut options, &value)?,
            None => others.push((key, value)),
        }
    }
    Ok((options, others))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::create_model::option_list::COMMON_KEYS;

    #[test]
    fn options_of_tracking_are_separated_from_the_others() {
        let pair = |key: &str, value: &str| (key.to_string(), value.to_string());
        let given = vec![
            pair("cost", "2"),
            pair("experiment", " shop "),
            pair("track", "http://127.0.0.1:5000/mlflow"),
        ];
        let (options, others) = take_track_options(given).unwrap();
        assert_eq!(others, [pair("cost", "2")]);
        assert_eq!(options.experiment.as_deref(), Some("shop"));
        assert_eq!(
            options.track.unwrap().as_str(),
            "http://127.0.0.1:5000/mlflow"
        );
        let keys: Vec<&str> = TRACK_OPTIONS.iter().map(|spec| spec.key).collect();
        assert_eq!(keys, COMMON_KEYS);
    }

    #[test]
    fn invalid_values_are_refused_without_their_text() {
        let long = "x".repeat(501);
        for (key, value, expected) in [
            ("track", "", "is not a URL"),
            ("track", "databricks", "is not a URL"),
            ("track", "file:///s3cret", "is not an HTTP address"),
            (
                "track",
                "http://user:s3cret@host:5000",
                "MLFLOW_TRACKING_TOKEN",
            ),
            ("track", "http://host?token=s3cret", "has a query"),
            ("experiment", "  ", "is empty"),
            ("experiment", "a\nb", "control characters"),
            ("experiment", long.as_str(), "500 characters"),
        ] {
            let given = vec![(key.to_string(), value.to_string())];
            let message = take_track_options(given).unwrap_err();
            assert!(message.contains(expected), "{message}");
            assert!(!message.contains("s3cret"), "{message}");
        }
    }
}
