//! Where an MLflow server keeps the artefacts of a run.

use url::Url;

/// Scheme of artefacts behind the proxy of the server.
const PROXIED: &str = "mlflow-artifacts:";

/// Path below the proxy of `server` for artefacts at `uri`; `None` for other stores, and
/// for the proxy of another host.
pub fn proxied_path<'a>(uri: &'a str, server: &Url) -> Option<Vec<&'a str>> {
    let mut rest = uri.strip_prefix(PROXIED)?;
    if let Some(after) = rest.strip_prefix("//") {
        let (authority, path) = after.split_once('/')?;
        if !authority.is_empty() && authority != server.authority() {
            return None;
        }
        rest = path;
    }
    let segments: Vec<&str> = rest.trim_matches('/').split('/').collect();
    let is_plain = |segment: &&str| {
        !matches!(*segment, "" | "." | "..") && !segment.contains(|c: char| c.is_control())
    };
    segments.iter().all(is_plain).then_some(segments)
}

/// Store of other artefacts, for a message: its scheme alone, since addresses of stores
/// can contain keys.
pub fn store_of(uri: &str) -> String {
    let scheme = uri.split_once(':').map(|(scheme, _)| scheme);
    let is_scheme = |scheme: &&str| {
        (1..=20).contains(&scheme.len())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    match scheme.filter(is_scheme) {
        Some(scheme) => format!("{scheme}:"),
        None => "a folder of the server".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artefacts_behind_the_proxy_have_a_path() {
        let server = Url::parse("http://127.0.0.1:5000/mlflow").unwrap();
        let path = |uri| proxied_path(uri, &server);
        assert_eq!(
            path("mlflow-artifacts:/1/ab/artifacts"),
            Some(vec!["1", "ab", "artifacts"])
        );
        assert_eq!(
            path("mlflow-artifacts://127.0.0.1:5000/1/ab"),
            Some(vec!["1", "ab"])
        );
        assert_eq!(path("mlflow-artifacts:///1/ab"), Some(vec!["1", "ab"]));
        for uri in [
            "",
            "s3://bucket/1",
            "/srv/mlruns/1",
            "mlflow-artifacts:",
            "mlflow-artifacts:/",
            "mlflow-artifacts://other:5000/1",
            "mlflow-artifacts://127.0.0.1:5000",
            "mlflow-artifacts:/../../api/2.0/mlflow/runs/delete",
            "mlflow-artifacts:/1//ab",
            "mlflow-artifacts:/1/a\nb",
        ] {
            assert_eq!(path(uri), None, "{uri}");
        }
    }

    #[test]
    fn stores_are_named_without_their_addresses() {
        for (uri, expected) in [
            ("s3://key:s3cret@bucket/1", "s3:"),
            ("wasbs://x", "wasbs:"),
            ("/srv/mlruns", "a folder of the server"),
            ("\u{1b}[2J:x", "a folder of the server"),
        ] {
            assert_eq!(store_of(uri), expected);
        }
    }
}
