//! What the sessions of a process share: loaded models, taxonomies, counters.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, Weak};

use parking_lot::{FairMutex, FairMutexGuard};
use serde::{Deserialize, Serialize};

use crate::backend::{Backend, Deterministic, Device, check_environment};
use crate::error::{Error, Result};
use crate::index::Opened;
use crate::inference::cache::{Cache, Limits, Setting as CacheSetting};
use crate::inference::{Classifier, Encoder, Identity, Metered, Rate, Run};
use crate::loading::Plan;
use crate::models::hub::DownloadProgress;
use crate::models::{Location, ModelSpec, Source, Tokenizer, WantedPrecision, fetch, locate};
use crate::options::Settings;
use crate::progress::{Counters, Progress, Queued, Watched};
use crate::taxonomy::Taxonomy;
use crate::trained::Registry;

/// Dimensions of the deterministic backend.
const DETERMINISTIC_DIMS: usize = 16;

/// Loaded models, taxonomies and counters behind the AI functions of one or
/// more sessions.
pub struct Runtime {
    encoders: Mutex<HashMap<EncoderKey, Slot>>,
    facts: Mutex<HashMap<EncoderKey, ModelFacts>>,
    classifiers: Mutex<HashMap<String, Arc<Classifier>>>,
    taxonomies: RwLock<BTreeMap<String, Arc<Taxonomy>>>,
    counters: Arc<Counters>,
    interrupts: AtomicU64,
    /// Those who wait get it in the order in which they came.
    turn: FairMutex<()>,
    recent: Mutex<Weak<Cache>>,
    caches: Mutex<HashMap<CacheKey, Arc<Cache>>>,
    downloads: RwLock<Arc<dyn DownloadProgress + Send + Sync>>,
    notes: Mutex<Vec<String>>,
    trained: Registry,
    elsewhere: AtomicBool,
    indexes: Opened,
}

/// Memory for the vectors of the queries that are under way.
const RECENT_BYTES: usize = 256 << 20;

/// The settings that make one cache differ from another.
type CacheKey = (String, Option<usize>);

/// Classifiers kept in memory.
const KEPT_CLASSIFIERS: usize = 64;

/// The place of one model, empty until it is loaded. Those who want the same
/// model wait for each other, those who want another do not.
type Slot = Arc<Mutex<Option<Arc<Encoder>>>>;

/// The settings that make one loaded model differ from another.
#[derive(Clone, PartialEq, Eq, Hash)]
struct EncoderKey {
    model: String,
    device: Device,
    precision: WantedPrecision,
    device_memory: Option<usize>,
    threads: usize,
    onnxruntime: Option<PathBuf>,
    model_dir: Option<PathBuf>,
}

impl EncoderKey {
    fn of(settings: &Settings) -> Self {
        Self {
            model: settings.model.clone(),
            device: settings.device,
            precision: settings.precision,
            device_memory: settings.device_memory,
            threads: settings.threads,
            onnxruntime: settings.onnxruntime.clone(),
            model_dir: settings.model_dir.clone(),
        }
    }
}

/// What planning needs to know of a model, without loading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFacts {
    pub name: String,
    pub revision: String,
    /// Values in one vector.
    pub dims: usize,
    pub pooling: String,
    /// What its vectors are computed in: `fp32`, `int8` or `fp16`.
    pub precision: String,
}

struct Silent;

impl DownloadProgress for Silent {
    fn start(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn finish(&self) {}
}

impl Default for Runtime {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("progress", &self.progress())
            .finish_non_exhaustive()
    }
}

/// A lock whose holder died is still good here: everything behind these locks
/// is put in place in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|dead| dead.into_inner())
}

impl Runtime {
    /// A runtime with the built-in taxonomy and no model loaded.
    pub fn new() -> Self {
        let runtime = Self {
            encoders: Mutex::default(),
            facts: Mutex::default(),
            classifiers: Mutex::default(),
            taxonomies: RwLock::default(),
            counters: Arc::default(),
            interrupts: AtomicU64::new(0),
            turn: FairMutex::new(()),
            recent: Mutex::default(),
            caches: Mutex::default(),
            downloads: RwLock::new(Arc::new(Silent)),
            notes: Mutex::default(),
            trained: Registry::default(),
            elsewhere: AtomicBool::new(false),
            indexes: Opened::default(),
        };
        if let Ok(taxonomy) = Taxonomy::built_in() {
            runtime.set_taxonomy(taxonomy);
        }
        runtime
    }

