//! Graphs of a model, built once and cached under `graphs/` of semql's home.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use semql_kernels::Int8Encoder;
use sha2::{Digest, Sha256};

use super::architecture::Architecture;
use super::build_options::{Arithmetic, BUILDER_VERSION, BuildOptions, GraphStyle, Int8Parameters};
use super::encoder;
use super::exports::{Export, find_export};
use super::external_data::external_files;
use super::families::architecture;
use super::head::HeadWeights;
use super::int8::{ActivationRanges, max_int8_weight};
use super::int8_encoder;
use super::{Precision, QuantizationCheck};
use crate::atomic_file::write_atomically;
use crate::models::weights::Weights;
use crate::models::{ModelError, ModelSpec, PoolingMode, home};

/// Version of the int8 kernels. Raise it with every change to their vectors.
pub const INT8_KERNELS_VERSION: &str = "kernels-1";

/// Graphs of one model, built when first needed.
pub struct GraphCache {
    spec: ModelSpec,
    name: String,
    source: GraphSource,
    head: HeadWeights,
}

enum GraphSource {
    /// The ONNX export of the publisher.
    Published(Export),
    /// The checkpoint that graphs are built from.
    Weights(Box<Weights>, Architecture),
}

impl GraphCache {
    /// Opens the graphs of the model in `folder`.
    ///
    /// Supported weights take precedence over a published export: graphs built
    /// from them include pooling and fused operators, in a choice of precisions.
    ///
    /// # Errors
    /// Missing or damaged weights, or an unsupported architecture.
    pub fn open(folder: &Path, spec: &ModelSpec) -> Result<Self, ModelError> {
        let encoder = folder.join(&spec.encoder);
        let export = || find_export(&[&encoder, folder]);
        let source = match Weights::open(&encoder) {
            Ok(weights) => match architecture(&encoder, &spec.config, &weights) {
                Ok(parts) => GraphSource::Weights(Box::new(weights), parts),
                Err(unsupported) => match export() {
                    Ok(Some(export)) => GraphSource::Published(export),
                    _ => return Err(unsupported),
                },
            },
            Err(missing @ ModelError::Missing { .. }) => {
                GraphSource::Published(export()?.ok_or(missing)?)
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            spec: spec.clone(),
            name: folder
                .file_name()
                .map(|n| n.to_string_lossy().to_string())
                .unwrap_or_default(),
            source,
            head: HeadWeights::open(folder, spec)?,
        })
    }

    /// Graph from token vectors to the vectors of texts, for a published export.
    /// `None` where semql builds the whole graph.
    ///
    /// # Errors
    /// Damaged weights of the modules after the pooling.
    pub fn head(&self) -> Result<Option<Vec<u8>>, ModelError> {
        match &self.source {
            GraphSource::Published(_) => self.head.build(&self.spec).map(Some),
            GraphSource::Weights(..) => Ok(None),
        }
    }

    /// The published export, if that is what runs.
    pub fn published(&self) -> Option<&Export> {
        match &self.source {
            GraphSource::Published(export) => Some(export),
            GraphSource::Weights(..) => None,
        }
    }

    /// Identity of the weights or of the published export: names, sizes and
    /// modification times of their files. It differs between training runs.
    ///
    /// # Errors
    /// A file whose metadata cannot be read.
    pub fn weights_identity(&self) -> Result<String, ModelError> {
        let files = self.files()?;
        let stamps: Result<Vec<String>, _> = files.iter().map(|path| file_stamp(path)).collect();
        stamps.map(|stamps| stamps.join("|"))
    }

    /// The files that vectors depend on, besides the configuration.
    fn files(&self) -> Result<Vec<PathBuf>, ModelError> {
        let mut files: Vec<PathBuf> = match &self.source {
            GraphSource::Weights(weights, _) => weights.files().map(Path::to_path_buf).collect(),
            GraphSource::Published(Export { path, .. }) => {
                let external = external_files(path)?.into_iter().map(|file| file.path);
                std::iter::once(path.clone()).chain(external).collect()
            }
        };
        let head = self.head.checkpoints().flat_map(Weights::files);
        files.extend(head.map(Path::to_path_buf));
        Ok(files)
    }

    /// Path of the float graph, which is built if it is not cached.
    ///
    /// # Errors
    /// Damaged weights, or a folder that cannot be written.
    pub fn float_graph(&self, style: GraphStyle, half: bool) -> Result<PathBuf, ModelError> {
        let (precision, arithmetic) = if half {
            (Precision::Fp16, Arithmetic::Fp16)
        } else {
            (Precision::Fp32, Arithmetic::Fp32)
        };
        self.cached(style, precision, || Ok(BuildOptions { style, arithmetic }))
    }

