//! Selection of the graph, the device and the precision of a model.

use std::path::PathBuf;

use parking_lot::Mutex;

use crate::backend::{Backend, Device, OnnxBackend, OnnxOptions, PublishedHead, TokenBatch};
use crate::cancellation::Cancellation;
use crate::encoding::BackendFactory;
use crate::error::{Error, Result};
use crate::models::{
    ActivationRanges, Export, GraphCache, GraphStyle, ModelSpec, Precision, PrecisionSetting,
    QuantizationCheck, calibration_texts, check_texts,
};
use crate::options::ModelOptions;
use crate::vector::dot;

/// Padded tokens of a batch for calibration and for the quantization check.
const CHECK_BATCH_TOKENS: usize = 1024;

/// Loader of one model on the device and in the precision of its options.
pub struct ModelLoader {
    pub folder: PathBuf,
    pub spec: ModelSpec,
    pub device: Device,
    pub precision: PrecisionSetting,
    pub threads: usize,
    pub library: Option<PathBuf>,
    pub device_memory: Option<usize>,
}

impl ModelLoader {
    pub fn new(folder: PathBuf, spec: ModelSpec, options: &ModelOptions) -> Self {
        Self {
            folder,
            spec,
            device: options.device,
            precision: options.precision,
            threads: options.threads,
            library: options.onnxruntime.clone(),
            device_memory: options.device_memory,
        }
    }

    /// Opens the model.
    ///
    /// # Errors
    /// [`Error::Setup`] for a missing library, damaged files, an unavailable
    /// device or an unsupported precision.
    pub fn open(&self) -> Result<OnnxBackend> {
        let graphs = GraphCache::open(&self.folder, &self.spec)?;
        match self.device {
            Device::Auto => {
                let gpu = Device::Cuda(0);
                if self.gpu_available()?
                    && let Ok(backend) = self.open_gpu(&graphs, gpu)
                {
                    return Ok(backend);
                }
                self.open_cpu(&graphs)
            }
            Device::Cpu => self.open_cpu(&graphs),
            gpu => self.open_gpu(&graphs, gpu),
        }
    }

    /// Identity of the weights, which differs between training runs.
    ///
    /// # Errors
    /// No weights, or damaged ones.
    pub fn weights_identity(&self) -> Result<String> {
        Ok(GraphCache::open(&self.folder, &self.spec)?.weights_identity()?)
    }

    /// Precision that [`open`](Self::open) will select, if it is known without
    /// opening a session. The first call for a model runs the quantization check,
    /// which takes seconds and can be cancelled.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`Error::Interrupted`].
    pub fn expected_precision(&self, cancellation: &Cancellation) -> Result<Option<Precision>> {
        let on_cpu = match self.device {
            Device::Cpu => true,
            Device::Auto => !self.gpu_available()?,
            _ => false,
        };
        if !on_cpu {
            return Ok(None);
        }
        let graphs = GraphCache::open(&self.folder, &self.spec)?;
        self.precision_on_cpu(&graphs, cancellation).map(Some)
    }

    fn gpu_available(&self) -> Result<bool> {
        // int8 runs on the CPU only.
        Ok(self.precision != PrecisionSetting::Exactly(Precision::Int8)
            && OnnxBackend::has_provider(Device::Cuda(0), self.library.as_deref())?)
    }

    fn options(
        &self,
        graphs: &GraphCache,
        device: Device,
        precision: Precision,
    ) -> Result<OnnxOptions> {
        let head = graphs.head()?.map(|graph| PublishedHead {
            graph,
            prefer_token_vectors: self.spec.known_pooling,
            first_position: self.spec.config.first_position() as i64,
            required: self.spec.needs_token_vectors(),
        });
        Ok(OnnxOptions {
            library: self.library.clone(),
            device,
            threads: self.threads,
            head,
            precision,
            device_memory: self.device_memory,
        })
    }

    fn open_gpu(&self, graphs: &GraphCache, device: Device) -> Result<OnnxBackend> {
        let tensor_rt = matches!(device, Device::TensorRt(_));
        let precision = match (self.precision, graphs.published()) {
            (PrecisionSetting::Exactly(Precision::Int8), _) => {
                return Err(Error::Setup(
                    "int8 runs on the CPU only: SET ai.precision = 'auto' or 'fp16', \
                     or SET ai.device = 'cpu'"
                        .to_string(),
                ));
            }
            (PrecisionSetting::Exactly(Precision::Fp16), Some(_)) if tensor_rt => Precision::Fp16,
            (PrecisionSetting::Exactly(precision), Some(export)) => {
                check_published(export, precision)?;
                precision
            }
            (PrecisionSetting::Exactly(precision), None) => precision,
            (PrecisionSetting::Auto, Some(export)) => export.precision,
            (PrecisionSetting::Auto, None) => Precision::Fp16,
        };
        let graph = if tensor_rt {
            // TensorRT converts to fp16 itself.
            graphs.float_graph(GraphStyle::Plain, false)?
        } else {
            graphs.float_graph(GraphStyle::Cuda, precision == Precision::Fp16)?
        };
        OnnxBackend::open(&graph, &self.options(graphs, device, precision)?)
    }

