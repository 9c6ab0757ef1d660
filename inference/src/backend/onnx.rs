//! Backend on ONNX Runtime.

use std::path::{Path, PathBuf};

use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::TensorRef;

use super::providers::{has_provider, providers};
use super::runtime_library::environment;
use super::session_pool::{self, PIECE_TOKENS};
use super::{Backend, Device, OnnxOptions, TokenBatch};
use crate::error::{Error, Result};
use crate::models::{ActivationRanges, Pooling, Precision};
use crate::vector::normalize;

/// Padded tokens of one batch on a GPU; enough to keep a large GPU busy.
const GPU_BATCH_TOKENS: usize = 1 << 16;

/// Pieces per session in one batch on the CPU. With several pieces, a slow one
/// does not leave the other cores idle for long.
const PIECES_PER_SESSION: usize = 4;

/// Environment variable with the path of a profile, without extension. ONNX
/// Runtime records there which provider ran each node.
const PROFILE_VARIABLE: &str = "SEMQL_ORT_PROFILE";

/// Encoder graph in ONNX Runtime: one session per core on the CPU, one session
/// on a GPU.
///
/// It runs the graphs that semql builds (`input_ids` and `attention_mask` to a
/// pooled `embedding`) and published exports, which return one vector per text
/// or per token.
pub struct OnnxBackend {
    sessions: Vec<Session>,
    device: Device,
    device_name: String,
    precision: Precision,
    signature: GraphSignature,
}

/// Inputs and output of a graph.
struct GraphSignature {
    inputs: Vec<GraphInput>,
    output: String,
    pooling: Pooling,
}

#[derive(Clone, Copy, PartialEq)]
enum GraphInput {
    Ids,
    Mask,
    TokenTypes,
    Positions,
}

const INPUTS: &[(&str, GraphInput)] = &[
    ("input_ids", GraphInput::Ids),
    ("attention_mask", GraphInput::Mask),
    ("token_type_ids", GraphInput::TokenTypes),
    ("position_ids", GraphInput::Positions),
];

/// Names of usable outputs in order of preference: pooled ones first.
const OUTPUTS: &[&str] = &[
    "embedding",
    "sentence_embedding",
    "sentence_embeddings",
    "token_embeddings",
    "last_hidden_state",
];

impl OnnxBackend {
    /// Opens `graph` on the device of `options`.
    ///
    /// # Errors
    /// [`Error::Setup`] for a missing library, a corrupt graph, unknown inputs or
    /// outputs, or an unavailable device.
    pub fn open(graph: &Path, options: &OnnxOptions) -> Result<Self> {
        let device = match options.device {
            Device::Auto => Device::Cpu,
            device => device,
        };
        let threads = threads(options.threads);
        let count = match device {
            Device::Cpu => {
                let bytes = graph.metadata().map_or(0, |m| m.len());
                session_pool::session_count(threads, bytes)
            }
            _ => 1,
        };
        let sessions = (0..count)
            .map(|_| open_session(graph, options, device, threads / count))
            .collect::<Result<Vec<_>>>()?;
        let signature = GraphSignature {
            inputs: inputs(&sessions[0], graph)?,
            output: output(&sessions[0], graph)?,
            pooling: options.pooling,
        };
        Ok(Self {
            sessions,
            device,
            device_name: device.to_string(),
            precision: options.precision,
            signature,
        })
    }

    /// Whether the library contains the provider of `device`. A cheap check
    /// before a graph is built for the device.
    ///
    /// # Errors
    /// [`Error::Setup`] for a missing library.
    pub fn has_provider(device: Device, library: Option<&Path>) -> Result<bool> {
        environment(library)?;
        Ok(has_provider(device))
    }

    /// Runs a calibration graph over `batches` on the CPU and returns the ranges
    /// of its activations.
    ///
    /// # Errors
    /// [`Error::Setup`] for a missing library or a graph that does not run.
    pub fn measure_ranges(
        graph: &[u8],
        batches: &[TokenBatch],
        options: &OnnxOptions,
    ) -> Result<ActivationRanges> {
        let failed = |e: ort::Error| {
            Error::Setup(format!(
                "calibration failed: {}",
                first_line(&e.to_string())
            ))
        };
        let mut session = session_builder(options, Device::Cpu, threads(options.threads))?
            .commit_from_memory(graph)
            .map_err(failed)?;
        let mut ranges = ActivationRanges::default();
        for batch in batches {
            let shape = [batch.rows as i64, batch.width as i64];
            let ids = TensorRef::from_array_view((shape, batch.ids.as_slice())).map_err(failed)?;
            let mask =
                TensorRef::from_array_view((shape, batch.mask.as_slice())).map_err(failed)?;
            let outputs = session
                .run(ort::inputs!["input_ids" => ids, "attention_mask" => mask])
                .map_err(failed)?;
            for (name, value) in outputs.iter() {
                let (_, values) = value.try_extract_tensor::<f32>().map_err(failed)?;
                ranges.widen(name, values);
            }
        }
        Ok(ranges)
    }
}

