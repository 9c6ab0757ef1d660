//! Folder of the model files, and the names of models.

use std::path::PathBuf;

use semql_inference::models::home;
use semql_inference::{Error, Result};

/// Ending of the name of a model file.
const SUFFIX: &str = ".model";

/// Whether there is a model called `name`.
///
/// # Errors
/// [`Error::Invalid`] for an invalid name.
pub fn model_exists(name: &str) -> Result<bool> {
    Ok(model_path(name)?.is_file())
}

/// Names of all models, sorted.
pub fn model_names() -> Vec<String> {
    let files = std::fs::read_dir(folder()).into_iter().flatten().flatten();
    let mut names: Vec<String> = files
        .filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(SUFFIX)?.to_string()))
        .collect();
    names.sort_unstable();
    names
}

/// File of the model called `name`.
///
/// # Errors
/// [`Error::Invalid`] for an invalid name.
pub(super) fn model_path(name: &str) -> Result<PathBuf> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(Error::Invalid(format!(
            "'{name}' is not a valid name of a model: use letters, digits, '_', '-' and '.'"
        )));
    }
    Ok(folder().join(format!("{name}{SUFFIX}")))
}

fn folder() -> PathBuf {
    home().join("trained")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_the_folder() {
        for name in [
            "", ".", "..", "../a", "a/b", "a\\b", ".hidden", "a b", "a\0",
        ] {
            assert!(
                matches!(model_path(name), Err(Error::Invalid(_))),
                "{name:?}"
            );
        }
        for name in ["gpc", "semql-bench", "v1.2", "größe_ü"] {
            let path = model_path(name).unwrap();
            assert_eq!(path.parent(), Some(folder().as_path()), "{name}");
        }
    }
}
