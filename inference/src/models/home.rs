//! The folder of models, graphs and libraries on this machine.

use std::path::PathBuf;

/// semql's folder on this machine: `SEMQL_HOME`, or `semql` in the data folder
/// of the user. It contains `onnxruntime/`, `models/` and `graphs/`.
pub fn home() -> PathBuf {
    let from = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    from("SEMQL_HOME")
        .or_else(|| from("XDG_DATA_HOME").map(|data| data.join("semql")))
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/share/semql")))
        .unwrap_or_else(|| PathBuf::from(".semql"))
}
