//! `modules.json`: the modules of a model, in the order in which they run.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use crate::models::ModelError;
use crate::models::json::read_json;

/// Maximum modules of a model. Published ones have up to 5.
const MAX_MODULES: usize = 64;

/// Module of sentence-transformers that semql runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleKind {
    Transformer,
    Pooling,
    Dense,
    LayerNorm,
    Normalize,
    /// Changes nothing outside of training.
    Dropout,
}

const KINDS: &[(&str, ModuleKind)] = &[
    ("Transformer", ModuleKind::Transformer),
    ("Pooling", ModuleKind::Pooling),
    ("Dense", ModuleKind::Dense),
    ("LayerNorm", ModuleKind::LayerNorm),
    ("Normalize", ModuleKind::Normalize),
    ("Dropout", ModuleKind::Dropout),
];

/// One module, and its folder relative to the model's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleFolder {
    pub kind: ModuleKind,
    pub path: PathBuf,
}

#[derive(Deserialize)]
struct ModuleEntry {
    #[serde(default)]
    path: String,
    r#type: String,
}

/// The modules of the model in `folder`; `None` without a `modules.json`. The
/// first is a Transformer, the second a Pooling.
///
/// # Errors
/// [`ModelError::Unsupported`] for another module or order, and
/// [`ModelError::Corrupt`].
pub fn read_modules(folder: &Path) -> Result<Option<Vec<ModuleFolder>>, ModelError> {
    let path = folder.join("modules.json");
    let Some(entries) = read_json::<Vec<ModuleEntry>>(&path)? else {
        return Ok(None);
    };
    if entries.len() > MAX_MODULES {
        return Err(ModelError::corrupt(path, "it has too many modules"));
    }
    let modules = entries
        .iter()
        .map(|entry| {
            let folder = relative_path(&entry.path).ok_or_else(|| {
                ModelError::corrupt(
                    &path,
                    format!("the path '{}' leads out of the folder", entry.path),
                )
            })?;
            let kind = kind(&entry.r#type).ok_or_else(|| {
                unsupported(&path, format!("the module '{}'", printable(&entry.r#type)))
            })?;
            Ok(ModuleFolder { kind, path: folder })
        })
        .collect::<Result<Vec<_>, ModelError>>()?;
    let kinds: Vec<ModuleKind> = modules.iter().map(|module| module.kind).collect();
    match kinds.as_slice() {
        [ModuleKind::Transformer, ModuleKind::Pooling, rest @ ..]
            if !rest.contains(&ModuleKind::Transformer) && !rest.contains(&ModuleKind::Pooling) =>
        {
            Ok(Some(modules))
        }
        _ => Err(unsupported(&path, format!("the modules {kinds:?}"))),
    }
}

fn unsupported(path: &Path, what: String) -> ModelError {
    ModelError::Unsupported {
        what,
        path: path.to_path_buf(),
        hint: "choose a model of a Transformer, a Pooling, and then Dense, LayerNorm, Normalize \
               or Dropout modules of sentence-transformers"
            .to_string(),
    }
}

/// The kind of the class `name`, such as `sentence_transformers.models.Dense`.
fn kind(name: &str) -> Option<ModuleKind> {
    let class = name
        .strip_prefix("sentence_transformers.")?
        .rsplit('.')
        .next()?;
    KINDS
        .iter()
        .find(|(known, _)| *known == class)
        .map(|(_, kind)| *kind)
}

/// A path that stays below its folder.
fn relative_path(text: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for component in Path::new(text).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(path)
}

/// The start of a text from a file, without control characters.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn modules(entries: &[(&str, &str)]) -> Result<Option<Vec<ModuleFolder>>, ModelError> {
        let folder = tempfile::tempdir().unwrap();
        let entries: Vec<_> = entries
            .iter()
            .map(|(path, class)| serde_json::json!({"idx": 0, "path": path, "type": class}))
            .collect();
        let json = serde_json::to_vec(&entries).unwrap();
        fs::write(folder.path().join("modules.json"), json).unwrap();
        read_modules(folder.path())
    }

    const TRANSFORMER: (&str, &str) = ("", "sentence_transformers.models.Transformer");
    const POOLING: (&str, &str) = ("1_Pooling", "sentence_transformers.models.Pooling");

    #[test]
    fn modules_keep_their_order_and_folders() {
        let dense = (
            "a/2_Dense",
            "sentence_transformers.base.modules.dense.Dense",
        );
        let read = modules(&[TRANSFORMER, POOLING, dense]).unwrap().unwrap();
        assert_eq!(read[2].kind, ModuleKind::Dense);
        assert_eq!(read[2].path, Path::new("a/2_Dense"));
        let none = tempfile::tempdir().unwrap();
        assert_eq!(read_modules(none.path()).unwrap(), None);
    }

    #[test]
    fn other_modules_and_orders_are_refused_by_name() {
        for (entries, word) in [
            (&[TRANSFORMER][..], "[Transformer]"),
            (&[POOLING, TRANSFORMER], "[Pooling, Transformer]"),
            (
                &[TRANSFORMER, POOLING, POOLING],
                "[Transformer, Pooling, Pooling]",
            ),
            (
                &[("", "custom_st.Transformer"), POOLING],
                "custom_st.Transformer",
            ),
            (
                &[
                    TRANSFORMER,
                    POOLING,
                    ("2_CNN", "sentence_transformers.models.CNN"),
                ],
                "models.CNN",
            ),
            (&[], "[]"),
        ] {
            let error = modules(entries).unwrap_err();
            assert!(matches!(error, ModelError::Unsupported { .. }));
            assert!(error.to_string().contains(word), "{error}");
            assert_eq!(error.to_string().lines().count(), 1);
        }
        for path in ["../x", "/etc", "a/../../b"] {
            let dense = (path, "sentence_transformers.models.Dense");
            let error = modules(&[TRANSFORMER, POOLING, dense]).unwrap_err();
            assert!(matches!(error, ModelError::Corrupt { .. }), "{error}");
        }
        let many = vec![TRANSFORMER; 1000];
        assert!(modules(&many).is_err());
    }
}
