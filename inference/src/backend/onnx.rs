//! Backend on ONNX Runtime.

use std::path::Path;

use ort::session::Session;
use ort::value::TensorRef;

use super::graph_signature::{EncoderSession, GraphSignature};
use super::messages::first_line;
use super::placement::{Placement, placement};
use super::providers::check_provider;
use super::runtime_library::environment;
use super::session::{GraphFile, session_builder, threads};
use super::session_pool::{self, PIECE_TOKENS};
use super::{Backend, Device, OnnxOptions, Provider, TokenBatch, batches};
use crate::error::{Error, Result};
use crate::models::{ActivationRanges, Precision};

/// Padded tokens of one batch on a GPU; enough to keep a large GPU busy.
const GPU_BATCH_TOKENS: usize = 1 << 16;

/// Tokens of the shortest batch. A device that does not compute it computes nothing:
/// every vocabulary has the token.
const SHORTEST_BATCH: &[u32] = &[0, 0];

/// Pieces per session in one batch on the CPU. With several pieces, a slow one
/// does not leave the other cores idle for long.
const PIECES_PER_SESSION: usize = 4;

/// Encoder graph in ONNX Runtime: one session per core on the CPU, one session
/// on a GPU.
///
/// It runs the graphs that semql builds (`input_ids` and `attention_mask` to a
/// pooled `embedding`) and published exports, which return one vector per text
/// or per token.
pub struct OnnxBackend {
    sessions: Vec<EncoderSession>,
    device: Device,
    device_name: String,
    precision: Precision,
    pad: i64,
    signature: GraphSignature,
    placement: Vec<Placement>,
    /// Whether the device has computed a batch.
    computed: bool,
    /// Why it runs where it does, if that is not obvious.
    note: Option<String>,
}

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
        let file = GraphFile::read(graph)?;
        let count = match device {
            Device::Cpu => session_pool::session_count(threads, file.bytes()),
            _ => 1,
        };
        let sessions = (0..count)
            .map(|_| {
                let head = options.head.as_ref().map(|head| {
                    session_builder(options, Device::Cpu, threads / count)?
                        .commit_from_memory(&head.graph)
                        .map_err(|e| {
                            let reason = first_line(&e.to_string());
                            Error::Setup(format!("the pooling of the model failed: {reason}"))
                        })
                });
                Ok(EncoderSession {
                    graph: file.open(options, device, threads / count)?,
                    head: head.transpose()?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let placement = match device {
            Device::Auto | Device::Cpu => Vec::new(),
            Device::Accelerator { .. } => placement(&sessions[0].graph),
        };
        let signature = GraphSignature::new(&sessions[0].graph, graph, options.head.as_ref())?;
        Ok(Self {
            sessions,
            device,
            device_name: device.to_string(),
            precision: options.precision,
            pad: options.pad,
            placement,
            computed: false,
            note: None,
            signature,
        })
    }

    /// Whether `provider` is there. A cheap check before a graph is built for it.
    /// `library` is that of ONNX Runtime, `plugin` that of the provider.
    ///
    /// # Errors
    /// [`Error::Setup`] if it is not there, or for a missing library.
    pub fn check_provider(
        provider: Provider,
        library: Option<&Path>,
        plugin: Option<&Path>,
    ) -> Result<()> {
        check_provider(provider, library, plugin)
    }

    /// Checks that the device computes finite numbers in the precision of the graph.
    ///
    /// # Errors
    /// What the device does not compute.
    pub fn check(&mut self, dims: usize) -> Result<()> {
        let mut vectors = Vec::new();
        self.run(&[SHORTEST_BATCH], dims, &mut vectors)?;
        self.computed = true;
        match vectors.iter().all(|value| value.is_finite()) {
            true => Ok(()),
            false => Err(Error::Failed("a vector is not finite".to_string())),
        }
    }

    /// The error of a batch on an accelerator, after a look whether the device computes
    /// anything: if it does, a smaller batch may fit into its memory.
    fn device_failure(&mut self, error: Error, dims: usize) -> Error {
        let Error::Failed(reason) = error else {
            return error;
        };
        match self.run(&[SHORTEST_BATCH], dims, &mut Vec::new()) {
            Ok(_) => Error::Failed(reason),
            Err(_) if self.computed => Error::DeviceLost(reason),
            Err(_) => Error::Setup(format!(
                "device {} does not compute this model in {}: {reason}. \
                 SET ai.device = 'auto' or 'cpu' runs without it",
                self.device_name, self.precision
            )),
        }
    }

    /// The same backend with a note for [`Backend::placement`].
    pub fn with_note(self, note: Option<String>) -> Self {
        Self { note, ..self }
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

    /// Runs `texts`; see [`Backend::encode`].
    fn run(&mut self, texts: &[&[u32]], dims: usize, vectors: &mut Vec<f32>) -> Result<usize> {
        let lengths: Vec<usize> = texts.iter().map(|ids| ids.len()).collect();
        let budget = match self.device {
            Device::Auto | Device::Cpu => {
                let of_session = lengths.iter().sum::<usize>().div_ceil(self.sessions.len());
                of_session.min(PIECE_TOKENS)
            }
            Device::Accelerator { .. } => self.batch_tokens(),
        };
        let (order, pieces) = batches::plan(&lengths, budget);
        let (signature, pad) = (&self.signature, self.pad);
        let done = session_pool::run_pieces(&mut self.sessions, pieces.len(), |session, piece| {
            let rows = order[pieces[piece].clone()].iter().map(|text| texts[*text]);
            let batch = TokenBatch::new(&rows.collect::<Vec<_>>(), pad);
            let mut vectors = Vec::with_capacity(batch.rows * dims);
            signature.run(session, &batch, dims, &mut vectors)?;
            Ok::<_, Error>((vectors, batch.ids.len()))
        })?;
        let start = vectors.len();
        vectors.resize(start + texts.len() * dims, 0.0);
        let mut tokens = 0;
        for ((of_piece, padded), piece) in done.iter().zip(pieces) {
            tokens += padded;
            for (vector, text) in of_piece.chunks_exact(dims).zip(&order[piece]) {
                let at = start + text * dims;
                vectors[at..at + dims].copy_from_slice(vector);
            }
        }
        Ok(tokens)
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

impl Backend for OnnxBackend {
    fn device(&self) -> &str {
        &self.device_name
    }

    fn precision(&self) -> &'static str {
        self.precision.name()
    }

    fn placement(&self) -> Option<String> {
        let nodes = self.placement.iter();
        let nodes =
            nodes.map(|placement| format!("{} nodes on {}", placement.nodes, placement.provider));
        let parts: Vec<String> = nodes.chain(self.note.clone()).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    fn batch_tokens(&self) -> usize {
        match self.device {
            Device::Auto | Device::Cpu => PIECE_TOKENS * PIECES_PER_SESSION * self.sessions.len(),
            Device::Accelerator { .. } => GPU_BATCH_TOKENS,
        }
    }

    fn encode(&mut self, texts: &[&[u32]], dims: usize, vectors: &mut Vec<f32>) -> Result<usize> {
        let result = self.run(texts, dims, vectors);
        self.computed |= result.is_ok();
        match (result, self.device) {
            (Err(error), Device::Accelerator { .. }) => Err(self.device_failure(error, dims)),
            (result, _) => result,
        }
    }
}
