//! Encoders in ONNX Runtime sessions.

use std::path::{Path, PathBuf};

use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::TensorRef;

use super::pool;
use super::providers::{compiled_in, providers};
use super::runtime_library::environment;
use super::{Backend, Device, TokenBatch};
use crate::error::{Error, Result};
use crate::models::{Pooling, Precision, Ranges};
use crate::vector::normalize;

/// Padded tokens in one batch on a GPU: enough to keep a large card busy.
const GPU_BATCH_TOKENS: usize = 1 << 16;

/// Pieces for each session in one batch on the CPU, so that a slow piece does
/// not leave the other cores idle for long.
const PIECES: usize = 4;

/// Where ONNX Runtime is to write which provider ran each node; the name of a
/// file without its ending. For checking that a device really ran.
const PROFILE: &str = "SEMQL_ORT_PROFILE";

/// How to open a graph.
#[derive(Clone, Debug)]
pub struct OnnxOptions {
    pub library: Option<PathBuf>,
    /// `auto` is the CPU here: which device to try is decided by who opens.
    pub device: Device,
    /// Threads of all sessions; 0 means one for each core.
    pub threads: usize,
    /// How token vectors become one vector, where the graph leaves that to us.
    pub pooling: Pooling,
    /// What the graph computes in.
    pub precision: Precision,
    /// Bytes that a GPU's arena may take; `None` is all there is.
    pub device_memory: Option<usize>,
}

/// A graph in ONNX Runtime sessions: on the CPU one for each core, on a GPU one.
///
/// Two kinds of graph are served: ours (`input_ids` and `attention_mask` to
/// pooled `embedding`), and what publishers export, whose first output is
/// either one vector a text or one a token.
pub struct Onnx {
    sessions: Vec<Session>,
    device: Device,
    shown_device: String,
    precision: Precision,
    feed: Feed,
}

/// What a session of the graph takes and gives.
struct Feed {
    inputs: Vec<Input>,
    output: String,
    pooling: Pooling,
}

#[derive(Clone, Copy, PartialEq)]
enum Input {
    Ids,
    Mask,
    TokenTypes,
    Positions,
}

const INPUTS: &[(&str, Input)] = &[
    ("input_ids", Input::Ids),
    ("attention_mask", Input::Mask),
    ("token_type_ids", Input::TokenTypes),
    ("position_ids", Input::Positions),
];

/// Outputs in order of preference: already pooled first.
const OUTPUTS: &[&str] = &[
    "embedding",
    "sentence_embedding",
    "sentence_embeddings",
    "token_embeddings",
    "last_hidden_state",
];

impl Onnx {
    /// Opens `graph` on the device asked for.
    ///
    /// # Errors
    /// [`Error::Setup`] for a missing library, a corrupt graph, other inputs
    /// than an encoder's, or a device that cannot serve.
    pub fn open(graph: &Path, options: &OnnxOptions) -> Result<Self> {
        let device = match options.device {
            Device::Auto => Device::Cpu,
            device => device,
        };
        let threads = threads(options.threads);
        let wanted = match device {
            Device::Cpu => {
                let bytes = graph.metadata().map_or(0, |m| m.len());
                pool::sessions(threads, bytes)
            }
            _ => 1,
        };
        let sessions = (0..wanted)
            .map(|_| commit(graph, options, device, threads / wanted))
            .collect::<Result<Vec<_>>>()?;
        let feed = Feed {
            inputs: inputs(&sessions[0], graph)?,
            output: output(&sessions[0], graph)?,
            pooling: options.pooling,
        };
        Ok(Self {
            sessions,
            device,
            shown_device: device.to_string(),
            precision: options.precision,
            feed,
        })
    }

    /// Whether the library has `device`'s provider: a cheap look before a
    /// graph is built for it.
    ///
    /// # Errors
    /// [`Error::Setup`] for a missing library.
    pub fn may_serve(device: Device, library: Option<&Path>) -> Result<bool> {
        environment(library)?;
        Ok(compiled_in(device))
    }

