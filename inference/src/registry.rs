//! Registry of the models of a process, each loaded once.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, RwLock};

use lru::LruCache;
use serde::{Deserialize, Serialize};

use crate::backend::{Backend, DeterministicBackend, check_environment};
use crate::cancellation::Cancellation;
use crate::encoding::{Encoder, Identity};
use crate::error::Result;
use crate::limits::RuntimeLimits;
use crate::loader::ModelLoader;
use crate::models::hub::DownloadProgress;
use crate::models::{
    ModelLocation, ModelSource, ModelSpec, PrecisionSetting, Tokenizer, fetch, locate_within,
};
use crate::options::ModelOptions;
use crate::sync::lock;

/// Dimensions of the deterministic backend.
const DETERMINISTIC_DIMS: usize = 16;

/// Maximum models whose facts are stored.
const MAX_FACTS: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// Slot of one model, empty until the model is loaded. Only requests for the same
/// model wait for each other.
type EncoderSlot = Arc<parking_lot::Mutex<Option<Arc<Encoder>>>>;

/// Facts of a model that planning needs, known without loading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFacts {
    pub name: String,
    pub revision: String,
    /// Values in one vector.
    pub dims: usize,
    pub pooling: String,
    /// Precision of the vectors: `fp32`, `int8` or `fp16`.
    pub precision: String,
}

/// Progress of a download, with cancellation.
struct CancellableDownload<'a> {
    progress: &'a dyn DownloadProgress,
    cancellation: &'a Cancellation,
}

impl DownloadProgress for CancellableDownload<'_> {
    fn start(&self, file: &str, total: Option<u64>) {
        self.progress.start(file, total);
    }

    fn advance(&self, bytes: u64) {
        self.progress.advance(bytes);
    }

    fn finish(&self) {
        self.progress.finish();
    }

    fn cancelled(&self) -> bool {
        self.cancellation.is_cancelled() || self.progress.cancelled()
    }
}

/// Download progress without output.
struct SilentDownload;

