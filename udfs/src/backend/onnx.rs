//! Encoders in ONNX Runtime sessions.

use std::path::{Path, PathBuf};

use ort::ep::{self, ExecutionProviderDispatch};
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;

use super::runtime_library::{environment, library_path};
use super::{Backend, Device, TokenBatch};
use crate::error::{Error, Result};
use crate::models::Pooling;
use crate::vector::normalize;

/// How to open a graph.
pub struct OnnxOptions {
    pub library: Option<PathBuf>,
    pub device: Device,
    /// Threads of the session; 0 means one for each core.
    pub threads: usize,
    /// How token vectors become one vector, where the graph leaves that to us.
    pub pooling: Pooling,
}

/// A graph in an ONNX Runtime session.
///
/// Two kinds of graph are served: ours (`input_ids` and `attention_mask` to
/// pooled `embedding`), and what publishers export, whose first output is
/// either one vector a text or one a token.
pub struct Onnx {
    session: Session,
    device: String,
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
        let library = library_path(options.library.as_deref())?;
        let (session, device) = match options.device {
            Device::Auto => match commit(graph, &library, options, Device::Cuda(0)) {
                Ok(session) => (session, Device::Cuda(0)),
                Err(_) => (commit(graph, &library, options, Device::Cpu)?, Device::Cpu),
            },
            device => (commit(graph, &library, options, device)?, device),
        };
        let inputs = inputs(&session, graph)?;
        let output = output(&session, graph)?;
        Ok(Self {
            session,
            device: device.to_string(),
            inputs,
            output,
            pooling: options.pooling,
        })
    }
}

fn provider(device: Device) -> Option<ExecutionProviderDispatch> {
    // Without error_on_failure ONNX Runtime would fall back to the CPU in silence.
    match device {
        Device::Auto | Device::Cpu => None,
        Device::Cuda(id) => Some(
            ep::CUDA::default()
                .with_device_id(id)
                .build()
                .error_on_failure(),
        ),
        Device::TensorRt(id) => Some(
            ep::TensorRT::default()
                .with_device_id(id)
                .build()
                .error_on_failure(),
        ),
    }
}

fn commit(graph: &Path, library: &Path, options: &OnnxOptions, device: Device) -> Result<Session> {
    let threads = if options.threads == 0 {
        std::thread::available_parallelism().map_or(1, |n| n.get())
    } else {
        options.threads
    };
    let environment = environment(library)?;
    let unusable = |why: String| {
        Error::Setup(format!(
            "device {device} cannot serve: {why}. Use SET ai.device = 'auto' or 'cpu', \
             or install ONNX Runtime's GPU build with its CUDA libraries and point ai.onnxruntime at it"
        ))
    };
    let corrupt = |why: String| {
        Error::Setup(format!(
            "the model graph {} could not be loaded: {why}. \
             If the file is damaged, delete it and run `make setup` or fetch the model again",
            graph.display()
        ))
    };
    let mut builder = Session::builder(environment)
        .and_then(|b| Ok(b.with_optimization_level(GraphOptimizationLevel::All)?))
        .and_then(|b| Ok(b.with_intra_threads(threads)?))
        .and_then(|b| Ok(b.with_inter_threads(1)?))
        .map_err(|e| Error::Setup(format!("ONNX Runtime refused a session: {e}")))?;
    if let Some(provider) = provider(device) {
        builder = builder
            .with_execution_providers([provider])
            .map_err(|e| unusable(first_line(&e.to_string())))?;
    }
    builder.commit_from_file(graph).map_err(|e| match device {
        Device::Auto | Device::Cpu => corrupt(first_line(&e.to_string())),
        Device::Cuda(_) | Device::TensorRt(_) => unusable(first_line(&e.to_string())),
    })
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
        &self.device
    }

    fn precision(&self) -> &'static str {
        "fp32"
    }

    fn encode(&mut self, batch: &TokenBatch, dims: usize, vectors: &mut Vec<f32>) -> Result<()> {
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
        let outputs = self.session.run(feeds).map_err(failed)?;
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