    /// Runs a calibration graph, which lies in memory, over `batches` on the
    /// CPU and takes in the ranges that it gives out.
    ///
    /// # Errors
    /// [`Error::Setup`] for a missing library or a graph that does not run.
    pub fn measure(graph: &[u8], batches: &[TokenBatch], options: &OnnxOptions) -> Result<Ranges> {
        let failed = |e: ort::Error| {
            Error::Setup(format!(
                "calibration failed: {}",
                first_line(&e.to_string())
            ))
        };
        let mut session = builder(options, Device::Cpu, threads(options.threads))?
            .commit_from_memory(graph)
            .map_err(failed)?;
        let mut ranges = Ranges::default();
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

/// Runs a graph of floats once, on the CPU, for tests: inputs by name, rows and
/// values; outputs by name.
#[cfg(test)]
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

fn builder(options: &OnnxOptions, device: Device, threads: usize) -> Result<SessionBuilder> {
    let environment = environment(options.library.as_deref())?;
    let mut builder = Session::builder(environment)
        // A program's own environment may have some; the device is ai.device's.
        .and_then(|b| Ok(b.with_no_environment_execution_providers()?))
        .and_then(|b| Ok(b.with_optimization_level(GraphOptimizationLevel::All)?))
        .and_then(|b| Ok(b.with_intra_threads(threads)?))
        .and_then(|b| Ok(b.with_inter_threads(1)?))
        .map_err(|e| Error::Setup(format!("ONNX Runtime refused a session: {e}")))?;
    if let Some(file) = std::env::var_os(PROFILE).filter(|f| !f.is_empty()) {
        builder = builder
            .with_profiling(PathBuf::from(file))
            .map_err(|e| Error::Setup(format!("ONNX Runtime refused to profile: {e}")))?;
    }
    let providers = providers(device, options);
    if !providers.is_empty() {
        builder = builder
            .with_execution_providers(providers)
            .map_err(|e| unusable(device, &e.to_string()))?;
    }
    Ok(builder)
}

fn commit(graph: &Path, options: &OnnxOptions, device: Device, threads: usize) -> Result<Session> {
    let mut builder = builder(options, device, threads)?;
    builder.commit_from_file(graph).map_err(|e| match device {
        Device::Auto | Device::Cpu => Error::Setup(format!(
            "the model graph {} could not be loaded: {}. \
             If the file is damaged, delete it and run `semql setup` or fetch the model again",
            graph.display(),
            first_line(&e.to_string())
        )),
        Device::Cuda(_) | Device::TensorRt(_) => unusable(device, &e.to_string()),
    })
}

fn unusable(device: Device, why: &str) -> Error {
    Error::Setup(format!(
        "device {device} cannot serve: {}. Use SET ai.device = 'auto' or 'cpu', \
         or install ONNX Runtime's GPU build with its CUDA libraries and point ai.onnxruntime at it",
        first_line(why)
    ))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_string()
}

fn inputs(session: &Session, graph: &Path) -> Result<Vec<Input>> {
    let names: Vec<&str> = session.inputs().iter().map(|input| input.name()).collect();
    let known: Option<Vec<Input>> = names
        .iter()
        .map(|name| {
            INPUTS
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, input)| *input)
        })
        .collect();
    match known {
        Some(inputs) if inputs.contains(&Input::Ids) => Ok(inputs),
        _ => Err(Error::Setup(format!(
            "{} is no text encoder that semql can feed: its inputs are {}, \
             and an encoder has input_ids and attention_mask (token_type_ids and position_ids at most besides)",
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
                "{} has outputs {}; semql looks for one of {}",
                graph.display(),
                names.join(", "),
                OUTPUTS.join(", ")
            ))
        })
}

impl Backend for Onnx {
    fn device(&self) -> &str {
        &self.shown_device
    }

    fn precision(&self) -> &'static str {
        self.precision.name()
    }

    fn batch_tokens(&self) -> usize {
        match self.device {
            Device::Auto | Device::Cpu => pool::PIECE_TOKENS * PIECES * self.sessions.len(),
            Device::Cuda(_) | Device::TensorRt(_) => GPU_BATCH_TOKENS,
        }
    }

    fn encode(&mut self, batch: &TokenBatch, dims: usize, vectors: &mut Vec<f32>) -> Result<()> {
        let feed = &self.feed;
        if !matches!(self.device, Device::Auto | Device::Cpu) {
            return feed.run(&mut self.sessions[0], batch, dims, vectors);
        }
        let pieces = pool::pieces(batch, self.sessions.len());
        let done = pool::share(&mut self.sessions, pieces.len(), |session, piece| {
            let part = pool::piece(batch, pieces[piece].clone());
            let mut vectors = Vec::with_capacity(part.rows * dims);
            feed.run(session, &part, dims, &mut vectors)?;
            Ok::<_, Error>(vectors)
        })?;
        for part in done {
            vectors.extend_from_slice(&part);
        }
        Ok(())
    }
}

impl Feed {
    /// Runs `batch` in `session` and appends its vectors.
    fn run(
        &self,
        session: &mut Session,
        batch: &TokenBatch,
        dims: usize,
        vectors: &mut Vec<f32>,
    ) -> Result<()> {
        // Memory that does not suffice comes here too: a smaller batch may fit.
        let failed = |e: ort::Error| {
            Error::Failed(format!("inference failed: {}", first_line(&e.to_string())))
        };
        let shape = [batch.rows as i64, batch.width as i64];
        let zeros = if self.inputs.contains(&Input::TokenTypes) {
            vec![0; batch.ids.len()]
        } else {
            Vec::new()
        };
        let positions: Vec<i64> = if self.inputs.contains(&Input::Positions) {
            (0..batch.rows)
                .flat_map(|_| 0..batch.width as i64)
                .collect()
        } else {
            Vec::new()
        };
        let mut feeds: Vec<(&str, ort::session::SessionInputValue<'_>)> =
            Vec::with_capacity(self.inputs.len());
        for (name, input) in INPUTS
            .iter()
            .filter(|(_, input)| self.inputs.contains(input))
        {
            let data: &[i64] = match input {
                Input::Ids => &batch.ids,
                Input::Mask => &batch.mask,
                Input::TokenTypes => &zeros,
                Input::Positions => &positions,
            };
            feeds.push((
                name,
                TensorRef::from_array_view((shape, data))
                    .map_err(failed)?
                    .into(),
            ));
        }
        let outputs = session.run(feeds).map_err(failed)?;
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
                pool(data, batch, dims, self.pooling, vectors);
            }
            _ => {
                return Err(Error::Setup(format!(
                    "the graph gave a tensor of shape {:?} where {} rows of {dims} values were expected; \
                     the model's config.json does not fit its weights",
                    &shape[..],
                    batch.rows
                )));
            }
        }
        vectors[start..].chunks_exact_mut(dims).for_each(normalize);
        Ok(())
    }
}

/// One vector a text out of one a token, as the model was trained.
fn pool(tokens: &[f32], batch: &TokenBatch, dims: usize, pooling: Pooling, vectors: &mut Vec<f32>) {
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
