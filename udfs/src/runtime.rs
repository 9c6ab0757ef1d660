//! Shared state of the sessions of a process: inference, taxonomies, trained
//! classifiers, open indexes.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, RwLock};

use semql_inference::cache::VectorCache;
use semql_inference::cancellation::Cancellation;
use semql_inference::classifier::Classifier;
use semql_inference::encoding::{EncodeContext, Encoder, MeterReading, Throughput};
use semql_inference::models::hub::DownloadProgress;
use semql_inference::progress::Progress;
use semql_inference::sync::lock;
use semql_inference::vector_index::IndexCache;
use semql_inference::{InferenceRuntime, ModelFacts, RuntimeLimits, Taxonomy};
use semql_language_models::{AnswerCache, LanguageModelRegistry};
use semql_learning::extraction::rules::{AttributeSet, RuleExtractor};
use semql_learning::trained_models::TrainedModelRegistry;
use tokio_util::sync::CancellationToken;

use crate::answer_caches::AnswerCaches;
use crate::attribute_sets::AttributeSets;
use crate::call_budgets::CallBudgets;
use crate::error::{Error, Result};
use crate::language_sample::LanguageSample;
use crate::per_query::PerQuery;
use crate::settings::Settings;

/// Maximum number of cached label sets.
const MAX_CLASSIFIERS: usize = 64;

/// Models, taxonomies and counters behind the AI functions of one or more
/// sessions.
#[derive(Default)]
pub struct Runtime {
    inference: Arc<InferenceRuntime>,
    classifiers: Mutex<HashMap<String, Arc<Classifier>>>,
    taxonomies: RwLock<BTreeMap<String, Arc<Taxonomy>>>,
    trained_models: TrainedModelRegistry,
    language_models: LanguageModelRegistry,
    attribute_sets: AttributeSets,
    answer_caches: AnswerCaches,
    call_budgets: CallBudgets,
    language_samples: PerQuery<LanguageSample>,
    indexes: IndexCache,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("progress", &self.progress())
            .finish_non_exhaustive()
    }
}

impl Runtime {
    /// A runtime with the built-in taxonomy and no model loaded.
    pub fn new() -> Self {
        let runtime = Self::default();
        if let Ok(taxonomy) = Taxonomy::built_in() {
            runtime.set_taxonomy(taxonomy);
        }
        if let Ok(set) = AttributeSet::built_in() {
            runtime.set_attribute_set(set);
        }
        runtime
    }

    /// Models, caches, counters and notices.
    pub fn inference(&self) -> &Arc<InferenceRuntime> {
        &self.inference
    }

    /// The limits of the sessions.
    pub fn limits(&self) -> RuntimeLimits {
        self.inference.models.limits()
    }

    /// Replaces the limits of the sessions. Drops loaded models, since the new
    /// limits may rule them out; running queries keep theirs.
    pub fn set_limits(&self, limits: RuntimeLimits) {
        self.inference.models.set_limits(limits);
    }

    /// Allows a model by name or folder regardless of the limits, for a model that the
    /// program itself selects.
    pub fn allow_model(&self, name: String) {
        self.inference.models.allow_model(name);
    }

    /// Ends every running request with [`Error::Interrupted`] after its current
    /// batch.
    pub fn interrupt(&self) {
        self.inference.interrupt();
    }

    /// Cancellation of work that starts now, by `token` or by
    /// [`interrupt`](Self::interrupt).
    pub(crate) fn cancellation(&self, token: &CancellationToken) -> Cancellation {
        self.inference.cancellation(token)
    }

    /// Cache of running queries; see [`CacheRegistry::recent`].
    ///
    /// [`CacheRegistry::recent`]: semql_inference::cache::CacheRegistry::recent
    pub(crate) fn recent(&self, max_bytes: usize) -> Arc<VectorCache> {
        self.inference.caches.recent(max_bytes)
    }

    /// The cache of `ai.cache`; `None` if it is off.
    ///
    /// # Errors
    /// [`Error::Setup`] for a folder that cannot be used.
    pub fn cache(&self, settings: &Settings) -> Result<Option<Arc<VectorCache>>> {
        let caches = &self.inference.caches;
        caches.get(&settings.cache, settings.cache_size)
    }

    /// The models of `CREATE MODEL` on this machine.
    pub fn trained_models(&self) -> &TrainedModelRegistry {
        &self.trained_models
    }

