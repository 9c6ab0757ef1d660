//! The graph that ONNX Runtime runs: the publisher's, or one that semql builds
//! from the weights and keeps.

mod bert;
mod builder;
mod proto;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::weights::Weights;
use super::{ModelError, ModelSpec, home};

/// Raised whenever the graph that is built changes, so that kept ones of an
/// older semql are not used.
const BUILDER_VERSION: u32 = 1;

/// Where publishers put their ONNX export.
const EXPORTED: &[&str] = &["model.onnx", "onnx/model.onnx"];

/// The graph file of the model in `folder`.
///
/// Weights that semql can build from come first, since its own graph has
/// pooling inside and fused operators; then the publisher's export. What is
/// built is kept under `graphs/` of semql's home, named by the weights' path,
/// size and time of change.
///
/// # Errors
/// No weights at all, damaged ones, or an architecture that semql does not build.
pub fn graph_of(folder: &Path, spec: &ModelSpec) -> Result<PathBuf, ModelError> {
    let exported = EXPORTED
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file());
    let weights = match Weights::open(folder) {
        Ok(weights) => weights,
        Err(missing @ ModelError::Missing { .. }) => return exported.ok_or(missing),
        Err(error) => return Err(error),
    };
    if let (Err(_), Some(exported)) = (bert::supports(folder, &spec.config), exported) {
        return Ok(exported);
    }
    bert::supports(folder, &spec.config)?;
    let kept = kept_path(folder, weights.path(), spec)?;
    if kept.is_file() {
        return Ok(kept);
    }
    let bytes = bert::build(&weights, spec)?;
    match keep(&kept, &bytes) {
        Ok(()) => Ok(kept),
        Err(source) => Err(ModelError::Io { path: kept, source }),
    }
}

/// What tells the weights in `folder` from those of another training run: the
/// names, sizes and times of change of the files that a graph is made from.
pub fn weights_identity(folder: &Path) -> String {
    let weights = Weights::open(folder).map(|weights| weights.path().to_path_buf());
    let exported = EXPORTED.iter().map(|name| folder.join(name));
    let files = weights.into_iter().chain(exported);
    files
        .filter_map(|path| {
            let metadata = path.metadata().ok()?;
            let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            let name = path.file_name()?.to_string_lossy().to_string();
            Some(format!("{name}|{}|{}|", metadata.len(), changed.as_nanos()))
        })
        .collect()
}

fn kept_path(folder: &Path, weights: &Path, spec: &ModelSpec) -> Result<PathBuf, ModelError> {
    let io = |source| ModelError::Io {
        path: weights.to_path_buf(),
        source,
    };
    let real = weights.canonicalize().map_err(io)?;
    let metadata = real.metadata().map_err(io)?;
    let changed = metadata
        .modified()
        .ok()
        .and_then(|t| t.duration_since(UNIX_EPOCH).ok())
        .unwrap_or_default();
    let mut hash = Sha256::new();
    hash.update(real.to_string_lossy().as_bytes());
    hash.update(format!(
        "|{}|{}|{}|{:?}",
        metadata.len(),
        changed.as_nanos(),
        BUILDER_VERSION,
        spec
    ));
    let digest: String = hash
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let name = folder
        .file_name()
        .map(|n| n.to_string_lossy().to_string())
        .unwrap_or_default();
    Ok(home()
        .join("graphs")
        .join(format!("{name}-fp32-{digest}.onnx")))
}

/// Whole or not at all: several processes may build the same graph at once.
fn keep(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}
