//! Checkpoints as publishers publish them, read without Python.
//!
//! Files are memory mapped and every offset is checked against the file when it
//! is opened, so that reading a tensor later touches only that tensor's pages
//! and cannot leave the file.

mod archive;
mod element;
mod names;
mod pickle;
mod pytorch;
mod safetensors;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use serde::Deserialize;

use super::ModelError;
use element::Slot;

/// What a folder's checkpoint may be called, best first.
const FILES: &[&str] = &[
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];

/// Bytes of the index of a sharded checkpoint, at most. A model of 1,000 tensors
/// has 100 KB.
const MAX_INDEX_BYTES: u64 = 16 << 20;

/// Files of a sharded checkpoint, at most.
const MAX_SHARDS: usize = 1024;

/// The named tensors of one checkpoint.
pub struct Weights {
    path: PathBuf,
    shards: Vec<Shard>,
    /// Name to shard and slot.
    tensors: BTreeMap<String, (usize, Slot)>,
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
    /// `pytorch_model.bin`, each whole or in shards with an index.
    ///
    /// # Errors
    /// [`ModelError::Missing`] if there is none; else as [`Weights::open_file`].
    pub fn open(folder: &Path) -> Result<Weights, ModelError> {
        match FILES
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

    /// Opens one checkpoint file, or the index of a sharded one. The file's
    /// first bytes decide how it is read, not its name.
    ///
    /// # Errors
    /// [`ModelError::Corrupt`] for a file that is cut off or lies about itself,
    /// [`ModelError::Unsupported`] for one of another kind, [`ModelError::Io`].
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
                .map(|(name, slot)| (name, (0, slot)))
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

    /// The tensors' names as the file has them, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether [`Weights::tensor`] would find `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The shape of the tensor that [`Weights::tensor`] would give.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.find(name).map(|(_, slot)| slot.shape.as_slice())
    }

    /// The tensor called `name`, whatever the model's own prefix before it
    /// (`bert.`, `model.`, ...) and by the older names of layer norms too.
    /// Stored as 16, 32 or 64-bit floats, given as 32-bit ones.
    ///
    /// # Errors
    /// [`ModelError::Missing`] where there is none, [`ModelError::Unsupported`]
    /// where its values are not floats.
    pub fn tensor(&self, name: &str) -> Result<Tensor, ModelError> {
        let (shard, slot) = self.find(name).ok_or_else(|| ModelError::Missing {
            what: format!("the tensor '{name}'"),
            path: self.path.clone(),
            hint: format!(
                "these weights are of another kind of model; their tensors are called like {}",
                self.names()
                    .take(3)
                    .map(|n| format!("'{n}'"))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        })?;
        let shard = &self.shards[*shard];
        let data = slot
            .read(&shard.map)
            .map_err(|problem| problem.at(&shard.path, name))?;
        Ok(Tensor {
            shape: slot.shape.clone(),
            data,
        })
    }

    fn find(&self, name: &str) -> Option<&(usize, Slot)> {
        names::spellings(name).find_map(|spelling| self.tensors.get(&spelling))
    }

    /// Maps one file and lists what is in it.
    fn add_file(&mut self, path: &Path) -> Result<Vec<(String, Slot)>, ModelError> {
        let file = File::open(path).map_err(|e| ModelError::io(path, e))?;
        // SAFETY: the map is only read. Someone who shortens the file under a
        // running process can make a read fault, as with every mapped file;
        // semql itself replaces model files by renaming, which leaves maps whole.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| ModelError::io(path, e))?;
        let listed = if map.starts_with(b"PK\x03\x04") {
            pytorch::list_archive(&map, path)
        } else if pytorch::is_legacy(&map) {
            pytorch::list_legacy(&map, path)
        } else {
            not_a_checkpoint(&map, path)?;
            safetensors::list(&map, path)
        }?;
        self.shards.push(Shard {
            path: path.to_path_buf(),
            map,
        });
        Ok(listed)
    }

    fn add_shards(&mut self, index: &Path) -> Result<(), ModelError> {
        #[derive(Deserialize)]
        struct Index {
            weight_map: BTreeMap<String, String>,
        }
        let text = read_index(index)?;
        let Index { weight_map } =
            serde_json::from_str(&text).map_err(|e| ModelError::corrupt(index, e.to_string()))?;
        let folder = index.parent().unwrap_or(Path::new(""));
        let mut opened: HashMap<&str, (usize, HashMap<String, Slot>)> = HashMap::new();
        for (name, file) in &weight_map {
            // An index names its neighbours; it has no business elsewhere.
            if file.is_empty() || file.contains(['/', '\\']) || file.starts_with('.') {
                return Err(ModelError::corrupt(
                    index,
                    format!("it names the file '{file}'"),
                ));
            }
            if !opened.contains_key(file.as_str()) {
                if opened.len() >= MAX_SHARDS {
                    return Err(ModelError::corrupt(index, "it names too many files"));
                }
                let listed = self.add_file(&folder.join(file))?;
                opened.insert(file, (self.shards.len() - 1, listed.into_iter().collect()));
            }
            let slot = opened
                .get_mut(file.as_str())
                .and_then(|(shard, slots)| slots.remove(name).map(|slot| (*shard, slot)));
            let slot = slot.ok_or_else(|| {
                ModelError::corrupt(folder.join(file), format!("it lacks the tensor '{name}'"))
            })?;
            self.tensors.insert(name.clone(), slot);
        }
        Ok(())
    }
}

/// The text of the index of a sharded checkpoint.
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

/// Names the things that are commonly found where weights should be.
fn not_a_checkpoint(bytes: &[u8], path: &Path) -> Result<(), ModelError> {
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
            hint: pytorch::SAVE_AGAIN.to_string(),
        });
    } else {
        return Ok(());
    };
    Err(ModelError::corrupt(path, reason))
}

#[cfg(test)]
mod tests;