    /// The language models of the sessions.
    pub fn language_models(&self) -> &LanguageModelRegistry {
        &self.language_models
    }

    /// Adds an attribute set, or replaces the one of that name.
    pub fn set_attribute_set(&self, set: AttributeSet) {
        self.attribute_sets.set(set);
    }

    /// All attribute sets, by name.
    pub fn attribute_sets(&self) -> Vec<Arc<AttributeSet>> {
        self.attribute_sets.all()
    }

    /// The attribute set of that name.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the existing names.
    pub fn attribute_set(&self, name: &str) -> Result<Arc<AttributeSet>> {
        self.attribute_sets.get(name)
    }

    /// The rules of the attribute set of that name, compiled once.
    ///
    /// # Errors
    /// Those of [`attribute_set`](Self::attribute_set); an invalid set.
    pub fn rule_extractor(&self, name: &str) -> Result<Arc<RuleExtractor>> {
        self.attribute_sets.extractor(name)
    }

    /// The answers of language models that `ai.cache` keeps; `None` if it is off.
    ///
    /// # Errors
    /// [`Error::Setup`] for a folder that cannot be used.
    pub(crate) fn answer_cache(&self, settings: &Settings) -> Result<Option<Arc<AnswerCache>>> {
        self.answer_caches.get(&settings.cache)
    }

    /// The budgets of running queries.
    pub(crate) fn call_budgets(&self) -> &CallBudgets {
        &self.call_budgets
    }

    /// The samples of the texts that running queries send to English models.
    pub(crate) fn language_samples(&self) -> &PerQuery<LanguageSample> {
        &self.language_samples
    }

    /// Declares that other processes run the models of queries: planning then
    /// does not require the devices of this machine.
    pub fn set_remote_inference(&self) {
        self.inference.models.set_remote_inference();
    }

    /// Adds truncated and failed texts of other processes to the counters.
    pub fn add_remote_failures(&self, truncated: u64, failed: u64) {
        self.inference.counters().add_truncated(truncated);
        self.inference.counters().add_failed(failed);
    }

    /// The open index files.
    pub(crate) fn indexes(&self) -> &IndexCache {
        &self.indexes
    }

    /// Adds a notice for the users of the session.
    pub fn add_notice(&self, notice: String) {
        self.inference.notices.add(notice);
    }

    /// Removes and returns the notices of fast mode, indexes and caches.
    pub fn take_notices(&self) -> Vec<String> {
        self.inference.take_notices()
    }

    /// Throughput of the model of `settings` in its last query on this machine.
    pub(crate) fn throughput(&self, settings: &Settings) -> Option<Throughput> {
        self.inference.throughput(&settings.model_options())
    }

    /// Stores the throughput of the model of `settings`.
    pub(crate) fn store_throughput(&self, settings: &Settings, reading: &MeterReading) {
        self.inference
            .store_throughput(&settings.model_options(), reading);
    }

    /// Totals of all inference, and the current step of long work.
    pub fn progress(&self) -> Progress {
        self.inference.progress()
    }

    /// Device of inference, with [`Encoder::placement`]; `None` before the
    /// first text.
    pub fn device(&self) -> Option<String> {
        self.loaded().into_iter().find_map(|encoder| {
            let device = encoder.device()?;
            Some(match encoder.placement() {
                Some(placement) => format!("{device} ({placement})"),
                None => device,
            })
        })
    }

    /// Every loaded model.
    pub fn loaded(&self) -> Vec<Arc<Encoder>> {
        self.inference.models.loaded()
    }

    /// Adds a taxonomy, or replaces the one of that name.
    pub fn set_taxonomy(&self, taxonomy: Taxonomy) {
        let mut all = self
            .taxonomies
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        all.insert(taxonomy.name.clone(), Arc::new(taxonomy));
    }

    /// All taxonomies, by name.
    pub fn taxonomies(&self) -> Vec<Arc<Taxonomy>> {
        let all = self
            .taxonomies
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        all.values().cloned().collect()
    }

    /// The taxonomy of that name.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the existing names.
    pub fn taxonomy(&self, name: &str) -> Result<Arc<Taxonomy>> {
        let all = self.taxonomies();
        all.iter()
            .find(|taxonomy| taxonomy.name == name)
            .cloned()
            .ok_or_else(|| {
                let names: Vec<&str> = all.iter().map(|taxonomy| taxonomy.name.as_str()).collect();
                Error::Invalid(format!(
                    "there is no taxonomy '{name}' (ai.taxonomy); there are {}. \
                 The data dictionary can define more",
                    names.join(", ")
                ))
            })
    }