    /// Path of the 8-bit graph. If it is not cached, it is built with the ranges
    /// that `measure` returns for the calibration graph.
    ///
    /// # Errors
    /// Those of `measure`, damaged weights, or a folder that cannot be written.
    pub fn int8_graph<E: From<ModelError>>(
        &self,
        measure: impl FnOnce(&[u8]) -> Result<ActivationRanges, E>,
    ) -> Result<PathBuf, E> {
        let style = GraphStyle::Cpu;
        self.cached(style, Precision::Int8, || {
            let ranges = measure(&self.build(&BuildOptions {
                style,
                arithmetic: Arithmetic::Calibration,
            })?)?;
            Ok(BuildOptions {
                style,
                arithmetic: Arithmetic::Int8(Int8Parameters {
                    ranges,
                    max_weight: max_int8_weight(),
                }),
            })
        })
    }

    /// The encoder of semql's int8 kernels, and the pooling of its token vectors;
    /// `None` where the runtime computes int8.
    ///
    /// # Errors
    /// Damaged weights.
    pub fn int8_encoder(&self) -> Result<Option<(Int8Encoder, PoolingMode)>, ModelError> {
        let Some((weights, parts, pooling)) = self.kernel_parts() else {
            return Ok(None);
        };
        let encoder = int8_encoder::build(parts, weights, &self.spec)?;
        Ok(Some((encoder, pooling)))
    }

    /// What the int8 kernels compute the model from; `None` where the runtime does.
    fn kernel_parts(&self) -> Option<(&Weights, &Architecture, PoolingMode)> {
        let GraphSource::Weights(weights, parts) = &self.source else {
            return None;
        };
        let pooling = self.spec.direct_pooling()?;
        int8_encoder::is_supported(parts).then_some((weights, parts, pooling))
    }

    /// Stored comparison of the 8-bit graph with fp32, if there is one.
    pub fn quantization_check(&self) -> Option<QuantizationCheck> {
        let path = self.quantization_check_path().ok()?;
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Stores `check` beside the 8-bit graph.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn store_quantization_check(&self, check: &QuantizationCheck) -> Result<(), ModelError> {
        let path = self.quantization_check_path()?;
        let json = serde_json::to_vec(check).unwrap_or_default();
        store(&path, &json).map_err(|source| ModelError::Io { path, source })
    }

    fn quantization_check_path(&self) -> Result<PathBuf, ModelError> {
        let graph = self.path(GraphStyle::Cpu, Precision::Int8)?;
        let computed_by = match self.kernel_parts() {
            Some(_) => INT8_KERNELS_VERSION,
            None => "runtime",
        };
        Ok(graph.with_extension(format!("{computed_by}.json")))
    }

    fn cached<E: From<ModelError>>(
        &self,
        style: GraphStyle,
        precision: Precision,
        options: impl FnOnce() -> Result<BuildOptions, E>,
    ) -> Result<PathBuf, E> {
        let path = self.path(style, precision)?;
        if !path.is_file() && self.published().is_none() {
            let bytes = self.build(&options()?)?;
            store(&path, &bytes).map_err(|source| ModelError::Io {
                path: path.clone(),
                source,
            })?;
        }
        Ok(path)
    }

    fn build(&self, options: &BuildOptions) -> Result<Vec<u8>, ModelError> {
        match &self.source {
            GraphSource::Weights(weights, parts) => {
                encoder::build(parts, weights, &self.head, &self.spec, options)
            }
            GraphSource::Published(export) => Err(ModelError::Unsupported {
                what: "another precision of a published graph".to_string(),
                path: export.path.clone(),
                hint: "put model.safetensors of the model into its folder".to_string(),
            }),
        }
    }

    /// Path of a graph. Its name has a digest of the path, sizes and modification
    /// times of the weights, and of all else that the graph depends on.
    fn path(&self, style: GraphStyle, precision: Precision) -> Result<PathBuf, ModelError> {
        let weights = match &self.source {
            GraphSource::Weights(weights, _) => weights.path(),
            GraphSource::Published(export) => return Ok(export.path.clone()),
        };
        let real = weights
            .canonicalize()
            .map_err(|e| ModelError::io(weights, e))?;
        let mut hash = Sha256::new();
        hash.update(real.to_string_lossy().as_bytes());
        hash.update(format!(
            "|{}|{BUILDER_VERSION}|{style:?}|{:?}",
            self.weights_identity()?,
            self.spec
        ));
        if precision == Precision::Int8 {
            hash.update([max_int8_weight().cast_unsigned()]);
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

/// Name, size and modification time of a file.
fn file_stamp(path: &Path) -> Result<String, ModelError> {
    let io = |e| ModelError::io(path, e);
    let metadata = path.metadata().map_err(io)?;
    let modified = metadata.modified().map_err(io)?;
    let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(format!("{name}|{}|{}", metadata.len(), modified.as_nanos()))
}

/// Writes atomically: several processes may build the same graph at once.
fn store(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    write_atomically(path, |file| file.write_all(bytes))
}
