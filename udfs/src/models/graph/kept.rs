//! Building graphs once and keeping them under `graphs/` of semql's home.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::{
    BUILDER_VERSION, Int8, Numbers, Precision, Ranges, Recipe, Style, Verdict, bert,
    greatest_weight,
};
use crate::files::write_whole;
use crate::models::weights::Weights;
use crate::models::{ModelError, ModelSpec, home};

/// Where publishers put their ONNX export.
const EXPORTED: &[&str] = &["model.onnx", "onnx/model.onnx"];

/// The graphs of one model.
pub struct Graphs {
    spec: ModelSpec,
    name: String,
    source: Source,
}

enum Source {
    /// The publisher's export, run as it is.
    Published(PathBuf),
    /// A checkpoint that semql builds from.
    Weights(Box<Weights>),
}

impl Graphs {
    /// The graphs of the model in `folder`.
    ///
    /// Weights that semql can build from come first, since its own graphs have
    /// pooling inside, fused operators and a choice of precision; then the
    /// publisher's export.
    ///
    /// # Errors
    /// No weights at all, damaged ones, or an architecture that semql does not build.
    pub fn of(folder: &Path, spec: &ModelSpec) -> Result<Self, ModelError> {
        let exported = EXPORTED
            .iter()
            .map(|name| folder.join(name))
            .find(|path| path.is_file());
        let source = match (Weights::open(folder), exported) {
            (Err(ModelError::Missing { .. }), Some(exported)) => Source::Published(exported),
            (Err(error), _) => return Err(error),
            (Ok(weights), exported) => match (bert::supports(folder, &spec.config), exported) {
                (Ok(()), _) => Source::Weights(Box::new(weights)),
                (Err(_), Some(exported)) => Source::Published(exported),
                (Err(unsupported), None) => return Err(unsupported),
            },
        };
        Ok(Self {
            spec: spec.clone(),
            name: folder
                .file_name()
                .map(|n| n.to_string_lossy().to_string())
                .unwrap_or_default(),
            source,
        })
    }

    /// The publisher's export, where that is what runs.
    pub fn published(&self) -> Option<&Path> {
        match &self.source {
            Source::Published(path) => Some(path),
            Source::Weights(_) => None,
        }
    }

    /// What tells the file that the graphs are made from, or are, from that of
    /// another training run: its name, its size and when it was changed.
    ///
    /// # Errors
    /// A file that cannot be looked at.
    pub fn weights_identity(&self) -> Result<String, ModelError> {
        let path = match &self.source {
            Source::Weights(weights) => weights.path(),
            Source::Published(path) => path,
        };
        let io = |source| ModelError::Io {
            path: path.to_path_buf(),
            source,
        };
        let metadata = path.metadata().map_err(io)?;
        let changed = metadata.modified().map_err(io)?;
        let changed = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(format!("{name}|{}|{}", metadata.len(), changed.as_nanos()))
    }

    /// The graph in floats, built if it is not kept yet.
    ///
    /// # Errors
    /// Damaged weights, or a folder that cannot be written.
    pub fn floats(&self, style: Style, half: bool) -> Result<PathBuf, ModelError> {
        let (precision, numbers) = if half {
            (Precision::Fp16, Numbers::Fp16)
        } else {
            (Precision::Fp32, Numbers::Fp32)
        };
        self.kept(style, precision, || Ok(Recipe { style, numbers }))
    }

    /// The graph in 8 bits, built with the ranges that `measure` gives if it
    /// is not kept yet.
    ///
    /// # Errors
    /// Those of `measure`, damaged weights, or a folder that cannot be written.
    pub fn int8<E: From<ModelError>>(
        &self,
        measure: impl FnOnce(&[u8]) -> Result<Ranges, E>,
    ) -> Result<PathBuf, E> {
        let style = Style::Cpu;
        self.kept(style, Precision::Int8, || {
            let ranges = measure(&self.built(&Recipe {
                style,
                numbers: Numbers::Calibration,
            })?)?;
            Ok(Recipe {
                style,
                numbers: Numbers::Int8(Int8 {
                    ranges,
                    greatest_weight: greatest_weight(),
                }),
            })
        })
    }

    /// What was found when the graph in 8 bits was compared with fp32; `None`
    /// before that.
    pub fn verdict(&self) -> Option<Verdict> {
        let path = self.verdict_path().ok()?;
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Keeps `verdict` beside the graph in 8 bits.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn keep_verdict(&self, verdict: &Verdict) -> Result<(), ModelError> {
        let path = self.verdict_path()?;
        let json = serde_json::to_vec(verdict).unwrap_or_default();
        keep(&path, &json).map_err(|source| ModelError::Io { path, source })
    }

    fn verdict_path(&self) -> Result<PathBuf, ModelError> {
        let graph = self.path(Style::Cpu, Precision::Int8)?;
        Ok(graph.with_extension("json"))
    }

    fn kept<E: From<ModelError>>(
        &self,
        style: Style,
        precision: Precision,
        recipe: impl FnOnce() -> Result<Recipe, E>,
    ) -> Result<PathBuf, E> {
        let path = self.path(style, precision)?;
        if !path.is_file() && self.published().is_none() {
            let bytes = self.built(&recipe()?)?;
            keep(&path, &bytes).map_err(|source| ModelError::Io {
                path: path.clone(),
                source,
            })?;
        }
        Ok(path)
    }

    fn built(&self, recipe: &Recipe) -> Result<Vec<u8>, ModelError> {
        match &self.source {
            Source::Weights(weights) => bert::build(weights, &self.spec, recipe),
            Source::Published(path) => Err(ModelError::Unsupported {
                what: "another precision of a published graph".to_string(),
                path: path.clone(),
                hint: "put the model's model.safetensors beside it".to_string(),
            }),
        }
    }

    /// Named by the weights' path, size and time of change, and by everything
    /// else that the graph depends on.
    fn path(&self, style: Style, precision: Precision) -> Result<PathBuf, ModelError> {
        let weights = match &self.source {
            Source::Weights(weights) => weights.path(),
            Source::Published(path) => return Ok(path.clone()),
        };
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
            "|{}|{}|{BUILDER_VERSION}|{style:?}|{:?}",
            metadata.len(),
            changed.as_nanos(),
            self.spec
        ));
        if precision == Precision::Int8 {
            hash.update([greatest_weight().cast_unsigned()]);
        }
        let digest: String = hash
            .finalize()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(home()
            .join("graphs")
            .join(format!("{}-{precision}-{digest}.onnx", self.name)))
    }
}

/// Whole or not at all: several processes may build the same graph at once.
fn keep(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    write_whole(path, |file| file.write_all(bytes))
}