    /// Sets the receiver of download progress; by default nothing is shown.
    pub fn set_download_progress(&self, progress: Arc<dyn DownloadProgress + Send + Sync>) {
        self.inference.models.set_download_progress(progress);
    }

    /// Checks that the model of `settings` can be used, and returns what
    /// planning needs. Loads nothing, unless a GPU may serve, or the model is
    /// new here and `ai.precision = 'auto'` must measure int8.
    ///
    /// # Errors
    /// [`Error::Setup`] for a missing model or library; [`Error::Forbidden`] for
    /// a model that the [limits](Self::limits) rule out.
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
        let models = &self.inference.models;
        models.facts(&settings.model_options(), &self.cancellation(cancel))
    }

    /// The model of `settings`, loaded once and shared while it is among the
    /// [`max_models`](RuntimeLimits::max_models) most recently used ones.
    ///
    /// # Errors
    /// [`Error::Setup`] for missing or damaged parts; [`Error::Forbidden`] for a
    /// model that the [limits](Self::limits) rule out.
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
        let models = &self.inference.models;
        models.encoder(&settings.model_options(), &self.cancellation(cancel))
    }

    /// Context of requests with `settings`, cancelled by
    /// [`interrupt`](Self::interrupt).
    ///
    /// # Errors
    /// [`Error::Setup`] for a cache that cannot be used.
    pub fn encode_context(&self, settings: &Settings) -> Result<EncodeContext> {
        self.inference.encode_context(&settings.inference_options())
    }

    /// The label vectors of `taxonomy` by `encoder`, computed once.
    ///
    /// # Errors
    /// Those of the encoder.
    pub fn classifier(
        &self,
        taxonomy: &Taxonomy,
        encoder: &Arc<Encoder>,
        context: &EncodeContext,
    ) -> Result<Arc<Classifier>> {
        // Not the address of the encoder: after an eviction, another model may have it.
        let key = format!("{}|{taxonomy:?}", encoder.fingerprint()?);
        if let Some(classifier) = lock(&self.classifiers).get(&key) {
            return Ok(classifier.clone());
        }
        let classifier = Arc::new(Classifier::new(taxonomy, encoder, context)?);
        let mut classifiers = lock(&self.classifiers);
        // Bounds the memory of calls with many different label lists.
        if classifiers.len() >= MAX_CLASSIFIERS {
            classifiers.clear();
        }
        classifiers.insert(key, classifier.clone());
        Ok(classifier)
    }
}

#[cfg(test)]
mod tests {
    use semql_inference::encoding::ModelInput;
    use semql_inference::models::DETERMINISTIC;

    use super::*;

    /// A model that differs from those of other values of `threads`.
    fn settings(threads: usize) -> Settings {
        Settings {
            threads,
            model: DETERMINISTIC.to_string(),
            ..Settings::default()
        }
    }

    fn two_models() -> Arc<Runtime> {
        let runtime = Arc::new(Runtime::new());
        runtime.set_limits(RuntimeLimits {
            max_models: 2,
            ..RuntimeLimits::default()
        });
        runtime
    }

    #[test]
    fn an_evicted_model_still_works_for_its_users() {
        let runtime = two_models();
        let encoders = [1, 2, 3].map(|threads| runtime.encoder(&settings(threads)).unwrap());
        let context = runtime.encode_context(&settings(1)).unwrap();
        let texts: [ModelInput<'_>; 1] = [Some("an evicted model works while it is held".into())];
        let vectors = encoders[0].encode(&texts, &context).unwrap();
        assert!(vectors.get(0).is_some());
    }

    #[test]
    fn label_sets_survive_the_eviction_of_their_model() {
        let runtime = two_models();
        let context = runtime.encode_context(&settings(1)).unwrap();
        let taxonomy = Taxonomy::from_labels(&["shirt".to_string(), "laptop".to_string()]);
        let classifier = |threads| {
            let encoder = runtime.encoder(&settings(threads)).unwrap();
            runtime.classifier(&taxonomy, &encoder, &context).unwrap()
        };
        let first = classifier(1);
        for threads in 2..5 {
            runtime.encoder(&settings(threads)).unwrap();
        }
        assert!(Arc::ptr_eq(&first, &classifier(1)));
    }
}