    /// Makes every request that is under way end with
    /// [`Error::Interrupted`] after its current batch.
    pub fn interrupt(&self) {
        self.interrupts.fetch_add(1, Relaxed);
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.interrupts.load(Relaxed)
    }

    /// Watches work that begins now.
    pub(crate) fn watch(&self) -> Watched<'_> {
        Watched::new(&self.counters, &self.interrupts)
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Counts `texts` as waiting for the model.
    pub(crate) fn queue(&self, texts: u64) -> Queued {
        self.counters.queue(texts)
    }

    /// The vectors of the queries that are under way, for as long as somebody
    /// holds on to them: a text that two of them read, or two parts of one, is
    /// encoded once. They take `most_bytes` at most.
    pub(crate) fn recent(&self, most_bytes: usize) -> Arc<Cache> {
        let mut recent = lock(&self.recent);
        if let Some(cache) = recent.upgrade() {
            if cache.stats().limit > most_bytes as u64 {
                cache.set_memory_limit(most_bytes);
            }
            return cache;
        }
        let limits = Limits {
            memory: most_bytes.min(RECENT_BYTES),
            ..Limits::default()
        };
        let cache = Arc::new(Cache::memory(limits));
        *recent = Arc::downgrade(&cache);
        cache
    }

    /// The cache that `ai.cache` asks for; `None` where it is off.
    ///
    /// # Errors
    /// [`Error::Setup`] for a folder that cannot be used.
    pub fn cache(&self, settings: &Settings) -> Result<Option<Arc<Cache>>> {
        if settings.cache == CacheSetting::Off {
            return Ok(None);
        }
        let key = (settings.cache.to_string(), settings.cache_size);
        let mut caches = lock(&self.caches);
        if let Some(cache) = caches.get(&key) {
            return Ok(Some(Arc::clone(cache)));
        }
        let mut limits = Limits::default();
        if let Some(bytes) = settings.cache_size {
            limits.memory = bytes;
            limits.disk = bytes as u64;
        }
        let cache = Cache::open(&settings.cache, limits);
        let cache = Arc::new(cache.map_err(|e| Error::Setup(e.to_string()))?);
        caches.insert(key, Arc::clone(&cache));
        Ok(Some(cache))
    }

    /// The trained classifiers of this machine.
    pub fn trained(&self) -> &Registry {
        &self.trained
    }

    /// Says that the models of queries run in other processes: what is planned
    /// here then need not run on the devices of this machine.
    pub fn infer_elsewhere(&self) {
        self.elsewhere.store(true, Relaxed);
    }

    /// Counts what became of texts in other processes.
    pub fn count_elsewhere(&self, truncated: u64, failed: u64) {
        self.counters.truncated(truncated);
        self.counters.failed(failed);
    }

    /// The index files that searches have opened.
    pub(crate) fn indexes(&self) -> &Opened {
        &self.indexes
    }

    /// Keeps something that whoever asked the query should know.
    pub fn note(&self, note: String) {
        let mut notes = lock(&self.notes);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// What fast mode, indexes and the caches have to say to people, each thing once.
    pub fn take_notes(&self) -> Vec<String> {
        let caches: Vec<_> = lock(&self.caches).values().cloned().collect();
        let all_of = |cache: &Arc<Cache>| {
            std::iter::from_fn({
                let cache = Arc::clone(cache);
                move || cache.take_warning()
            })
        };
        let mut notes = std::mem::take(&mut *lock(&self.notes));
        notes.extend(caches.iter().flat_map(all_of));
        notes
    }

    /// How fast the model of `settings` was on this machine the last time.
    pub(crate) fn rate(&self, settings: &Settings) -> Option<Rate> {
        Rate::read(&form(settings))
    }

    /// Remembers how fast the model of `settings` was.
    pub(crate) fn learn_rate(&self, settings: &Settings, metered: &Metered) {
        if let Some(rate) = Rate::of(metered) {
            rate.keep(&form(settings));
        }
    }

    /// Held while one batch is in a model, so that queries share it batch by
    /// batch, however long they are.
    pub(crate) fn turn(&self) -> FairMutexGuard<'_, ()> {
        self.turn.lock()
    }

