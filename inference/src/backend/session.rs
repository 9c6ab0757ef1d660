//! Sessions of ONNX Runtime.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use super::messages::{device_error, first_line};
use super::placement::RECORD_PLACEMENT;
use super::providers::with_provider;
use super::runtime_library::environment;
use super::{Device, OnnxOptions};
use crate::error::{Error, Result};
use crate::models::{ExternalContents, ModelError, external_files, inline_small_tensors};

/// Environment variable with the path of a profile, without extension. ONNX
/// Runtime records there which provider ran each node.
const PROFILE_VARIABLE: &str = "SEMQL_ORT_PROFILE";

pub(super) fn threads(setting: usize) -> usize {
    match setting {
        0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
        threads => threads,
    }
}

pub(super) fn session_builder(
    options: &OnnxOptions,
    device: Device,
    threads: usize,
) -> Result<SessionBuilder> {
    let environment = environment(options.library.as_deref())?;
    let mut builder = Session::builder(environment)
        // The environment of a host program may have default providers, but
        // ai.device selects the device.
        .and_then(|b| Ok(b.with_no_environment_execution_providers()?))
        .and_then(|b| Ok(b.with_optimization_level(GraphOptimizationLevel::All)?))
        .and_then(|b| Ok(b.with_intra_threads(threads)?))
        .and_then(|b| Ok(b.with_inter_threads(1)?))
        .map_err(|e| Error::Setup(format!("ONNX Runtime refused a session: {e}")))?;
    if let Some(file) = std::env::var_os(PROFILE_VARIABLE).filter(|f| !f.is_empty()) {
        builder = builder
            .with_profiling(PathBuf::from(file))
            .map_err(|e| Error::Setup(format!("ONNX Runtime refused to profile: {e}")))?;
    }
    if device.is_accelerator() {
        let (key, value) = RECORD_PLACEMENT;
        builder = builder
            .with_config_entry(key, value)
            .map_err(|e| device_error(device, &e.to_string()))?;
    }
    with_provider(builder, device, options)
}

/// A graph file, with the weights beside it that ONNX Runtime cannot resolve.
pub(super) struct GraphFile {
    path: PathBuf,
    /// The graph and its files of weights, if it has any.
    loaded: Option<(Vec<u8>, ExternalContents)>,
}

impl GraphFile {
    /// Reads the files of weights that `graph` names, behind links too.
    ///
    /// # Errors
    /// A missing or damaged file.
    pub(super) fn read(graph: &Path) -> Result<Self> {
        let read = |path: &Path| fs::read(path).map_err(|e| ModelError::io(path, e));
        let files = external_files(graph)?;
        let loaded = if files.is_empty() {
            None
        } else {
            let weights: ExternalContents = files
                .into_iter()
                .map(|file| Ok((file.location, Arc::from(read(&file.path)?))))
                .collect::<std::result::Result<_, ModelError>>()?;
            let model = inline_small_tensors(&read(graph)?, &weights)
                .ok_or_else(|| ModelError::corrupt(graph, "it is not a complete ONNX file"))?;
            Some((model, weights))
        };
        Ok(Self {
            path: graph.to_path_buf(),
            loaded,
        })
    }

    /// Size of graph and weights in bytes.
    pub(super) fn bytes(&self) -> u64 {
        match &self.loaded {
            Some((graph, weights)) => {
                let weights = weights.values().map(|bytes| bytes.len());
                (graph.len() + weights.sum::<usize>()) as u64
            }
            None => self.path.metadata().map_or(0, |m| m.len()),
        }
    }

    /// Opens a session.
    ///
    /// # Errors
    /// [`Error::Setup`] for a corrupt graph or an unavailable device.
    pub(super) fn open(
        &self,
        options: &OnnxOptions,
        device: Device,
        threads: usize,
    ) -> Result<Session> {
        let mut builder = session_builder(options, device, threads)?;
        let session = match &self.loaded {
            None => builder.commit_from_file(&self.path),
            Some((graph, weights)) => {
                for (location, bytes) in weights {
                    builder = builder
                        .with_external_initializer_file_in_memory(location, Arc::clone(bytes))
                        .map_err(|e| graph_error(&self.path, &e.to_string()))?;
                }
                builder.commit_from_memory(graph)
            }
        };
        session.map_err(|e| match device {
            Device::Auto | Device::Cpu => graph_error(&self.path, &e.to_string()),
            Device::Accelerator { .. } => device_error(device, &e.to_string()),
        })
    }
}

fn graph_error(graph: &Path, reason: &str) -> Error {
    Error::Setup(format!(
        "the model graph {} could not be loaded: {}. \
         If the file is damaged, delete it and run `semql setup` or fetch the model again",
        graph.display(),
        first_line(reason)
    ))
}
