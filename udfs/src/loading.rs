//! Which graph of a model is opened on which device, in which precision.

use std::path::PathBuf;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::backend::{Backend, Device, Onnx, OnnxOptions, TokenBatch};
use crate::error::{Error, Result};
use crate::inference::Opener;
use crate::models::{
    Graphs, ModelSpec, Precision, Ranges, Style, Tokenizer, Verdict, WantedPrecision,
    calibration_texts, check_texts,
};
use crate::options::Settings;
use crate::vector::dot;
use crate::waiting::Cancellation;

/// Padded tokens of a batch while a graph is calibrated or checked.
const CHECK_TOKENS: usize = 1024;

/// What a model's session depends on.
pub(crate) struct Plan {
    pub folder: PathBuf,
    pub spec: ModelSpec,
    pub device: Device,
    pub precision: WantedPrecision,
    pub threads: usize,
    pub library: Option<PathBuf>,
    pub device_memory: Option<usize>,
}

impl Plan {
    pub fn new(folder: PathBuf, spec: ModelSpec, settings: &Settings) -> Self {
        Self {
            folder,
            spec,
            device: settings.device,
            precision: settings.precision,
            threads: settings.threads,
            library: settings.onnxruntime.clone(),
            device_memory: settings.device_memory,
        }
    }

    /// Opens the model.
    ///
    /// # Errors
    /// [`Error::Setup`] for a missing library, damaged files, a device that
    /// cannot serve or a precision that it does not have.
    pub fn open(&self) -> Result<Onnx> {
        let graphs = Graphs::of(&self.folder, &self.spec)?;
        match self.device {
            Device::Auto => {
                let gpu = Device::Cuda(0);
                if self.gpu_may_serve()?
                    && let Ok(onnx) = self.open_gpu(&graphs, gpu)
                {
                    return Ok(onnx);
                }
                self.open_cpu(&graphs)
            }
            Device::Cpu => self.open_cpu(&graphs),
            gpu => self.open_gpu(&graphs, gpu),
        }
    }

    /// What tells the weights from those of another training run.
    ///
    /// # Errors
    /// No weights, or damaged ones.
    pub fn weights_identity(&self) -> Result<String> {
        Ok(Graphs::of(&self.folder, &self.spec)?.weights_identity()?)
    }

    /// The precision that [`open`](Self::open) will give, where it can be told
    /// without opening; the first time for a model this measures what 8 bits
    /// are worth, which takes seconds and can be cancelled.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`Error::Interrupted`].
    pub fn foreseen(&self, cancellation: &Cancellation) -> Result<Option<Precision>> {
        let cpu = match self.device {
            Device::Cpu => true,
            Device::Auto => !self.gpu_may_serve()?,
            _ => false,
        };
        if !cpu {
            return Ok(None);
        }
        let graphs = Graphs::of(&self.folder, &self.spec)?;
        self.precision_on_cpu(&graphs, cancellation).map(Some)
    }

    fn gpu_may_serve(&self) -> Result<bool> {
        // 8 bits are for the CPU.
        Ok(self.precision != WantedPrecision::Exactly(Precision::Int8)
            && Onnx::may_serve(Device::Cuda(0), self.library.as_deref())?)
    }

    fn options(&self, device: Device, precision: Precision) -> OnnxOptions {
        OnnxOptions {
            library: self.library.clone(),
            device,
            threads: self.threads,
            pooling: self.spec.pooling,
            precision,
            device_memory: self.device_memory,
        }
    }

    fn open_gpu(&self, graphs: &Graphs, device: Device) -> Result<Onnx> {
        let tensor_rt = matches!(device, Device::TensorRt(_));
        let precision = match (self.precision, graphs.published()) {
            (WantedPrecision::Exactly(Precision::Int8), _) => {
                return Err(Error::Setup(
                    "int8 runs on the CPU only: SET ai.precision = 'auto' or 'fp16', \
                     or SET ai.device = 'cpu'"
                        .to_string(),
                ));
            }
            (WantedPrecision::Exactly(Precision::Fp16), Some(_)) if !tensor_rt => {
                return Err(published(Precision::Fp16));
            }
            (WantedPrecision::Exactly(precision), _) => precision,
            (WantedPrecision::Auto, Some(_)) => Precision::Fp32,
            (WantedPrecision::Auto, None) => Precision::Fp16,
        };
        let graph = if tensor_rt {
            // TensorRT narrows the numbers itself.
            graphs.floats(Style::Plain, false)?
        } else {
            graphs.floats(Style::Cuda, precision == Precision::Fp16)?
        };
        Onnx::open(&graph, &self.options(device, precision))
    }

