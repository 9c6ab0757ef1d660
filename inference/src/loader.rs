//! Selection of the graph, the device and the precision of a model.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use crate::backend::{
    Backend, Device, Int8Backend, OnnxBackend, OnnxOptions, Provider, PublishedHead, TokenBatch,
};
use crate::cancellation::Cancellation;
use crate::encoding::BackendFactory;
use crate::error::{Error, Result};
use crate::models::{
    ActivationRanges, Export, GraphCache, GraphStyle, ModelSpec, Precision, PrecisionSetting,
    QuantizationCheck, calibration_texts, check_texts,
};
use crate::options::ModelOptions;
use crate::vector::dot;

/// Texts of a batch of the quantization check.
const CHECK_BATCH_TEXTS: usize = 32;

/// Padded tokens of a batch for calibration.
const CALIBRATION_BATCH_TOKENS: usize = 1024;

/// Loader of one model on the device and in the precision of its options.
pub struct ModelLoader {
    pub folder: PathBuf,
    pub spec: ModelSpec,
    pub device: Device,
    pub precision: PrecisionSetting,
    pub threads: usize,
    pub library: Option<PathBuf>,
    pub provider_library: Option<PathBuf>,
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
            provider_library: options.ep_library.clone(),
            device_memory: options.device_memory,
        }
    }

    /// Opens the model.
    ///
    /// # Errors
    /// [`Error::Setup`] for a missing library, damaged files, an unavailable
    /// device or an unsupported precision.
    pub fn open(&self) -> Result<Box<dyn Backend>> {
        let graphs = GraphCache::open(&self.folder, &self.spec)?;
        match self.device {
            Device::Auto => self.open_automatic(&graphs),
            Device::Cpu => self.open_cpu(&graphs, None),
            Device::Accelerator { provider, number } => {
                let backend = self.open_accelerator(&graphs, provider, number)?;
                Ok(Box::new(backend))
            }
        }
    }

    /// Opens the model on the first accelerator that works, else on the CPU with a
    /// note of those that do not.
    fn open_automatic(&self, graphs: &GraphCache) -> Result<Box<dyn Backend>> {
        let mut failures = Vec::new();
        for provider in self.accelerators() {
            match self.open_accelerator(graphs, provider, 0) {
                Ok(backend) => return Ok(Box::new(backend)),
                Err(error) => failures.push(error.to_string()),
            }
        }
        let note = (!failures.is_empty()).then(|| failures.join("; "));
        self.open_cpu(graphs, note)
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
            Device::Auto => self.accelerators().next().is_none(),
            _ => false,
        };
        if !on_cpu {
            return Ok(None);
        }
        let graphs = GraphCache::open(&self.folder, &self.spec)?;
        self.precision_on_cpu(&graphs, cancellation).map(Some)
    }

    /// The providers that `auto` tries.
    fn accelerators(&self) -> impl Iterator<Item = Provider> {
        // int8 runs on the CPU only.
        let any = self.precision != PrecisionSetting::Exactly(Precision::Int8);
        let (library, plugin) = (self.library.as_deref(), self.provider_library.as_deref());
        Provider::automatic().filter(move |provider| {
            any && OnnxBackend::check_provider(*provider, library, plugin).is_ok()
        })
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
            provider_library: self.provider_library.clone(),
            device,
            threads: self.threads,
            head,
            pad: self.spec.config.pad_token_id,
            precision,
            device_memory: self.device_memory,
        })
    }

    fn open_accelerator(
        &self,
        graphs: &GraphCache,
        provider: Provider,
        number: u32,
    ) -> Result<OnnxBackend> {
        let device = Device::Accelerator { provider, number };
        let open = |precision| {
            // Some providers convert to 16 bits themselves.
            let half = precision == Precision::Fp16 && !provider.converts_precision();
            let graph = graphs.float_graph(provider.style(), half)?;
            self.open_graph(graphs, &graph, device, precision)
        };
        match (self.precision, graphs.published()) {
            (PrecisionSetting::Exactly(Precision::Int8), _) => Err(Error::Setup(
                "int8 runs on the CPU only: SET ai.precision = 'auto' or 'fp16', \
                 or SET ai.device = 'cpu'"
                    .to_string(),
            )),
            (PrecisionSetting::Exactly(precision), Some(export)) => {
                if precision != Precision::Fp16 || !provider.converts_precision() {
                    check_published(export, precision)?;
                }
                open(precision)
            }
            (PrecisionSetting::Exactly(precision), None) => open(precision),
            (PrecisionSetting::Auto, Some(export)) => open(export.precision),
            (PrecisionSetting::Auto, None) => self.open_half_or_single(open),
        }
    }

    /// Opens in 16 bits if the device computes a text in them, else in 32 bits with
    /// a note of the reason.
    fn open_half_or_single(
        &self,
        open: impl Fn(Precision) -> Result<OnnxBackend>,
    ) -> Result<OnnxBackend> {
        let half = open(Precision::Fp16).and_then(|mut backend| {
            backend.check(self.spec.dims)?;
            Ok(backend)
        });
        half.or_else(|half| {
            let single = open(Precision::Fp32)?;
            let note = format!("fp16 does not run on this device: {half}");
            Ok(single.with_note(Some(note)))
        })
    }

    fn open_cpu(&self, graphs: &GraphCache, note: Option<String>) -> Result<Box<dyn Backend>> {
        // All queries share the session, so no query cancels its opening.
        match self.precision_on_cpu(graphs, &Cancellation::never())? {
            Precision::Int8 => self.open_int8(graphs, note),
            precision => {
                let graph = graphs.float_graph(GraphStyle::Cpu, false)?;
                let backend = self.open_graph(graphs, &graph, Device::Cpu, precision)?;
                Ok(Box::new(backend.with_note(note)))
            }
        }
    }

    /// Opens the model on semql's int8 kernels, or in the runtime if they do not
    /// compute it.
    fn open_int8(&self, graphs: &GraphCache, note: Option<String>) -> Result<Box<dyn Backend>> {
        if let Some((encoder, pooling)) = graphs.int8_encoder()? {
            let backend = Int8Backend::new(encoder, pooling, self.threads);
            return Ok(Box::new(backend.with_note(note)));
        }
        let graph = self.int8_graph(graphs)?;
        let backend = self.open_graph(graphs, &graph, Device::Cpu, Precision::Int8)?;
        Ok(Box::new(backend.with_note(note)))
    }

    fn open_graph(
        &self,
        graphs: &GraphCache,
        graph: &Path,
        device: Device,
        precision: Precision,
    ) -> Result<OnnxBackend> {
        OnnxBackend::open(graph, &self.options(graphs, device, precision)?)
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
        let texts = self.tokens(&check_texts())?;
        let vectors = |mut backend: Box<dyn Backend>| -> Result<Vec<f32>> {
            let mut vectors = Vec::new();
            for texts in texts.chunks(CHECK_BATCH_TEXTS) {
                cancellation.check()?;
                let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
                backend.encode(&texts, self.spec.dims, &mut vectors)?;
            }
            Ok(vectors)
        };
        let graph = graphs.float_graph(GraphStyle::Cpu, false)?;
        let exact = self.open_graph(graphs, &graph, Device::Cpu, Precision::Fp32)?;
        let exact = vectors(Box::new(exact))?;
        cancellation.check()?;
        let quantized = vectors(self.open_int8(graphs, None)?)?;
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

    fn tokens(&self, texts: &[String]) -> Result<Vec<Vec<u32>>> {
        let tokenizer = self.spec.open_tokenizer(&self.folder)?;
        let encode = |text: &String| tokenizer.encode(text).map(|t| t.ids).map_err(Error::Setup);
        texts.iter().map(encode).collect()
    }

    fn batches(&self, texts: &[String]) -> Result<Vec<TokenBatch>> {
        let mut tokens = self.tokens(texts)?;
        tokens.sort_by_key(Vec::len);
        let mut batches = Vec::new();
        let mut rest = tokens.as_slice();
        while let Some(longest) = rest.last() {
            let rows = (CALIBRATION_BATCH_TOKENS / longest.len().max(1)).clamp(1, rest.len());
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
        ModelLoader::open(self)
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