    fn open_cpu(&self, graphs: &GraphCache) -> Result<OnnxBackend> {
        // All queries share the session, so no query cancels its opening.
        let precision = self.precision_on_cpu(graphs, &Cancellation::never())?;
        let graph = match precision {
            Precision::Int8 => self.int8_graph(graphs)?,
            _ => graphs.float_graph(GraphStyle::Cpu, false)?,
        };
        OnnxBackend::open(&graph, &self.options(graphs, Device::Cpu, precision)?)
    }

    fn precision_on_cpu(
        &self,
        graphs: &GraphCache,
        cancellation: &Cancellation,
    ) -> Result<Precision> {
        match (self.precision, graphs.published()) {
            (PrecisionSetting::Exactly(Precision::Fp16), _) => Err(Error::Setup(
                "fp16 needs a GPU, and inference runs on the CPU here: \
                 SET ai.precision = 'auto', 'int8' or 'fp32'"
                    .to_string(),
            )),
            (PrecisionSetting::Exactly(precision), Some(export)) => {
                check_published(export, precision)?;
                Ok(precision)
            }
            (PrecisionSetting::Exactly(precision), None) => Ok(precision),
            (PrecisionSetting::Auto, Some(export)) => Ok(export.precision),
            (PrecisionSetting::Auto, None) => {
                Ok(if self.quantization_check(graphs, cancellation)?.passes() {
                    Precision::Int8
                } else {
                    Precision::Fp32
                })
            }
        }
    }

    /// Comparison of int8 with fp32 for this model, run once per machine.
    fn quantization_check(
        &self,
        graphs: &GraphCache,
        cancellation: &Cancellation,
    ) -> Result<QuantizationCheck> {
        static CHECKING: Mutex<()> = Mutex::new(());
        let _checking = cancellation.lock(&CHECKING)?;
        if let Some(check) = graphs.quantization_check() {
            return Ok(check);
        }
        let batches = self.batches(&check_texts())?;
        let vectors = |graph: PathBuf, precision| -> Result<Vec<f32>> {
            let mut backend =
                OnnxBackend::open(&graph, &self.options(graphs, Device::Cpu, precision)?)?;
            let mut vectors = Vec::new();
            for batch in &batches {
                cancellation.check()?;
                backend.encode(batch, self.spec.dims, &mut vectors)?;
            }
            Ok(vectors)
        };
        let exact = vectors(graphs.float_graph(GraphStyle::Cpu, false)?, Precision::Fp32)?;
        cancellation.check()?;
        let quantized = vectors(self.int8_graph(graphs)?, Precision::Int8)?;
        let cosines: Vec<f32> = exact
            .chunks_exact(self.spec.dims)
            .zip(quantized.chunks_exact(self.spec.dims))
            .map(|(a, b)| dot(a, b))
            .collect();
        let check = QuantizationCheck::new(&cosines);
        graphs.store_quantization_check(&check)?;
        Ok(check)
    }

    fn int8_graph(&self, graphs: &GraphCache) -> Result<PathBuf> {
        graphs.int8_graph(|calibration| -> Result<ActivationRanges> {
            let batches = self.batches(&calibration_texts())?;
            let options = self.options(graphs, Device::Cpu, Precision::Fp32)?;
            OnnxBackend::measure_ranges(calibration, &batches, &options)
        })
    }

    fn batches(&self, texts: &[String]) -> Result<Vec<TokenBatch>> {
        let tokenizer = self.spec.open_tokenizer(&self.folder)?;
        let mut tokens = texts
            .iter()
            .map(|text| tokenizer.encode(text).map(|t| t.ids).map_err(Error::Setup))
            .collect::<Result<Vec<_>>>()?;
        tokens.sort_by_key(Vec::len);
        let mut batches = Vec::new();
        let mut rest = tokens.as_slice();
        while let Some(longest) = rest.last() {
            let rows = (CHECK_BATCH_TOKENS / longest.len().max(1)).clamp(1, rest.len());
            let (before, batch) = rest.split_at(rest.len() - rows);
            let rows: Vec<&[u32]> = batch.iter().map(Vec::as_slice).collect();
            batches.push(TokenBatch::new(&rows, self.spec.config.pad_token_id));
            rest = before;
        }
        Ok(batches)
    }
}

impl BackendFactory for ModelLoader {
    fn open(&self) -> Result<Box<dyn Backend>> {
        Ok(Box::new(ModelLoader::open(self)?))
    }

    fn precision(&self) -> Result<Option<&'static str>> {
        Ok(self
            .expected_precision(&Cancellation::never())?
            .map(Precision::name))
    }
}

/// Checks that `precision` is that of a published graph.
fn check_published(export: &Export, precision: Precision) -> Result<()> {
    if export.precision == precision {
        return Ok(());
    }
    Err(Error::Setup(format!(
        "this model is a published ONNX graph, which runs in {}, not in {precision}: \
         SET ai.precision = 'auto', or put model.safetensors of the model into its folder",
        export.precision
    )))
}