    /// How far its work is.
    pub fn progress(&self) -> Progress {
        self.counters.progress()
    }

    /// The device on which inference ran, and the model; `None` before the
    /// first text.
    pub fn device(&self) -> Option<String> {
        self.loaded()
            .into_iter()
            .find_map(|encoder| encoder.device())
    }

    /// Every model that is in memory.
    pub fn loaded(&self) -> Vec<Arc<Encoder>> {
        let slots: Vec<_> = lock(&self.encoders).values().cloned().collect();
        // A slot whose lock is taken is being loaded, and waiting for it here
        // would hold up a progress line.
        slots
            .iter()
            .filter_map(|slot| slot.try_lock().ok()?.clone())
            .collect()
    }

    /// Adds a taxonomy, or replaces the one of that name.
    pub fn set_taxonomy(&self, taxonomy: Taxonomy) {
        let mut all = self
            .taxonomies
            .write()
            .unwrap_or_else(|dead| dead.into_inner());
        all.insert(taxonomy.name.clone(), Arc::new(taxonomy));
    }

    /// All taxonomies, by name.
    pub fn taxonomies(&self) -> Vec<Arc<Taxonomy>> {
        let all = self
            .taxonomies
            .read()
            .unwrap_or_else(|dead| dead.into_inner());
        all.values().cloned().collect()
    }

    /// The taxonomy of that name.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming those there are.
    pub fn taxonomy(&self, name: &str) -> Result<Arc<Taxonomy>> {
        let all = self.taxonomies();
        all.iter()
            .find(|taxonomy| taxonomy.name == name)
            .cloned()
            .ok_or_else(|| {
                let names: Vec<&str> = all.iter().map(|taxonomy| taxonomy.name.as_str()).collect();
                Error::Invalid(format!(
                    "there is no taxonomy called '{name}' (ai.taxonomy); there are {}. \
                 More can be described in the data dictionary",
                    names.join(", ")
                ))
            })
    }

    /// Who is told of the hub's downloads; nobody by default.
    pub fn set_download_progress(&self, progress: Arc<dyn DownloadProgress + Send + Sync>) {
        *self
            .downloads
            .write()
            .unwrap_or_else(|dead| dead.into_inner()) = progress;
    }

    /// Checks that the model of `settings` can be used, and says what planning
    /// needs to know of it. Nothing is loaded, unless a GPU may serve, or the
    /// model is new here and `ai.precision = 'auto'` has to find out what 8
    /// bits are worth for it.
    ///
    /// # Errors
    /// [`Error::Setup`] for a model that is not found or a library that is not
    /// on this machine.
    pub fn facts(&self, settings: &Settings) -> Result<ModelFacts> {
        let key = EncoderKey::of(settings);
        if let Some(facts) = lock(&self.facts).get(&key) {
            return Ok(facts.clone());
        }
        let facts = self.find_facts(settings)?;
        lock(&self.facts).insert(key, facts.clone());
        Ok(facts)
    }

