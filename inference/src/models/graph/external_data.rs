//! Weights that a published graph keeps in files beside it.
//!
//! ONNX Runtime resolves such files itself, but refuses those behind links, as
//! in the cache of `huggingface_hub`. semql resolves them here.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use memmap2::Mmap;
use prost::Message;

use crate::models::ModelError;

/// Maximum files of weights of one graph.
const MAX_FILES: usize = 1024;

/// `data_location` of a tensor whose values are in another file.
const EXTERNAL: i32 = 1;

/// The parts of an ONNX file that name other files, with the names of its
/// definition. All others are skipped.
#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    node: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<StoredTensor>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(message, optional, tag = "5")]
    t: Option<StoredTensor>,
    #[prost(message, optional, tag = "6")]
    g: Option<Graph>,
}

/// The part of a tensor that says where its values are.
#[derive(Clone, PartialEq, Message)]
pub(super) struct StoredTensor {
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<Entry>,
    #[prost(int32, tag = "14")]
    data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

impl StoredTensor {
    /// A tensor of `len` bytes at `offset` of a file.
    #[cfg(test)]
    pub(super) fn new(location: &str, offset: usize, len: usize) -> Self {
        let entry = |key: &str, value: String| Entry {
            key: key.to_string(),
            value,
        };
        Self {
            external_data: vec![
                entry("location", location.to_string()),
                entry("offset", offset.to_string()),
                entry("length", len.to_string()),
            ],
            data_location: EXTERNAL,
        }
    }

    /// The value of an entry.
    fn value(&self, key: &str) -> Option<&str> {
        let entry = self.external_data.iter().find(|entry| entry.key == key);
        entry.map(|entry| entry.value.as_str())
    }

    /// The file and the bytes in it, if both are known and not in the graph.
    pub(super) fn external_range(&self) -> Option<(&str, Range<u64>)> {
        if self.data_location != EXTERNAL {
            return None;
        }
        let start: u64 = self.value("offset").unwrap_or("0").parse().ok()?;
        let length: u64 = self.value("length")?.parse().ok()?;
        Some((self.value("location")?, start..start.checked_add(length)?))
    }
}

/// A file of weights of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalFile {
    /// Name in the graph.
    pub location: String,
    pub path: PathBuf,
}

/// The names of the files of weights of `graph`, each with the end of the values
/// that are read from it.
///
/// # Errors
/// [`ModelError::Corrupt`] for a damaged graph or a name that leads out of the
/// folder.
pub(in crate::models) fn external_locations(
    graph: &Path,
) -> Result<BTreeMap<String, u64>, ModelError> {
    let file = File::open(graph).map_err(|e| ModelError::io(graph, e))?;
    // SAFETY: the map is only read, and semql replaces model files by renaming.
    let map = unsafe { Mmap::map(&file) }.map_err(|e| ModelError::io(graph, e))?;
    let corrupt = |reason: String| ModelError::corrupt(graph, reason);
    let model = Model::decode(&map[..])
        .map_err(|_| corrupt("it is not a complete ONNX file".to_string()))?;
    let mut ends = BTreeMap::new();
    if let Some(graph) = &model.graph {
        list(graph, &mut ends).map_err(corrupt)?;
    }
    Ok(ends)
}

/// The files of weights that `graph` names, which are below its folder or links
/// there.
///
/// # Errors
/// Locations outside of the folder of the graph, and [`ModelError::Missing`] for a missing file.
pub fn external_files(graph: &Path) -> Result<Vec<ExternalFile>, ModelError> {
    let ends = external_locations(graph)?;
    let folder = graph.parent().unwrap_or(Path::new("."));
    ends.into_iter()
        .map(|(location, end)| {
            let path = folder.join(&location);
            let len = path
                .metadata()
                .map_err(|_| ModelError::Missing {
                    what: format!("the file of weights '{location}' of {}", graph.display()),
                    path: path.clone(),
                    hint: "copy or download it beside the graph".to_string(),
                })?
                .len();
            if end > len {
                return Err(ModelError::corrupt(
                    &path,
                    format!("it has {len} bytes, and the graph reads {end}"),
                ));
            }
            Ok(ExternalFile { location, path })
        })
        .collect()
}

