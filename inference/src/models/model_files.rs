//! Files of a model on the hub: those of every model, and those that they name.

use std::path::Path;

use super::ModelError;
use super::graph::external_locations;
use super::sentence_transformers::{ModuleKind, TRANSFORMER_CONFIGS, read_modules};
use super::weights::shard_names;

/// Files of weights, in order of preference.
pub(super) const WEIGHTS: &[&str] = &[
    "model.safetensors",
    SAFETENSORS_INDEX,
    "pytorch_model.bin",
    PYTORCH_INDEX,
    ONNX_GRAPHS[0],
    ONNX_GRAPHS[1],
];

const SAFETENSORS_INDEX: &str = "model.safetensors.index.json";
const PYTORCH_INDEX: &str = "pytorch_model.bin.index.json";
const ONNX_GRAPHS: [&str; 2] = ["onnx/model.onnx", "model.onnx"];

/// Required files of a model, each with its alternatives in order.
pub(super) const REQUIRED_FILES: &[&[&str]] =
    &[&["config.json"], &["tokenizer.json", "vocab.txt"], WEIGHTS];

/// Files that are downloaded if they exist, besides those of a Transformer.
const OPTIONAL_FILES: &[&str] = &[
    "modules.json",
    "1_Pooling/config.json",
    "config_sentence_transformers.json",
    "tokenizer_config.json",
];

/// Files that are downloaded if they exist.
pub(super) fn optional_files() -> Vec<&'static str> {
    [OPTIONAL_FILES, TRANSFORMER_CONFIGS].concat()
}

/// Files that the files of a folder name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct NamedFiles {
    /// Each with its alternatives in order.
    pub required: Vec<Vec<String>>,
    pub optional: Vec<String>,
}

impl NamedFiles {
    /// Reads what `modules.json`, the index of a checkpoint and a graph in `folder`
    /// name.
    ///
    /// # Errors
    /// A damaged file, an unsupported module, or a name that is not one of a file
    /// of a repository.
    pub(super) fn read(folder: &Path) -> Result<Self, ModelError> {
        let mut named = Self::default();
        for module in read_modules(folder)?.unwrap_or_default() {
            let path = module.path.to_string_lossy().replace('\\', "/");
            if path.is_empty() {
                continue;
            }
            let below = |name: &str| format!("{path}/{name}");
            match module.kind {
                ModuleKind::Pooling => named.required.push(vec![below("config.json")]),
                ModuleKind::Dense | ModuleKind::LayerNorm => {
                    named.required.push(vec![below("config.json")]);
                    let weights = ["model.safetensors", "pytorch_model.bin"].map(below);
                    named.required.push(weights.to_vec());
                }
                ModuleKind::Transformer => {
                    let files = REQUIRED_FILES.iter();
                    let files = files.map(|names| names.iter().map(|name| below(name)).collect());
                    named.required.extend(files);
                    let optional = optional_files();
                    named.optional.extend(optional.into_iter().map(below));
                }
                ModuleKind::Normalize | ModuleKind::Dropout => {
                    named.optional.push(below("config.json"));
                }
            }
        }
        let weights = WEIGHTS.iter().find(|name| folder.join(name).is_file());
        match weights {
            Some(index) if [SAFETENSORS_INDEX, PYTORCH_INDEX].contains(index) => {
                let shards = shard_names(&folder.join(index))?;
                named
                    .required
                    .extend(shards.into_iter().map(|name| vec![name]));
            }
            Some(graph) if ONNX_GRAPHS.contains(graph) => {
                let below = graph
                    .rsplit_once('/')
                    .map(|(folder, _)| format!("{folder}/"));
                let below = below.unwrap_or_default();
                let locations = external_locations(&folder.join(graph))?;
                let files = locations
                    .into_keys()
                    .map(|name| vec![format!("{below}{name}")]);
                named.required.extend(files);
            }
            _ => {}
        }
        let mut names = named.required.iter().flatten().chain(&named.optional);
        match names.find(|name| !is_repository_file(name)) {
            Some(name) => Err(ModelError::corrupt(
                folder,
                format!("its files refer to {name:.120?}"),
            )),
            None => Ok(named),
        }
    }

    /// Whether `folder` has all required files.
    pub(super) fn are_in(&self, folder: &Path) -> bool {
        let exists = |name: &String| folder.join(name).is_file();
        self.required.iter().all(|names| names.iter().any(exists))
    }
}

/// Whether `name` is plain enough for a path and for an address.
fn is_repository_file(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.split('/')
        .all(|part| !part.is_empty() && !part.starts_with('.') && part.chars().all(plain))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::{Value, json};

    use super::*;

    fn folder(files: &[(&str, Value)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, value) in files {
            fs::write(folder.path().join(name), value.to_string()).unwrap();
        }
        folder
    }

    fn module(path: &str, kind: &str) -> Value {
        json!({"path": path, "type": format!("sentence_transformers.models.{kind}")})
    }

    #[test]
    fn modules_and_shards_are_named() {
        let modules = json!([
            module("", "Transformer"),
            module("1_Pooling", "Pooling"),
            module("2_Dense", "Dense"),
            module("3_Normalize", "Normalize")
        ]);
        let index = json!({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors",
                                          "c": "model-1.safetensors"}});
        let folder = folder(&[("modules.json", modules), (SAFETENSORS_INDEX, index)]);
        let named = NamedFiles::read(folder.path()).unwrap();
        let required: Vec<String> = named
            .required
            .iter()
            .map(|names| names.join(" or "))
            .collect();
        assert_eq!(
            required,
            [
                "1_Pooling/config.json",
                "2_Dense/config.json",
                "2_Dense/model.safetensors or 2_Dense/pytorch_model.bin",
                "model-1.safetensors",
                "model-2.safetensors",
            ]
        );
        assert_eq!(named.optional, ["3_Normalize/config.json"]);
        assert!(!named.are_in(folder.path()));
        let empty = tempfile::tempdir().unwrap();
        let none = NamedFiles::read(empty.path()).unwrap();
        assert_eq!(none, NamedFiles::default());
        assert!(none.are_in(empty.path()));
    }

    #[test]
    fn names_that_are_not_plain_are_refused() {
        for path in ["../x", "a?b", ".git", "a b", "a%2f"] {
            let modules = json!([
                module("", "Transformer"),
                module("1_Pooling", "Pooling"),
                module(path, "Dense")
            ]);
            let folder = folder(&[("modules.json", modules)]);
            assert!(NamedFiles::read(folder.path()).is_err(), "{path}");
        }
        let index = json!({"weight_map": {"a": "../model.safetensors"}});
        assert!(NamedFiles::read(folder(&[(SAFETENSORS_INDEX, index)]).path()).is_err());
    }
}
