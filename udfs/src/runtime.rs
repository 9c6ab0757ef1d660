//! What the sessions of a process share: loaded models, taxonomies, counters.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, Weak};

use parking_lot::{FairMutex, FairMutexGuard};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::backend::{Backend, Deterministic, Device, check_environment};
use crate::error::{Error, Result};
use crate::index::Opened;
use crate::inference::cache::{Cache, Limits, Setting as CacheSetting};
use crate::inference::{Classifier, Encoder, Identity, Metered, Rate, Run};
use crate::limits::RuntimeLimits;
use crate::loading::Plan;
use crate::lru::LruMap;
use crate::models::hub::DownloadProgress;
use crate::models::{
    Location, ModelSpec, Source, Tokenizer, WantedPrecision, fetch, locate_within,
};
use crate::options::Settings;
use crate::progress::{Counters, Progress, Queued};
use crate::taxonomy::Taxonomy;
use crate::trained::Registry;
use crate::waiting::Cancellation;

/// Dimensions of the deterministic backend.
const DETERMINISTIC_DIMS: usize = 16;

/// Loaded models, taxonomies and counters behind the AI functions of one or
/// more sessions.
pub struct Runtime {
    limits: RwLock<RuntimeLimits>,
    /// Names of models that the program itself has chosen.
    chosen: RwLock<Vec<String>>,
    encoders: Mutex<LruMap<EncoderKey, Slot>>,
    facts: Mutex<LruMap<EncoderKey, ModelFacts>>,
    classifiers: Mutex<HashMap<String, Arc<Classifier>>>,
    taxonomies: RwLock<BTreeMap<String, Arc<Taxonomy>>>,
    counters: Arc<Counters>,
    /// Cancelled and replaced by the next interrupt.
    interrupt: Mutex<CancellationToken>,
    /// Those who wait get it in the order in which they came.
    turn: FairMutex<()>,
    recent: Mutex<Weak<Cache>>,
    caches: Mutex<LruMap<CacheKey, Arc<Cache>>>,
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

/// Models whose facts are kept.
const MAX_FACTS: usize = 256;

/// Caches that stay open when no query uses them.
const MAX_CACHES: usize = 8;

/// The place of one model, empty until it is loaded. Those who want the same
/// model wait for each other, those who want another do not.
type Slot = Arc<parking_lot::Mutex<Option<Arc<Encoder>>>>;

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

/// Progress of a download that cancellation ends, too.
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
            limits: RwLock::default(),
            chosen: RwLock::default(),
            encoders: Mutex::default(),
            facts: Mutex::default(),
            classifiers: Mutex::default(),
            taxonomies: RwLock::default(),
            counters: Arc::default(),
            interrupt: Mutex::default(),
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

    /// The limits of its sessions.
    pub fn limits(&self) -> RuntimeLimits {
        *self.limits.read().unwrap_or_else(|dead| dead.into_inner())
    }

    /// Replaces the limits of its sessions. Loaded models are dropped, since the
    /// new limits may rule them out; queries that run keep theirs.
    pub fn set_limits(&self, limits: RuntimeLimits) {
        *self.limits.write().unwrap_or_else(|dead| dead.into_inner()) = limits;
        lock(&self.facts).clear();
        lock(&self.encoders).clear();
    }

    /// Allows a model by its name, a folder's too, whatever the limits are: one
    /// that the program itself has chosen for its sessions.
    pub fn allow_model(&self, name: String) {
        let mut chosen = self.chosen.write().unwrap_or_else(|dead| dead.into_inner());
        chosen.push(name);
    }

    /// Makes every request that is under way end with
    /// [`Error::Interrupted`] after its current batch.
    pub fn interrupt(&self) {
        let interrupted = std::mem::take(&mut *lock(&self.interrupt));
        interrupted.cancel();
    }