/// Adds each named file, and the end of the values that are read from it.
fn list(graph: &Graph, ends: &mut BTreeMap<String, u64>) -> Result<(), String> {
    for node in &graph.node {
        for attribute in &node.attribute {
            if let Some(tensor) = &attribute.t {
                add(tensor, ends)?;
            }
            if let Some(graph) = &attribute.g {
                list(graph, ends)?;
            }
        }
    }
    graph
        .initializer
        .iter()
        .try_for_each(|tensor| add(tensor, ends))
}

fn add(tensor: &StoredTensor, ends: &mut BTreeMap<String, u64>) -> Result<(), String> {
    if tensor.data_location != EXTERNAL {
        return Ok(());
    }
    let location = tensor.value("location").unwrap_or_default();
    let mut parts = Path::new(location).components().peekable();
    if parts.peek().is_none() || !parts.all(|part| matches!(part, Component::Normal(_))) {
        return Err(format!("it refers to the file {location:.120?}"));
    }
    let number = |key: &str| match tensor.value(key) {
        Some(text) => text
            .parse::<u64>()
            .map_err(|_| format!("the {key} of a tensor is not a number")),
        None => Ok(0),
    };
    let end = number("offset")?
        .checked_add(number("length")?)
        .ok_or("the offset of a tensor is too large")?;
    if ends.len() >= MAX_FILES && !ends.contains_key(location) {
        return Err("it refers to too many files".to_string());
    }
    let known = ends.entry(location.to_string()).or_default();
    *known = (*known).max(end);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::mutations;
    use crate::random::Random;

    fn model(location: &str, offset: &str, length: &str) -> Model {
        let mut tensor = StoredTensor::new(location, 0, 0);
        tensor.external_data[1].value = offset.to_string();
        tensor.external_data[2].value = length.to_string();
        Model {
            graph: Some(Graph {
                node: Vec::new(),
                initializer: vec![tensor],
            }),
        }
    }

    fn files(model: &Model) -> Result<Vec<ExternalFile>, ModelError> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("weights"), [0; 8]).unwrap();
        let path = folder.path().join("model.onnx");
        fs::write(&path, model.encode_to_vec()).unwrap();
        external_files(&path)
    }

    #[test]
    fn files_are_named_below_the_folder_and_hold_all_values() {
        let found = files(&model("weights", "4", "4")).unwrap();
        assert_eq!(found[0].location, "weights");
        assert!(files(&Model { graph: None }).unwrap().is_empty());
        for (location, offset, length) in [
            ("../weights", "0", "4"),
            ("/etc/hostname", "0", "1"),
            ("./../x", "0", "1"),
            ("", "0", "1"),
            ("weights", "4", "5"),
            ("weights", "-1", "5"),
            ("weights", "18446744073709551615", "1"),
            ("absent", "0", "0"),
        ] {
            let error = files(&model(location, offset, length)).unwrap_err();
            assert_eq!(error.to_string().lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn damaged_graphs_are_errors_or_harmless() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        fs::write(folder.path().join("weights"), [0; 8]).unwrap();
        let intact = model("weights", "0", "8").encode_to_vec();
        let mut random = Random::new(5);
        for _ in 0..mutations::cases(300) {
            let mut bytes = intact.clone();
            mutations::mutate(&mut bytes, &mut random);
            fs::write(&path, &bytes).unwrap();
            if let Ok(files) = external_files(&path) {
                assert!(
                    files
                        .iter()
                        .all(|file| file.path.starts_with(folder.path()))
                );
            }
        }
    }
}