    fn open_cpu(&self, graphs: &Graphs) -> Result<Onnx> {
        // The session is opened for all queries: none of them cancels it.
        let precision = self.precision_on_cpu(graphs, &uncancelled())?;
        let graph = match precision {
            Precision::Int8 => self.int8(graphs)?,
            _ => graphs.floats(Style::Cpu, false)?,
        };
        Onnx::open(&graph, &self.options(Device::Cpu, precision))
    }

    fn precision_on_cpu(&self, graphs: &Graphs, cancellation: &Cancellation) -> Result<Precision> {
        match (self.precision, graphs.published()) {
            (WantedPrecision::Exactly(Precision::Fp16), _) => Err(Error::Setup(
                "fp16 needs a GPU, and inference runs on the CPU here: \
                 SET ai.precision = 'auto', 'int8' or 'fp32'"
                    .to_string(),
            )),
            (WantedPrecision::Exactly(Precision::Int8), Some(_)) => Err(published(Precision::Int8)),
            (WantedPrecision::Exactly(precision), _) => Ok(precision),
            (WantedPrecision::Auto, Some(_)) => Ok(Precision::Fp32),
            (WantedPrecision::Auto, None) => Ok(if self.verdict(graphs, cancellation)?.passes() {
                Precision::Int8
            } else {
                Precision::Fp32
            }),
        }
    }

    /// What 8 bits are worth for this model, measured once on a machine.
    fn verdict(&self, graphs: &Graphs, cancellation: &Cancellation) -> Result<Verdict> {
        static MEASURING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = cancellation.lock(&MEASURING)?;
        if let Some(verdict) = graphs.verdict() {
            return Ok(verdict);
        }
        let batches = self.batches(&check_texts())?;
        let vectors = |graph: PathBuf, precision| -> Result<Vec<f32>> {
            let mut onnx = Onnx::open(&graph, &self.options(Device::Cpu, precision))?;
            let mut vectors = Vec::new();
            for batch in &batches {
                cancellation.check()?;
                onnx.encode(batch, self.spec.dims, &mut vectors)?;
            }
            Ok(vectors)
        };
        let exact = vectors(graphs.floats(Style::Cpu, false)?, Precision::Fp32)?;
        cancellation.check()?;
        let rounded = vectors(self.int8(graphs)?, Precision::Int8)?;
        let cosines: Vec<f32> = exact
            .chunks_exact(self.spec.dims)
            .zip(rounded.chunks_exact(self.spec.dims))
            .map(|(a, b)| dot(a, b))
            .collect();
        let verdict = Verdict::new(&cosines);
        graphs.keep_verdict(&verdict)?;
        Ok(verdict)
    }

    fn int8(&self, graphs: &Graphs) -> Result<PathBuf> {
        graphs.int8(|calibration| -> Result<Ranges> {
            let batches = self.batches(&calibration_texts())?;
            let options = self.options(Device::Cpu, Precision::Fp32);
            Onnx::measure(calibration, &batches, &options)
        })
    }

    fn batches(&self, texts: &[String]) -> Result<Vec<TokenBatch>> {
        let tokenizer = Tokenizer::open(&self.folder, &self.spec)?;
        let mut tokens = texts
            .iter()
            .map(|text| tokenizer.encode(text).map(|t| t.ids).map_err(Error::Setup))
            .collect::<Result<Vec<_>>>()?;
        tokens.sort_by_key(Vec::len);
        let mut batches = Vec::new();
        let mut rest = tokens.as_slice();
        while let Some(longest) = rest.last() {
            let rows = (CHECK_TOKENS / longest.len().max(1)).clamp(1, rest.len());
            let (before, batch) = rest.split_at(rest.len() - rows);
            let rows: Vec<&[u32]> = batch.iter().map(Vec::as_slice).collect();
            batches.push(TokenBatch::new(&rows, self.spec.config.pad_token_id));
            rest = before;
        }
        Ok(batches)
    }
}

impl Opener for Plan {
    fn open(&self) -> Result<Box<dyn Backend>> {
        Ok(Box::new(Plan::open(self)?))
    }

    fn precision(&self) -> Result<Option<&'static str>> {
        Ok(self.foreseen(&uncancelled())?.map(Precision::name))
    }
}

/// Cancellation of work that nothing cancels.
fn uncancelled() -> Cancellation {
    Cancellation::new(&CancellationToken::new(), &CancellationToken::new())
}

fn published(precision: Precision) -> Error {
    Error::Setup(format!(
        "this model comes as a finished ONNX graph, which runs as it is, in fp32, and {precision} was asked for: \
         SET ai.precision = 'auto', or put the model's model.safetensors beside it"
    ))
}
