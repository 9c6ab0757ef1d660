//! Readers of published checkpoints.
//!
//! Files are memory mapped. Opening a file checks every offset, so that reading a
//! tensor touches only its pages and cannot exceed the file.

mod archive;
mod element;
mod names;
mod pickle;
mod pytorch;
mod safetensors;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use serde::Deserialize;

use super::ModelError;
use element::TensorView;

/// File names of checkpoints, in order of preference.
const CHECKPOINT_FILES: &[&str] = &[
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];

/// Maximum size of the index of a sharded checkpoint. A model of 1,000 tensors
/// has 100 KB.
const MAX_INDEX_BYTES: u64 = 16 << 20;

/// Maximum files of a sharded checkpoint.
const MAX_SHARDS: usize = 1024;

/// The named tensors of one checkpoint.
pub struct Weights {
    path: PathBuf,
    shards: Vec<Shard>,
    /// Shard and view of each tensor.
    tensors: BTreeMap<String, (usize, TensorView)>,
}

struct Shard {
    path: PathBuf,
    map: Mmap,
}

/// The values of one tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Lengths of the axes; empty for a scalar.
    pub shape: Vec<usize>,
    /// Values in row-major order, as many as the product of `shape`.
    pub data: Vec<f32>,
}

impl Weights {
    /// Opens the checkpoint in `folder`: `model.safetensors`, or else
    /// `pytorch_model.bin`, each as one file or in shards with an index.
    ///
    /// # Errors
    /// [`ModelError::Missing`] if there is none; else those of
    /// [`Weights::open_file`].
    pub fn open(folder: &Path) -> Result<Weights, ModelError> {
        match CHECKPOINT_FILES
            .iter()
            .map(|name| folder.join(name))
            .find(|path| path.is_file())
        {
            Some(path) => Self::open_file(&path),
            None => Err(ModelError::Missing {
                what: "a checkpoint (model.safetensors or pytorch_model.bin)".to_string(),
                path: folder.to_path_buf(),
                hint: "put the model's weights into that folder, or name another model".to_string(),
            }),
        }
    }

    /// Opens one checkpoint file, or the index of a sharded one. The first bytes
    /// of the file determine its format, not its name.
    ///
    /// # Errors
    /// [`ModelError::Corrupt`] for a truncated or inconsistent file,
    /// [`ModelError::Unsupported`] for another format, [`ModelError::Io`].
    pub fn open_file(path: &Path) -> Result<Weights, ModelError> {
        let mut weights = Weights {
            path: path.to_path_buf(),
            shards: Vec::new(),
            tensors: BTreeMap::new(),
        };
        if path.to_string_lossy().ends_with(".index.json") {
            weights.add_shards(path)?;
        } else {
            let tensors = weights.add_file(path)?;
            weights.tensors = tensors
                .into_iter()
                .map(|(name, view)| (name, (0, view)))
                .collect();
        }
        if weights.tensors.is_empty() {
            return Err(ModelError::corrupt(path, "it holds no tensors"));
        }
        Ok(weights)
    }