impl DownloadProgress for SilentDownload {
    fn start(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn finish(&self) {}
}

/// Loaded models and their facts, within the limits of a program.
pub struct ModelRegistry {
    limits: RwLock<RuntimeLimits>,
    /// Models that are allowed regardless of the limits.
    allowed: RwLock<Vec<String>>,
    encoders: Mutex<LruCache<ModelOptions, EncoderSlot>>,
    facts: Mutex<LruCache<ModelOptions, ModelFacts>>,
    downloads: RwLock<Arc<dyn DownloadProgress + Send + Sync>>,
    remote_inference: AtomicBool,
}

impl Default for ModelRegistry {
    fn default() -> Self {
        Self {
            limits: RwLock::default(),
            allowed: RwLock::default(),
            encoders: Mutex::new(LruCache::unbounded()),
            facts: Mutex::new(LruCache::new(MAX_FACTS)),
            downloads: RwLock::new(Arc::new(SilentDownload)),
            remote_inference: AtomicBool::new(false),
        }
    }
}

impl ModelRegistry {
    /// The limits of requests.
    pub fn limits(&self) -> RuntimeLimits {
        *self
            .limits
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Replaces the limits of requests. Drops loaded models, since the new
    /// limits may rule them out; running queries keep theirs.
    pub fn set_limits(&self, limits: RuntimeLimits) {
        *self
            .limits
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = limits;
        lock(&self.facts).clear();
        lock(&self.encoders).clear();
    }

    /// Allows a model by name or folder, regardless of the limits.
    pub fn allow_model(&self, name: String) {
        let mut allowed = self
            .allowed
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        allowed.push(name);
    }

    /// Declares that other processes run the models: planning then does not
    /// require the devices and the library of this machine.
    pub fn set_remote_inference(&self) {
        self.remote_inference.store(true, Relaxed);
    }

    /// Sets the receiver of download progress; there is none by default.
    pub fn set_download_progress(&self, progress: Arc<dyn DownloadProgress + Send + Sync>) {
        *self
            .downloads
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = progress;
    }

    /// Every model in memory.
    pub fn loaded(&self) -> Vec<Arc<Encoder>> {
        let slots: Vec<_> = lock(&self.encoders)
            .iter()
            .map(|(_, slot)| slot.clone())
            .collect();
        // A locked slot is being loaded. Waiting would block the progress line.
        slots
            .iter()
            .filter_map(|slot| slot.try_lock()?.clone())
            .collect()
    }

    /// Checks that the model can be used, and returns the facts for planning.
    /// Loads the model only if a GPU may run it, or if `auto` precision requires
    /// a quantization check.
    ///
    /// # Errors
    /// [`Error::Setup`] for a missing model or library; [`Error::Forbidden`] for
    /// a model that the [limits](Self::limits) do not allow;
    /// [`Error::Interrupted`].
    ///
    /// [`Error::Setup`]: crate::Error::Setup
    /// [`Error::Forbidden`]: crate::Error::Forbidden
    /// [`Error::Interrupted`]: crate::Error::Interrupted
    pub fn facts(&self, options: &ModelOptions, cancellation: &Cancellation) -> Result<ModelFacts> {
        self.drop_lost(options);
        if let Some(facts) = lock(&self.facts).get(options) {
            return Ok(facts.clone());
        }
        let facts = self.find_facts(options, cancellation)?;
        lock(&self.facts).put(options.clone(), facts.clone());
        Ok(facts)
    }

    /// The location of the model, if the limits allow it.
    fn locate(&self, options: &ModelOptions) -> Result<ModelLocation> {
        let folder = options.model_dir.as_deref();
        let mut limits = self.limits();
        let allowed = self
            .allowed
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        limits.model_paths |= allowed.contains(&options.model);
        Ok(locate_within(&options.model, folder, &limits)?)
    }

    fn find_facts(
        &self,
        options: &ModelOptions,
        cancellation: &Cancellation,
    ) -> Result<ModelFacts> {
        cancellation.check()?;
        let location = self.locate(options)?;
        // With remote inference, the devices and library of this machine do not matter.
        let remote_precision = match options.precision {
            PrecisionSetting::Exactly(precision) if self.remote_inference.load(Relaxed) => {
                Some(precision)
            }
            _ => None,
        };
        if remote_precision.is_none() && options.device.is_accelerator() {
            // Only opening a session shows whether a GPU works, and a named device
            // must fail before any row is read.
            self.encoder(options, cancellation)?.warm_up()?;
        }
        if remote_precision.is_none() && location.source != ModelSource::Deterministic {
            check_environment(options.onnxruntime.as_deref())?;
        }
        let facts = |dims, pooling: String, precision: &str| ModelFacts {
            name: location.name.clone(),
            revision: location.revision.clone(),
            dims,
            pooling,
            precision: precision.to_string(),
        };
        if location.source == ModelSource::Deterministic {
            return Ok(facts(DETERMINISTIC_DIMS, "mean".to_string(), "fp32"));
        }
        if let (ModelSource::Hub(_), Some(entry), PrecisionSetting::Exactly(precision)) =
            (&location.source, location.entry, options.precision)
        {
            // The catalogue has all facts, so the model need not be downloaded.
            return Ok(facts(
                entry.dims,
                entry.pooling.to_string(),
                precision.name(),
            ));
        }
        let folder = self.fetch(&location, cancellation)?;
        let spec = ModelSpec::read(&folder, location.entry)?;
        let (dims, pooling) = (spec.dims, spec.pooling.to_string());
        let expected = match remote_precision {
            Some(precision) => Some(precision),
            None => ModelLoader::new(folder, spec, options).expected_precision(cancellation)?,
        };
        let precision = match expected {
            Some(precision) => precision.name(),
            None => self.encoder(options, cancellation)?.resolve_precision()?,
        };
        Ok(facts(dims, pooling, precision))
    }

    fn fetch(&self, location: &ModelLocation, cancellation: &Cancellation) -> Result<PathBuf> {
        let progress = self
            .downloads
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone();
        let progress = CancellableDownload {
            progress: progress.as_ref(),
            cancellation,
        };
        let max_bytes = self.limits().max_download_bytes;
        Ok(fetch(location, max_bytes, &progress)?)
    }

    /// The model of `options`, loaded on first use and shared while it is among
    /// the [`max_models`](RuntimeLimits::max_models) most recently used ones.
    ///
    /// # Errors
    /// [`Error::Setup`] for missing or damaged parts; [`Error::Forbidden`] for a
    /// model that the [limits](Self::limits) rule out; [`Error::Interrupted`].
    ///
    /// [`Error::Setup`]: crate::Error::Setup
    /// [`Error::Forbidden`]: crate::Error::Forbidden
    /// [`Error::Interrupted`]: crate::Error::Interrupted
    pub fn encoder(
        &self,
        options: &ModelOptions,
        cancellation: &Cancellation,
    ) -> Result<Arc<Encoder>> {
        cancellation.check()?;
        self.drop_lost(options);
        let slot = self.slot(options);
        // Only requests for the same model wait here.
        let mut loaded = cancellation.lock(&slot)?;
        if let Some(encoder) = loaded.as_ref() {
            return Ok(encoder.clone());
        }
        match self.load(options, cancellation) {
            Ok(encoder) => {
                let encoder = Arc::new(encoder);
                *loaded = Some(Arc::clone(&encoder));
                self.store_slot(options, &slot);
                Ok(encoder)
            }
            Err(error) => {
                self.remove_slot(options, &slot);
                Err(error)
            }
        }
    }

    /// Stores the slot of a loaded model, and evicts the least recently used
    /// models beyond the limit. A model that cannot be loaded evicts none.
    fn store_slot(&self, options: &ModelOptions, slot: &EncoderSlot) {
        let max_models = self.limits().max_models.max(1);
        let mut evicted = Vec::new();
        let mut encoders = lock(&self.encoders);
        encoders.put(options.clone(), Arc::clone(slot));
        while encoders.len() > max_models {
            evicted.extend(encoders.pop_lru());
        }
        // Closing a session takes time, so the lock is released first.
        drop(encoders);
        drop(evicted);
    }

    /// Drops a model whose device was lost, with its facts: `auto` may choose another
    /// device now. Running queries keep it.
    fn drop_lost(&self, options: &ModelOptions) {
        let Some(slot) = lock(&self.encoders).peek(options).cloned() else {
            return;
        };
        // A locked slot is being loaded.
        let encoder = slot.try_lock().and_then(|loaded| loaded.clone());
        if encoder.is_some_and(|encoder| encoder.is_lost()) {
            self.remove_slot(options, &slot);
            lock(&self.facts).pop(options);
        }
    }

    /// Removes a slot, unless another request has replaced it.
    fn remove_slot(&self, options: &ModelOptions, slot: &EncoderSlot) {
        let mut encoders = lock(&self.encoders);
        let stored = encoders.peek(options);
        if stored.is_some_and(|stored| Arc::ptr_eq(stored, slot)) {
            encoders.pop(options);
        }
    }

    fn slot(&self, options: &ModelOptions) -> EncoderSlot {
        let mut encoders = lock(&self.encoders);
        Arc::clone(encoders.get_or_insert_ref(options, EncoderSlot::default))
    }

    fn load(&self, options: &ModelOptions, cancellation: &Cancellation) -> Result<Encoder> {
        let location = self.locate(options)?;
        if location.source == ModelSource::Deterministic {
            return Ok(Encoder::new(
                identity(&location),
                DETERMINISTIC_DIMS,
                None,
                Tokenizer::words(),
                Box::new(|| Ok(Box::new(DeterministicBackend) as Box<dyn Backend>)),
            ));
        }
        let folder = self.fetch(&location, cancellation)?;
        cancellation.check()?;
        let spec = ModelSpec::read(&folder, location.entry)?;
        let tokenizer = spec.open_tokenizer(&folder)?;
        let loader = ModelLoader::new(folder, spec.clone(), options);
        let identity = Identity {
            variant: format!("{spec:?}|{}", loader.weights_identity()?),
            ..identity(&location)
        };
        Ok(Encoder::new(
            identity,
            spec.dims,
            Some(spec),
            tokenizer,
            Box::new(loader),
        ))
    }
}

fn identity(location: &ModelLocation) -> Identity {
    Identity {
        name: location.name.clone(),
        revision: location.revision.clone(),
        variant: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::error::Error;
    use crate::models::DETERMINISTIC;

    /// Options of a model that differ by `threads`.
    fn options(threads: usize) -> ModelOptions {
        ModelOptions {
            threads,
            ..named(DETERMINISTIC)
        }
    }

    fn named(model: &str) -> ModelOptions {
        ModelOptions {
            model: model.to_string(),
            ..ModelOptions::default()
        }
    }

    fn limited(limits: RuntimeLimits) -> ModelRegistry {
        let registry = ModelRegistry::default();
        registry.set_limits(limits);
        assert_eq!(registry.limits(), limits);
        registry
    }

    fn two_models() -> ModelRegistry {
        limited(RuntimeLimits {
            max_models: 2,
            ..RuntimeLimits::default()
        })
    }

    #[test]
    fn an_allowed_model_bypasses_the_limits() {
        let registry = limited(RuntimeLimits {
            model_paths: false,
            ..RuntimeLimits::default()
        });
        let folder = tempfile::tempdir().unwrap();
        let options = named(&folder.path().display().to_string());
        let refused = registry
            .facts(&options, &Cancellation::never())
            .unwrap_err();
        assert!(matches!(refused, Error::Forbidden(_)), "{refused:?}");
        registry.allow_model(options.model.clone());
        let empty = registry
            .facts(&options, &Cancellation::never())
            .unwrap_err();
        assert!(matches!(empty, Error::Setup(_)), "{empty:?}");
    }

    #[test]
    fn the_least_recently_used_model_is_evicted() {
        let registry = two_models();
        let load = |threads| {
            registry
                .encoder(&options(threads), &Cancellation::never())
                .unwrap()
        };
        let (one, two) = (load(1), load(2));
        assert!(Arc::ptr_eq(&one, &load(1)));
        let three = load(3);
        assert_eq!(registry.loaded().len(), 2);
        assert!(Arc::ptr_eq(&one, &load(1)));
        assert!(Arc::ptr_eq(&three, &load(3)));
        assert!(!Arc::ptr_eq(&two, &load(2)), "two was evicted");
    }

    #[test]
    fn a_model_that_cannot_be_loaded_evicts_none() {
        let registry = two_models();
        let loaded = [1, 2].map(|threads| {
            registry
                .encoder(&options(threads), &Cancellation::never())
                .unwrap()
        });
        for number in 0..4 {
            let missing = named(&format!("./none-{number}"));
            assert!(registry.encoder(&missing, &Cancellation::never()).is_err());
        }
        assert_eq!(lock(&registry.encoders).len(), 2);
        for (threads, encoder) in [1, 2].into_iter().zip(&loaded) {
            let again = registry
                .encoder(&options(threads), &Cancellation::never())
                .unwrap();
            assert!(Arc::ptr_eq(encoder, &again));
        }
    }

    #[test]
    fn the_numbers_of_models_and_facts_are_limited() {
        let registry = ModelRegistry::default();
        for threads in 1..=MAX_FACTS.get() + 10 {
            registry
                .facts(&options(threads), &Cancellation::never())
                .unwrap();
            registry
                .encoder(&options(threads), &Cancellation::never())
                .unwrap();
        }
        assert_eq!(lock(&registry.facts).len(), MAX_FACTS.get());
        assert_eq!(registry.loaded().len(), registry.limits().max_models);
    }

    #[test]
    fn models_beyond_the_limits_are_forbidden() {
        let registry = limited(RuntimeLimits {
            downloads: false,
            model_paths: false,
            ..RuntimeLimits::default()
        });
        for model in ["semql-tests/not-there", "/semql-tests", "../semql-tests"] {
            let refusals = [
                registry.facts(&named(model), &Cancellation::never()).err(),
                registry
                    .encoder(&named(model), &Cancellation::never())
                    .err(),
            ];
            for refusal in refusals {
                assert!(
                    matches!(&refusal, Some(Error::Forbidden(why)) if why.contains(model)),
                    "{refusal:?}"
                );
            }
        }
        assert!(registry.facts(&options(0), &Cancellation::never()).is_ok());
    }

    #[test]
    fn new_limits_apply_to_loaded_models() {
        let registry = ModelRegistry::default();
        registry
            .encoder(&options(1), &Cancellation::never())
            .unwrap();
        registry.set_limits(RuntimeLimits::default());
        assert!(registry.loaded().is_empty());
    }

    #[test]
    fn cancellation_ends_planning_loading_and_downloads() {
        let (registry, token) = (ModelRegistry::default(), CancellationToken::new());
        let cancellation = Cancellation::new(&token, &CancellationToken::new());
        let download = CancellableDownload {
            progress: &SilentDownload,
            cancellation: &cancellation,
        };
        assert!(!download.cancelled());
        token.cancel();
        assert!(download.cancelled());
        let facts = registry.facts(&options(1), &cancellation);
        assert_eq!(facts, Err(Error::Interrupted));
        let encoder = registry.encoder(&options(1), &cancellation);
        assert_eq!(encoder.err(), Some(Error::Interrupted));
        assert!(registry.facts(&options(1), &Cancellation::never()).is_ok());
        assert!(
            registry
                .encoder(&options(1), &Cancellation::never())
                .is_ok()
        );
    }
}