    /// Cancellation of work that begins now, by `options` or by
    /// [`interrupt`](Self::interrupt).
    pub(crate) fn cancellation(&self, options: &CancellationToken) -> Cancellation {
        Cancellation::new(options, &lock(&self.interrupt))
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
        let evicted = caches.shrink_to(MAX_CACHES);
        drop(caches);
        evicted.iter().flat_map(warnings).for_each(|w| self.note(w));
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
        let mut notes = std::mem::take(&mut *lock(&self.notes));
        notes.extend(caches.iter().flat_map(warnings));
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
            .filter_map(|slot| slot.try_lock()?.clone())
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
    /// on this machine; [`Error::Forbidden`] for a model that the
    /// [limits](Self::limits) rule out.
    pub fn facts(&self, settings: &Settings) -> Result<ModelFacts> {
        self.facts_with_cancel(settings, &CancellationToken::new())
    }

    /// The same, and ends once `cancel` is cancelled.
    ///
    /// # Errors
    /// Those of [`facts`](Self::facts); [`Error::Interrupted`].
    pub fn facts_with_cancel(
        &self,
        settings: &Settings,
        cancel: &CancellationToken,
    ) -> Result<ModelFacts> {
        let key = EncoderKey::of(settings);
        if let Some(facts) = lock(&self.facts).get(&key) {
            return Ok(facts.clone());
        }
        let facts = self.find_facts(settings, cancel)?;
        let mut known = lock(&self.facts);
        known.insert(key, facts.clone());
        known.shrink_to(MAX_FACTS);
        Ok(facts)
    }

    /// The model of `settings`, if the limits allow it.
    fn locate(&self, settings: &Settings) -> Result<Location> {
        let folder = settings.model_dir.as_deref();
        let mut limits = self.limits();
        let chosen = self.chosen.read().unwrap_or_else(|dead| dead.into_inner());
        limits.model_paths |= chosen.contains(&settings.model);
        Ok(locate_within(&settings.model, folder, &limits)?)
    }

    fn find_facts(&self, settings: &Settings, cancel: &CancellationToken) -> Result<ModelFacts> {
        let cancellation = self.cancellation(cancel);
        cancellation.check()?;
        let location = self.locate(settings)?;
        // Another process has devices and a library of its own.
        let exactly = match settings.precision {
            WantedPrecision::Exactly(precision) if self.elsewhere.load(Relaxed) => Some(precision),
            _ => None,
        };
        if exactly.is_none() && matches!(settings.device, Device::Cuda(_) | Device::TensorRt(_)) {
            // Whether a GPU serves shows only when a session is opened on it,
            // and who asks for one by name is to know before a row is read.
            self.encoder_with_cancel(settings, cancel)?.warm_up()?;
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
        let folder = self.fetch(&location, &cancellation)?;
        let spec = ModelSpec::read(&folder, location.entry)?;
        let (dims, pooling) = (spec.dims, spec.pooling.to_string());
        let foreseen = match exactly {
            Some(precision) => Some(precision),
            None => Plan::new(folder, spec, settings).foreseen(&cancellation)?,
        };
        let precision = match foreseen {
            Some(precision) => precision.name(),
            None => self
                .encoder_with_cancel(settings, cancel)?
                .sure_precision()?,
        };
        Ok(facts(dims, pooling, precision))
    }

    fn fetch(&self, location: &Location, cancellation: &Cancellation) -> Result<PathBuf> {
        let progress = self
            .downloads
            .read()
            .unwrap_or_else(|dead| dead.into_inner())
            .clone();
        let progress = CancellableDownload {
            progress: progress.as_ref(),
            cancellation,
        };
        let max_bytes = self.limits().max_download_bytes;
        Ok(fetch(location, max_bytes, &progress)?)
    }

    /// The model of `settings`, loaded once and shared as long as it is one of
    /// the [`max_models`](RuntimeLimits::max_models) that were used last.
    ///
    /// # Errors
    /// [`Error::Setup`] for anything missing or damaged; [`Error::Forbidden`]
    /// for a model that the [limits](Self::limits) rule out.
    pub fn encoder(&self, settings: &Settings) -> Result<Arc<Encoder>> {
        self.encoder_with_cancel(settings, &CancellationToken::new())
    }

    /// The same, and ends once `cancel` is cancelled.
    ///
    /// # Errors
    /// Those of [`encoder`](Self::encoder); [`Error::Interrupted`].
    pub fn encoder_with_cancel(
        &self,
        settings: &Settings,
        cancel: &CancellationToken,
    ) -> Result<Arc<Encoder>> {
        let cancellation = self.cancellation(cancel);
        cancellation.check()?;
        let key = EncoderKey::of(settings);
        let slot = self.slot(&key);
        // Only those who want the same model wait for it.
        let mut place = cancellation.lock(&slot)?;
        if let Some(encoder) = place.as_ref() {
            return Ok(encoder.clone());
        }
        match self.load(settings, &cancellation) {
            Ok(encoder) => {
                let encoder = Arc::new(encoder);
                *place = Some(Arc::clone(&encoder));
                self.keep_slot(key, &slot);
                Ok(encoder)
            }
            Err(error) => {
                lock(&self.encoders).remove_if(&key, |own| Arc::ptr_eq(own, &slot));
                Err(error)
            }
        }
    }

    /// Keeps a slot whose model is loaded, and evicts the models that are too
    /// many. A model that cannot be loaded never gets here, and evicts none.
    fn keep_slot(&self, key: EncoderKey, slot: &Slot) {
        let max_models = self.limits().max_models.max(1);
        let mut encoders = lock(&self.encoders);
        encoders.insert(key, Arc::clone(slot));
        let evicted = encoders.shrink_to(max_models);
        // Closing a session takes time, and is done after the lock is released.
        drop(encoders);
        drop(evicted);
    }

    fn slot(&self, key: &EncoderKey) -> Slot {
        let mut encoders = lock(&self.encoders);
        if let Some(slot) = encoders.get(key) {
            return Arc::clone(slot);
        }
        let slot = Slot::default();
        encoders.insert(key.clone(), Arc::clone(&slot));
        slot
    }

    fn load(&self, settings: &Settings, cancellation: &Cancellation) -> Result<Encoder> {
        let location = self.locate(settings)?;
        if location.source == Source::Deterministic {
            return Ok(Encoder::new(
                identity(&location),
                DETERMINISTIC_DIMS,
                None,
                Tokenizer::words(),
                Box::new(|| Ok(Box::new(Deterministic) as Box<dyn Backend>)),
            ));
        }
        let folder = self.fetch(&location, cancellation)?;
        cancellation.check()?;
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
        // Not the address of the encoder: after an eviction, another model may
        // be loaded there.
        let key = format!("{}|{taxonomy:?}", encoder.fingerprint()?);
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

/// Warnings of a cache that no query has taken yet.
fn warnings(cache: &Arc<Cache>) -> impl Iterator<Item = String> + use<> {
    let cache = Arc::clone(cache);
    std::iter::from_fn(move || cache.take_warning())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::Reading;
    use crate::models::DETERMINISTIC;

    /// A model that differs from those of other values of `threads`.
    fn settings(threads: usize) -> Settings {
        Settings {
            threads,
            ..named(DETERMINISTIC)
        }
    }

    fn named(model: &str) -> Settings {
        Settings {
            model: model.to_string(),
            ..Settings::default()
        }
    }

    #[test]
    fn a_model_that_the_program_has_chosen_is_allowed() {
        let runtime = limited(RuntimeLimits {
            model_paths: false,
            ..RuntimeLimits::default()
        });
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            model: folder.path().display().to_string(),
            ..Settings::default()
        };
        let refused = runtime.facts(&settings).unwrap_err();
        assert!(matches!(refused, Error::Forbidden(_)), "{refused:?}");
        runtime.allow_model(settings.model.clone());
        let empty = runtime.facts(&settings).unwrap_err();
        assert!(matches!(empty, Error::Setup(_)), "{empty:?}");
    }

    fn limited(limits: RuntimeLimits) -> Arc<Runtime> {
        let runtime = Arc::new(Runtime::new());
        runtime.set_limits(limits);
        assert_eq!(runtime.limits(), limits);
        runtime
    }

    fn two_models() -> Arc<Runtime> {
        limited(RuntimeLimits {
            max_models: 2,
            ..RuntimeLimits::default()
        })
    }

    #[test]
    fn the_least_recently_used_model_is_evicted() {
        let runtime = two_models();
        let load = |threads| runtime.encoder(&settings(threads)).unwrap();
        let (one, two) = (load(1), load(2));
        assert!(Arc::ptr_eq(&one, &load(1)));
        let three = load(3);
        assert_eq!(runtime.loaded().len(), 2);
        assert!(Arc::ptr_eq(&one, &load(1)));
        assert!(Arc::ptr_eq(&three, &load(3)));
        assert!(!Arc::ptr_eq(&two, &load(2)), "two was evicted");

        let run = Run::new(&runtime, &settings(2)).unwrap();
        let texts: [Reading<'_>; 1] = [Some("an evicted model works while it is held".into())];
        assert!(two.encode(&texts, &run).unwrap().get(0).is_some());
    }

    #[test]
    fn a_model_that_cannot_be_loaded_evicts_none() {
        let runtime = two_models();
        let loaded = [1, 2].map(|threads| runtime.encoder(&settings(threads)).unwrap());
        for number in 0..4 {
            assert!(
                runtime
                    .encoder(&named(&format!("./none-{number}")))
                    .is_err()
            );
        }
        assert_eq!(lock(&runtime.encoders).values().count(), 2);
        for (threads, encoder) in [1, 2].into_iter().zip(&loaded) {
            let again = runtime.encoder(&settings(threads)).unwrap();
            assert!(Arc::ptr_eq(encoder, &again));
        }
    }

    #[test]
    fn models_facts_and_caches_do_not_pile_up() {
        let runtime = Runtime::new();
        for at in 1..=MAX_FACTS + 10 {
            let settings = Settings {
                cache: CacheSetting::Memory,
                cache_size: Some(at),
                ..settings(at)
            };
            runtime.facts(&settings).unwrap();
            runtime.encoder(&settings).unwrap();
            assert!(runtime.cache(&settings).unwrap().is_some());
        }
        assert_eq!(lock(&runtime.facts).values().count(), MAX_FACTS);
        assert_eq!(runtime.loaded().len(), runtime.limits().max_models);
        assert_eq!(lock(&runtime.caches).values().count(), MAX_CACHES);
    }

    #[test]
    fn an_evicted_model_keeps_its_label_sets() {
        let runtime = two_models();
        let run = Run::new(&runtime, &settings(1)).unwrap();
        let taxonomy = Taxonomy::from_labels(&["shirt".to_string(), "laptop".to_string()]);
        let classifier = |threads| {
            let encoder = runtime.encoder(&settings(threads)).unwrap();
            runtime.classifier(&taxonomy, &encoder, &run).unwrap()
        };
        let first = classifier(1);
        for threads in 2..5 {
            runtime.encoder(&settings(threads)).unwrap();
        }
        assert!(Arc::ptr_eq(&first, &classifier(1)));
    }

    #[test]
    fn what_the_limits_rule_out_is_refused_with_its_type() {
        let runtime = limited(RuntimeLimits {
            downloads: false,
            model_paths: false,
            ..RuntimeLimits::default()
        });
        for model in ["semql-tests/not-there", "/semql-tests", "../semql-tests"] {
            let refusals = [
                runtime.facts(&named(model)).err(),
                runtime.encoder(&named(model)).err(),
            ];
            for refusal in refusals {
                assert!(
                    matches!(&refusal, Some(Error::Forbidden(why)) if why.contains(model)),
                    "{refusal:?}"
                );
            }
        }
        assert!(runtime.facts(&settings(0)).is_ok());
    }

    #[test]
    fn new_limits_apply_to_what_is_loaded() {
        let runtime = Runtime::new();
        runtime.encoder(&settings(1)).unwrap();
        runtime.set_limits(RuntimeLimits::default());
        assert!(runtime.loaded().is_empty());
    }

    #[test]
    fn a_cancelled_token_ends_planning_and_loading() {
        let (runtime, cancel) = (Runtime::new(), CancellationToken::new());
        cancel.cancel();
        let facts = runtime.facts_with_cancel(&settings(1), &cancel);
        assert_eq!(facts, Err(Error::Interrupted));
        let encoder = runtime.encoder_with_cancel(&settings(1), &cancel);
        assert_eq!(encoder.err(), Some(Error::Interrupted));
        assert!(runtime.facts(&settings(1)).is_ok());
        assert!(runtime.encoder(&settings(1)).is_ok());
    }

    #[test]
    fn an_interrupt_ends_the_work_that_is_under_way() {
        let runtime = Runtime::new();
        let before = runtime.cancellation(&CancellationToken::new());
        assert_eq!(before.check(), Ok(()));
        runtime.interrupt();
        assert_eq!(before.check(), Err(Error::Interrupted));
        let after = runtime.cancellation(&CancellationToken::new());
        assert_eq!(after.check(), Ok(()));
    }

    #[test]
    fn cancellation_reaches_a_download() {
        let cancel = CancellationToken::new();
        let cancellation = Runtime::new().cancellation(&cancel);
        let download = CancellableDownload {
            progress: &Silent,
            cancellation: &cancellation,
        };
        assert!(!download.cancelled());
        cancel.cancel();
        assert!(download.cancelled());
    }
}