    fn find_facts(&self, settings: &Settings) -> Result<ModelFacts> {
        let location = locate(&settings.model, settings.model_dir.as_deref())?;
        // Another process has devices and a library of its own.
        let exactly = match settings.precision {
            WantedPrecision::Exactly(precision) if self.elsewhere.load(Relaxed) => Some(precision),
            _ => None,
        };
        if exactly.is_none() && matches!(settings.device, Device::Cuda(_) | Device::TensorRt(_)) {
            // Whether a GPU serves shows only when a session is opened on it,
            // and who asks for one by name is to know before a row is read.
            self.encoder(settings)?.warm_up()?;
        }
        if exactly.is_none() && location.source != Source::Deterministic {
            check_environment(settings.onnxruntime.as_deref())?;
        }
        let facts = |dims, pooling: String, precision: &str| ModelFacts {
            name: location.name.clone(),
            revision: location.revision.clone(),
            dims,
            pooling,
            precision: precision.to_string(),
        };
        if location.source == Source::Deterministic {
            return Ok(facts(DETERMINISTIC_DIMS, "mean".to_string(), "fp32"));
        }
        if let (Source::Hub(_), Some(entry), WantedPrecision::Exactly(precision)) =
            (&location.source, location.entry, settings.precision)
        {
            // The catalogue knows all there is to know before the download.
            return Ok(facts(
                entry.dims,
                entry.pooling.to_string(),
                precision.name(),
            ));
        }
        let folder = self.fetch(&location)?;
        let spec = ModelSpec::read(&folder, location.entry)?;
        let (dims, pooling) = (spec.dims, spec.pooling.to_string());
        let foreseen = match exactly {
            Some(precision) => Some(precision),
            None => Plan::new(folder, spec, settings).foreseen()?,
        };
        let precision = match foreseen {
            Some(precision) => precision.name(),
            None => self.encoder(settings)?.sure_precision()?,
        };
        Ok(facts(dims, pooling, precision))
    }

    fn fetch(&self, location: &Location) -> Result<PathBuf> {
        let progress = self
            .downloads
            .read()
            .unwrap_or_else(|dead| dead.into_inner())
            .clone();
        Ok(fetch(location, progress.as_ref())?)
    }

    /// The model of `settings`, loaded once and shared from then on.
    ///
    /// # Errors
    /// [`Error::Setup`] for anything missing or damaged.
    pub fn encoder(&self, settings: &Settings) -> Result<Arc<Encoder>> {
        let key = EncoderKey::of(settings);
        // Only those who want the same model wait for it.
        let slot = lock(&self.encoders).entry(key).or_default().clone();
        let mut slot = lock(&slot);
        if let Some(encoder) = slot.as_ref() {
            return Ok(encoder.clone());
        }
        let encoder = Arc::new(self.load(settings)?);
        *slot = Some(encoder.clone());
        Ok(encoder)
    }

    fn load(&self, settings: &Settings) -> Result<Encoder> {
        let location = locate(&settings.model, settings.model_dir.as_deref())?;
        if location.source == Source::Deterministic {
            return Ok(Encoder::new(
                identity(&location),
                DETERMINISTIC_DIMS,
                None,
                Tokenizer::words(),
                Box::new(|| Ok(Box::new(Deterministic) as Box<dyn Backend>)),
            ));
        }
        let folder = self.fetch(&location)?;
        let spec = ModelSpec::read(&folder, location.entry)?;
        let tokenizer = Tokenizer::open(&folder, &spec)?;
        let plan = Plan::new(folder, spec.clone(), settings);
        let identity = Identity {
            form: format!("{spec:?}|{}", plan.weights_identity()?),
            ..identity(&location)
        };
        Ok(Encoder::new(
            identity,
            spec.dims,
            Some(spec),
            tokenizer,
            Box::new(plan),
        ))
    }

    /// The labels of `taxonomy` as `encoder` sees them, worked out once.
    pub fn classifier(
        &self,
        taxonomy: &Taxonomy,
        encoder: &Arc<Encoder>,
        run: &Run,
    ) -> Result<Arc<Classifier>> {
        let key = format!("{:p}|{taxonomy:?}", Arc::as_ptr(encoder));
        if let Some(classifier) = lock(&self.classifiers).get(&key) {
            return Ok(classifier.clone());
        }
        let classifier = Arc::new(Classifier::new(taxonomy, encoder, run)?);
        let mut kept = lock(&self.classifiers);
        // Label lists written into many different calls must not pile up.
        if kept.len() >= KEPT_CLASSIFIERS {
            kept.clear();
        }
        kept.insert(key, classifier.clone());
        Ok(classifier)
    }
}

/// The settings that change a model's speed.
fn form(settings: &Settings) -> String {
    format!(
        "{} in {} on {} with {} threads",
        settings.model, settings.precision, settings.device, settings.threads
    )
}

fn identity(location: &Location) -> Identity {
    Identity {
        name: location.name.clone(),
        revision: location.revision.clone(),
        form: String::new(),
    }
}

/// Runs work that takes long on this thread, letting the other tasks of an
/// async runtime move to other threads meanwhile: signals and timers among them.
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