/// Runs a graph of floats once on the CPU, for tests. Inputs are name, number
/// of rows and values; outputs are name and values.
#[doc(hidden)]
pub fn run_floats(
    graph: &Path,
    inputs: &[(&str, usize, Vec<f32>)],
) -> Result<Vec<(String, Vec<f32>)>> {
    let failed = |e: ort::Error| Error::Setup(e.to_string());
    let environment = environment(None)?;
    let mut session = Session::builder(environment)
        .map_err(failed)?
        .commit_from_file(graph)
        .map_err(failed)?;
    let inputs = inputs.iter().map(|(name, rows, values)| {
        let shape = [*rows as i64, (values.len() / rows) as i64];
        let tensor = ort::value::Tensor::from_array((shape, values.clone()))?;
        Ok((*name, tensor))
    });
    let inputs = inputs.collect::<ort::Result<Vec<_>>>().map_err(failed)?;
    let outputs = session.run(inputs).map_err(failed)?;
    let floats = |(name, value): (&str, ort::value::ValueRef<'_>)| {
        let (_, values) = value.try_extract_tensor::<f32>()?;
        Ok((name.to_string(), values.to_vec()))
    };
    let outputs = outputs.iter().map(floats);
    outputs.collect::<ort::Result<_>>().map_err(failed)
}

fn threads(setting: usize) -> usize {
    match setting {
        0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
        threads => threads,
    }
}

fn session_builder(
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
    let providers = providers(device, options);
    if !providers.is_empty() {
        builder = builder
            .with_execution_providers(providers)
            .map_err(|e| device_error(device, &e.to_string()))?;
    }
    Ok(builder)
}

fn open_session(
    graph: &Path,
    options: &OnnxOptions,
    device: Device,
    threads: usize,
) -> Result<Session> {
    let mut builder = session_builder(options, device, threads)?;
    builder.commit_from_file(graph).map_err(|e| match device {
        Device::Auto | Device::Cpu => Error::Setup(format!(
            "the model graph {} could not be loaded: {}. \
             If the file is damaged, delete it and run `semql setup` or fetch the model again",
            graph.display(),
            first_line(&e.to_string())
        )),
        Device::Cuda(_) | Device::TensorRt(_) => device_error(device, &e.to_string()),
    })
}

fn device_error(device: Device, reason: &str) -> Error {
    Error::Setup(format!(
        "device {device} is not available: {}. Use SET ai.device = 'auto' or 'cpu', \
         or install ONNX Runtime's GPU build with its CUDA libraries and point ai.onnxruntime at it",
        first_line(reason)
    ))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_string()
}

fn inputs(session: &Session, graph: &Path) -> Result<Vec<GraphInput>> {
    let names: Vec<&str> = session.inputs().iter().map(|input| input.name()).collect();
    let known: Option<Vec<GraphInput>> = names
        .iter()
        .map(|name| {
            INPUTS
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, input)| *input)
        })
        .collect();
    match known {
        Some(inputs) if inputs.contains(&GraphInput::Ids) => Ok(inputs),
        _ => Err(Error::Setup(format!(
            "{} is not a text encoder: its inputs are {}, and an encoder has input_ids and attention_mask, \
             and optionally token_type_ids and position_ids",
            graph.display(),
            names.join(", ")
        ))),
    }
}

fn output(session: &Session, graph: &Path) -> Result<String> {
    let names: Vec<&str> = session
        .outputs()
        .iter()
        .map(|output| output.name())
        .collect();
    OUTPUTS
        .iter()
        .find(|wanted| names.contains(wanted))
        .map(|name| name.to_string())
        .or_else(|| (names.len() == 1).then(|| names[0].to_string()))
        .ok_or_else(|| {
            Error::Setup(format!(
                "{} has the outputs {}, and semql needs one of {}",
                graph.display(),
                names.join(", "),
                OUTPUTS.join(", ")
            ))
        })
}

impl Backend for OnnxBackend {
    fn device(&self) -> &str {
        &self.device_name
    }