    /// The file that was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The files of the checkpoint: the one that was opened, and all shards.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let shards = self.shards.iter().map(|shard| shard.path.as_path());
        let shards = shards.filter(|path| *path != self.path);
        std::iter::once(self.path.as_path()).chain(shards)
    }

    /// Names of the tensors in the file, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether [`Weights::tensor`] would find `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Shape of the tensor that [`Weights::tensor`] would return.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.find(name).map(|(_, view)| view.shape.as_slice())
    }

    /// Reads the tensor called `name`, with any prefix of the model (`bert.`,
    /// `model.`, ...) and under the legacy names of layer norms. Floats of 16, 32
    /// and 64 bits are converted to 32 bits.
    ///
    /// # Errors
    /// [`ModelError::Missing`] if there is none, [`ModelError::Unsupported`] if its
    /// values are not floats.
    pub fn tensor(&self, name: &str) -> Result<Tensor, ModelError> {
        let (shard, view) = self.find(name).ok_or_else(|| ModelError::Missing {
            what: format!("the tensor '{name}'"),
            path: self.path.clone(),
            hint: format!(
                "these weights belong to another kind of model, with tensors such as {}",
                self.names()
                    .take(3)
                    .map(|n| format!("'{n}'"))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        })?;
        let shard = &self.shards[*shard];
        let data = view
            .read(&shard.map)
            .map_err(|error| error.with_location(&shard.path, name))?;
        Ok(Tensor {
            shape: view.shape.clone(),
            data,
        })
    }

    /// Reads the tensor called `name`, which must have this shape.
    ///
    /// # Errors
    /// Those of [`Weights::tensor`], and [`ModelError::Corrupt`] for another shape.
    pub fn shaped(&self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        let tensor = self.tensor(name)?;
        if tensor.shape != shape {
            return Err(ModelError::corrupt(
                &self.path,
                format!(
                    "{name} has shape {:?}, but config.json requires {shape:?}; \
                     they belong to different models",
                    tensor.shape
                ),
            ));
        }
        Ok(tensor)
    }

    fn find(&self, name: &str) -> Option<&(usize, TensorView)> {
        names::candidate_names(name).find_map(|candidate| self.tensors.get(&candidate))
    }

    /// Maps one file and lists its tensors.
    fn add_file(&mut self, path: &Path) -> Result<Vec<(String, TensorView)>, ModelError> {
        let file = File::open(path).map_err(|e| ModelError::io(path, e))?;
        // SAFETY: the map is only read. Truncating the file while it is mapped
        // can make a read fault, as with every mapped file. semql replaces model
        // files by renaming, which keeps existing maps valid.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| ModelError::io(path, e))?;
        let listed = if map.starts_with(b"PK\x03\x04") {
            pytorch::list_archive(&map, path)
        } else if pytorch::is_legacy(&map) {
            pytorch::list_legacy(&map, path)
        } else {
            reject_other_formats(&map, path)?;
            safetensors::list(&map, path)
        }?;
        self.shards.push(Shard {
            path: path.to_path_buf(),
            map,
        });
        Ok(listed)
    }

    fn add_shards(&mut self, index: &Path) -> Result<(), ModelError> {
        let folder = index.parent().unwrap_or(Path::new(""));
        let mut shards: HashMap<&str, (usize, HashMap<String, TensorView>)> = HashMap::new();
        let weight_map = read_weight_map(index)?;
        for (name, file) in &weight_map {
            if !shards.contains_key(file.as_str()) {
                let listed = self.add_file(&folder.join(file))?;
                shards.insert(file, (self.shards.len() - 1, listed.into_iter().collect()));
            }
            let view = shards
                .get_mut(file.as_str())
                .and_then(|(shard, views)| views.remove(name).map(|view| (*shard, view)));
            let view = view.ok_or_else(|| {
                ModelError::corrupt(folder.join(file), format!("it lacks the tensor '{name}'"))
            })?;
            self.tensors.insert(name.clone(), view);
        }
        Ok(())
    }
}

/// Names of the files of a sharded checkpoint with this index.
///
/// # Errors
/// Those of [`read_weight_map`].
pub(super) fn shard_names(index: &Path) -> Result<BTreeSet<String>, ModelError> {
    Ok(read_weight_map(index)?.into_values().collect())
}

/// The file of each tensor of a sharded checkpoint. The files are in the folder of
/// the index.
///
/// # Errors
/// [`ModelError::Corrupt`] for a damaged index, or one that refers to other or too
/// many files; [`ModelError::Io`].
fn read_weight_map(index: &Path) -> Result<BTreeMap<String, String>, ModelError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let text = read_index(index)?;
    let Index { weight_map } =
        serde_json::from_str(&text).map_err(|e| ModelError::corrupt(index, e.to_string()))?;
    let files: BTreeSet<&str> = weight_map.values().map(String::as_str).collect();
    if files.len() > MAX_SHARDS {
        return Err(ModelError::corrupt(index, "it refers to too many files"));
    }
    let outside =
        |file: &&&str| file.is_empty() || file.contains(['/', '\\']) || file.starts_with('.');
    if let Some(file) = files.iter().find(outside) {
        return Err(ModelError::corrupt(
            index,
            format!("it refers to the file '{file}'"),
        ));
    }
    Ok(weight_map)
}

/// Reads the index of a sharded checkpoint.
fn read_index(path: &Path) -> Result<String, ModelError> {
    let file = File::open(path).map_err(|e| ModelError::io(path, e))?;
    let mut text = String::new();
    let read = file.take(MAX_INDEX_BYTES + 1).read_to_string(&mut text);
    let read = read.map_err(|e| ModelError::io(path, e))?;
    match read as u64 > MAX_INDEX_BYTES {
        true => Err(ModelError::corrupt(path, "it is too large for an index")),
        false => Ok(text),
    }
}

/// Explains files that are often found in place of weights.
fn reject_other_formats(bytes: &[u8], path: &Path) -> Result<(), ModelError> {
    let start = &bytes[..bytes.len().min(64)];
    let reason = if bytes.is_empty() {
        "it is empty"
    } else if start.starts_with(b"version https://git-lfs") {
        "it is a Git LFS pointer in place of the weights; run `git lfs pull` in that folder"
    } else if start.trim_ascii_start().starts_with(b"<") {
        "it is a web page"
    } else if bytes.get(257..262) == Some(b"ustar") {
        return Err(ModelError::Unsupported {
            what: "weights in the tar format of PyTorch before 0.1.10".to_string(),
            path: path.to_path_buf(),
            hint: pytorch::RESAVE_HINT.to_string(),
        });
    } else {
        return Ok(());
    };
    Err(ModelError::corrupt(path, reason))
}

#[cfg(test)]
mod tests;