    fn precision(&self) -> &'static str {
        self.precision.name()
    }

    fn batch_tokens(&self) -> usize {
        match self.device {
            Device::Auto | Device::Cpu => PIECE_TOKENS * PIECES_PER_SESSION * self.sessions.len(),
            Device::Cuda(_) | Device::TensorRt(_) => GPU_BATCH_TOKENS,
        }
    }

    fn encode(&mut self, batch: &TokenBatch, dims: usize, vectors: &mut Vec<f32>) -> Result<()> {
        let signature = &self.signature;
        if !matches!(self.device, Device::Auto | Device::Cpu) {
            return signature.run(&mut self.sessions[0], batch, dims, vectors);
        }
        let pieces = session_pool::split_batch(batch, self.sessions.len());
        let done = session_pool::run_pieces(&mut self.sessions, pieces.len(), |session, piece| {
            let part = session_pool::batch_slice(batch, pieces[piece].clone());
            let mut vectors = Vec::with_capacity(part.rows * dims);
            signature.run(session, &part, dims, &mut vectors)?;
            Ok::<_, Error>(vectors)
        })?;
        for part in done {
            vectors.extend_from_slice(&part);
        }
        Ok(())
    }
}

impl GraphSignature {
    /// Runs `batch` in `session` and appends its vectors.
    fn run(
        &self,
        session: &mut Session,
        batch: &TokenBatch,
        dims: usize,
        vectors: &mut Vec<f32>,
    ) -> Result<()> {
        // Not a set-up error: the device may be out of memory, and a smaller batch may fit.
        let failed = |e: ort::Error| {
            Error::Failed(format!("inference failed: {}", first_line(&e.to_string())))
        };
        let shape = [batch.rows as i64, batch.width as i64];
        let zeros = if self.inputs.contains(&GraphInput::TokenTypes) {
            vec![0; batch.ids.len()]
        } else {
            Vec::new()
        };
        let positions: Vec<i64> = if self.inputs.contains(&GraphInput::Positions) {
            (0..batch.rows)
                .flat_map(|_| 0..batch.width as i64)
                .collect()
        } else {
            Vec::new()
        };
        let mut bindings: Vec<(&str, ort::session::SessionInputValue<'_>)> =
            Vec::with_capacity(self.inputs.len());
        for (name, input) in INPUTS
            .iter()
            .filter(|(_, input)| self.inputs.contains(input))
        {
            let data: &[i64] = match input {
                GraphInput::Ids => &batch.ids,
                GraphInput::Mask => &batch.mask,
                GraphInput::TokenTypes => &zeros,
                GraphInput::Positions => &positions,
            };
            bindings.push((
                name,
                TensorRef::from_array_view((shape, data))
                    .map_err(failed)?
                    .into(),
            ));
        }
        let outputs = session.run(bindings).map_err(failed)?;
        let (shape, data) = outputs[self.output.as_str()]
            .try_extract_tensor::<f32>()
            .map_err(failed)?;
        let start = vectors.len();
        match shape[..] {
            [rows, width] if rows as usize == batch.rows && width as usize == dims => {
                vectors.extend_from_slice(data);
            }
            [rows, tokens, width]
                if rows as usize == batch.rows
                    && tokens as usize == batch.width
                    && width as usize == dims =>
            {
                pool_tokens(data, batch, dims, self.pooling, vectors);
            }
            _ => {
                return Err(Error::Setup(format!(
                    "the graph returned a tensor of shape {:?} instead of {} rows of {dims} values; \
                     config.json and the weights are of different models",
                    &shape[..],
                    batch.rows
                )));
            }
        }
        vectors[start..].chunks_exact_mut(dims).for_each(normalize);
        Ok(())
    }
}

/// Pools the token vectors of each text into one vector.
fn pool_tokens(
    tokens: &[f32],
    batch: &TokenBatch,
    dims: usize,
    pooling: Pooling,
    vectors: &mut Vec<f32>,
) {
    for row in 0..batch.rows {
        let first = row * batch.width;
        let mut pooled = vec![0f32; dims];
        match pooling {
            Pooling::Cls => pooled.copy_from_slice(&tokens[first * dims..(first + 1) * dims]),
            Pooling::Mean => {
                for at in first..first + batch.width {
                    if batch.mask[at] == 1 {
                        for (sum, value) in
                            pooled.iter_mut().zip(&tokens[at * dims..(at + 1) * dims])
                        {
                            *sum += value;
                        }
                    }
                }
            }
        }
        vectors.extend_from_slice(&pooled);
    }
}
