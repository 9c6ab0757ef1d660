//! A loaded model: encodes texts into unit vectors.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::batches;
use super::context::EncodeContext;
use super::request::{EncodeRequest, ModelInput, PendingText, Vectors, distinct};
use crate::backend::{Backend, TokenBatch};
use crate::cache::{Fingerprint, Key, VectorCache};
use crate::error::{Error, Result};
use crate::models::{ModelSpec, Tokenized, Tokenizer};
use crate::progress::QueuedTexts;
use crate::sync::lock;

/// A model with its tokenizer. The first text opens the session, so that counting
/// tokens loads no weights.
pub struct Encoder {
    pub identity: Identity,
    pub dims: usize,
    /// `None` for the deterministic backend.
    pub spec: Option<ModelSpec>,
    pub tokenizer: Tokenizer,
    pad: i64,
    factory: Box<dyn BackendFactory>,
    fingerprint: OnceLock<Fingerprint>,
    backend: OnceLock<Mutex<Box<dyn Backend>>>,
    opening: Mutex<()>,
}

/// Interval at which a long request stores its vectors in the caches: a crash
/// costs seconds of work.
const CACHE_WRITE_INTERVAL: Duration = Duration::from_secs(3);

/// Opens the backend of a model at its first text.
pub trait BackendFactory: Send + Sync {
    fn open(&self) -> Result<Box<dyn Backend>>;

    /// The precision of the session, if it is known before the session is open.
    fn precision(&self) -> Result<Option<&'static str>> {
        Ok(None)
    }
}

impl<F: Fn() -> Result<Box<dyn Backend>> + Send + Sync> BackendFactory for F {
    fn open(&self) -> Result<Box<dyn Backend>> {
        self()
    }
}

/// Identity of a model.
#[derive(Clone, Debug)]
pub struct Identity {
    pub name: String,
    pub revision: String,
    /// Everything else that changes its vectors: specification and weights.
    pub variant: String,
}

impl Encoder {
    pub fn new(
        identity: Identity,
        dims: usize,
        spec: Option<ModelSpec>,
        tokenizer: Tokenizer,
        factory: Box<dyn BackendFactory>,
    ) -> Self {
        let pad = spec.as_ref().map_or(0, |spec| spec.config.pad_token_id);
        Self {
            identity,
            dims,
            spec,
            tokenizer,
            pad,
            factory,
            fingerprint: OnceLock::new(),
            backend: OnceLock::new(),
            opening: Mutex::new(()),
        }
    }

    /// The device; `None` before the first text.
    pub fn device(&self) -> Option<String> {
        self.with_backend(|backend| backend.device().to_string())
    }

    /// The precision; `None` before the first text.
    pub fn precision(&self) -> Option<&'static str> {
        self.with_backend(|backend| backend.precision())
    }

    fn with_backend<T>(&self, read: impl FnOnce(&dyn Backend) -> T) -> Option<T> {
        let backend = lock(self.backend.get()?);
        Some(read(backend.as_ref()))
    }

    /// The precision; opens the session if it is not known otherwise.
    pub fn resolve_precision(&self) -> Result<&'static str> {
        if let Some(precision) = self.precision() {
            return Ok(precision);
        }
        if let Some(precision) = self.factory.precision()? {
            return Ok(precision);
        }
        Ok(lock(self.backend()?).precision())
    }

    /// Hash of all that the vectors depend on except the text: name, revision,
    /// weights, pooling, limit, prefix and precision.
    pub fn fingerprint(&self) -> Result<Fingerprint> {
        if let Some(known) = self.fingerprint.get() {
            return Ok(*known);
        }
        let Identity {
            name,
            revision,
            variant,
        } = &self.identity;
        let parts = [name, revision, variant, self.resolve_precision()?].map(str::as_bytes);
        Ok(*self.fingerprint.get_or_init(|| Fingerprint::of(&parts)))
    }

    fn backend(&self) -> Result<&Mutex<Box<dyn Backend>>> {
        let _guard = lock(&self.opening);
        if let Some(backend) = self.backend.get() {
            return Ok(backend);
        }
        let opened = self.factory.open()?;
        Ok(self.backend.get_or_init(|| Mutex::new(opened)))
    }

    /// Opens the session, unless it is open.
    pub fn warm_up(&self) -> Result<()> {
        self.backend().map(|_| ())
    }

    /// Encodes `texts`; the model reads each distinct text once at most.
    ///
    /// # Errors
    /// Those of [`prepare`](Self::prepare) and [`infer`](Self::infer).
    pub fn encode(&self, texts: &[ModelInput<'_>], context: &EncodeContext) -> Result<Vectors> {
        self.infer(self.prepare(texts, context)?, context)
    }

    /// First stage of [`encode`](Self::encode), without the model: removes
    /// duplicates, looks texts up in the caches, and tokenizes the others. It can
    /// run while the model computes another request.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; [`Error::Failed`] if the tokenizer fails on a text and
    /// `ai.on_error` is `fail`.
    pub fn prepare(
        &self,
        texts: &[ModelInput<'_>],
        context: &EncodeContext,
    ) -> Result<EncodeRequest> {
        let distinct = distinct(texts);
        let count = distinct.texts.len();
        let mut vectors = Vectors {
            dims: self.dims,
            data: vec![0.0; count * self.dims],
            rows: distinct.rows,
            valid: vec![false; count],
        };
        self.look_up(&context.caches, &distinct.keys, &mut vectors)?;
        let pending: Vec<usize> = (0..count).filter(|text| !vectors.valid[*text]).collect();
        context.meter.count_texts(count, count - pending.len());
        let queued = context.scheduler.enqueue(pending.len() as u64);
        let pending = self.tokenize(&distinct.texts, pending, context)?;
        Ok(EncodeRequest {
            vectors,
            keys: distinct.keys,
            pending,
            queued,
        })
    }

    /// Looks texts up in the caches. Stores vectors of a later cache in the earlier
    /// ones.
    fn look_up(
        &self,
        caches: &[Arc<VectorCache>],
        keys: &[Key],
        vectors: &mut Vectors,
    ) -> Result<()> {
        for (at, cache) in caches.iter().enumerate() {
            let missing: Vec<usize> = (0..keys.len())
                .filter(|text| !vectors.valid[*text])
                .collect();
            let missing_keys: Vec<Key> = missing.iter().map(|text| keys[*text]).collect();
            cache.get_many(
                &self.fingerprint()?,
                &missing_keys,
                self.dims,
                &mut |position, vector| {
                    vectors.set(missing[position], vector);
                },
            );
            let found: Vec<usize> = missing
                .into_iter()
                .filter(|text| vectors.valid[*text])
                .collect();
            self.store(&caches[..at], keys, vectors, &found)?;
        }
        Ok(())
    }

    fn store(
        &self,
        caches: &[Arc<VectorCache>],
        keys: &[Key],
        vectors: &Vectors,
        texts: &[usize],
    ) -> Result<()> {
        if texts.is_empty() {
            return Ok(());
        }
        for cache in caches {
            let entries = texts.iter().map(|text| (keys[*text], vectors.row(*text)));
            cache.put_many(&self.fingerprint()?, self.dims, entries);
        }
        Ok(())
    }

    fn tokenize(
        &self,
        texts: &[&str],
        pending: Vec<usize>,
        context: &EncodeContext,
    ) -> Result<Vec<PendingText>> {
        let mut all = Vec::with_capacity(pending.len());
        // Checks for cancellation every few milliseconds.
        for chunk in pending.chunks(256) {
            context.check()?;
            let start = Instant::now();
            let mut truncated = 0;
            for &text in chunk {
                let tokens = match self.tokenizer.encode(texts[text]) {
                    Ok(tokens) => {
                        truncated += u64::from(tokens.truncated);
                        Some(tokens)
                    }
                    Err(why) => {
                        context.handle_failure(1, Error::Failed(why))?;
                        None
                    }
                };
                all.push(PendingText { text, tokens });
            }
            context.scheduler.counters().add_truncated(truncated);
            context.meter.count_tokenized(truncated, start);
        }
        Ok(all)
    }

    /// Second stage of [`encode`](Self::encode): runs the model on batches of texts
    /// of similar length.
    ///
    /// # Errors
    /// [`Error::Setup`] if the model cannot be opened; [`Error::Interrupted`] within
    /// one batch after a cancellation; [`Error::Failed`] if the model fails on a text
    /// and `ai.on_error` is `fail`.
    pub fn infer(&self, request: EncodeRequest, context: &EncodeContext) -> Result<Vectors> {
        let EncodeRequest {
            mut vectors,
            keys,
            mut pending,
            queued,
        } = request;
        // Other requests may have stored vectors since this one was prepared.
        let before = pending.len();
        let memory = context.caches.first().filter(|cache| cache.is_memory());
        if let (true, Some(memory)) = (before > 0, memory) {
            self.look_up(std::slice::from_ref(memory), &keys, &mut vectors)?;
            pending.retain(|pending| !vectors.valid[pending.text]);
            context.meter.count_texts(0, before - pending.len());
        }
        if pending.is_empty() {
            return Ok(vectors);
        }
        let backend = self.backend()?;
        let lengths: Vec<usize> = pending
            .iter()
            .map(|pending| pending.tokens.as_ref().map_or(0, |t| t.ids.len()))
            .collect();
        let budget = match context.batch_tokens {
            0 => lock(backend).batch_tokens(),
            tokens => tokens,
        };
        let (order, batches) = batches::plan(&lengths, budget);
        let (mut computed, mut last_write) = (Vec::new(), Instant::now());
        let mut result = Ok(());
        for batch in batches {
            let batch: Vec<&PendingText> = order[batch].iter().map(|at| &pending[*at]).collect();
            result = context
                .check()
                .and_then(|()| self.infer_batch(backend, &batch, context, &queued, &mut vectors));
            if result.is_err() {
                break;
            }
            computed.extend(batch.iter().map(|pending| pending.text));
            if last_write.elapsed() > CACHE_WRITE_INTERVAL {
                self.store_valid(&mut computed, &keys, &vectors, context)?;
                last_write = Instant::now();
            }
        }
        self.store_valid(&mut computed, &keys, &vectors, context)?;
        result.map(|()| vectors)
    }

    fn store_valid(
        &self,
        computed: &mut Vec<usize>,
        keys: &[Key],
        vectors: &Vectors,
        context: &EncodeContext,
    ) -> Result<()> {
        computed.retain(|text| vectors.valid[*text]);
        self.store(&context.caches, keys, vectors, computed)?;
        computed.clear();
        Ok(())
    }

    /// The vectors of the first `tokens` tokens of the vocabulary, each encoded
    /// alone: tokens x dims, zeros where the model failed.
    ///
    /// # Errors
    /// Those of [`infer`](Self::infer).
    pub fn token_vectors(&self, tokens: usize, context: &EncodeContext) -> Result<Vec<f32>> {
        let mut pending = Vec::with_capacity(tokens);
        for token in 0..tokens {
            let ids = self
                .tokenizer
                .single_token_input(token as u32)
                .map_err(Error::Failed)?;
            let tokens = Tokenized {
                ids,
                truncated: false,
            };
            pending.push(PendingText {
                text: token,
                tokens: Some(tokens),
            });
        }
        let request = EncodeRequest {
            vectors: Vectors {
                dims: self.dims,
                data: vec![0.0; tokens * self.dims],
                rows: Vec::new(),
                valid: vec![false; tokens],
            },
            keys: Vec::new(),
            queued: context.scheduler.enqueue(tokens as u64),
            pending,
        };
        // Tokens are not texts: the caches must not store their vectors.
        let mut context = context.clone();
        context.caches.clear();
        Ok(self.infer(request, &context)?.data)
    }

    /// Runs one batch. Halves a batch that fails, down to the failing text.
    fn infer_batch(
        &self,
        backend: &Mutex<Box<dyn Backend>>,
        batch: &[&PendingText],
        context: &EncodeContext,
        queued: &QueuedTexts,
        vectors: &mut Vectors,
    ) -> Result<()> {
        let (texts, ids): (Vec<usize>, Vec<&[u32]>) = batch
            .iter()
            .filter_map(|pending| Some((pending.text, pending.tokens.as_ref()?.ids.as_slice())))
            .unzip();
        if texts.is_empty() {
            return Ok(());
        }
        let tokens = TokenBatch::new(&ids, self.pad);
        let mut out = Vec::with_capacity(texts.len() * self.dims);
        let (result, elapsed) = {
            // One batch at a time for all models and partitions: the threads of one
            // session use all cores.
            let _turn = context.scheduler.turn();
            let mut backend = lock(backend);
            let start = Instant::now();
            let result = backend.encode(&tokens, self.dims, &mut out);
            (result, start.elapsed())
        };
        match result {
            Ok(()) => {
                for (vector, &text) in out.chunks_exact(self.dims).zip(&texts) {
                    if !vectors.set(text, vector) {
                        let nan = "the model returned NaN for a text".to_string();
                        context.handle_failure(1, Error::Failed(nan))?;
                    }
                }
                let real = ids.iter().map(|ids| ids.len() as u64).sum();
                context
                    .meter
                    .count_batch(real, tokens.ids.len() as u64, elapsed);
                queued.complete(texts.len() as u64, real, elapsed);
                Ok(())
            }
            Err(error @ Error::Failed(_)) if batch.len() == 1 => context.handle_failure(1, error),
            Err(Error::Failed(_)) => {
                context.check()?;
                let (left, right) = batch.split_at(batch.len() / 2);
                self.infer_batch(backend, left, context, queued, vectors)?;
                self.infer_batch(backend, right, context, queued, vectors)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::backend::DeterministicBackend;
    use crate::cache::CacheLimits;
    use crate::options::{InferenceOptions, OnError};
    use crate::runtime::InferenceRuntime;

    fn encoder(backend: impl Fn() -> Box<dyn Backend> + Send + Sync + 'static) -> Encoder {
        let identity = Identity {
            name: "test".into(),
            revision: "1".into(),
            variant: String::new(),
        };
        Encoder::new(
            identity,
            8,
            None,
            Tokenizer::words(),
            Box::new(move || Ok(backend())),
        )
    }

    fn inputs<'a>(texts: &[Option<&'a str>]) -> Vec<ModelInput<'a>> {
        texts.iter().map(|text| text.map(Into::into)).collect()
    }

    fn context(runtime: &InferenceRuntime) -> EncodeContext {
        let options = InferenceOptions {
            batch_tokens: 16,
            ..InferenceOptions::default()
        };
        runtime.encode_context(&options).unwrap()
    }

    /// Fails on every batch with the token of "poison".
    struct FailsOnPoison(Arc<AtomicUsize>);

    impl Backend for FailsOnPoison {
        fn device(&self) -> &str {
            "cpu"
        }
        fn precision(&self) -> &'static str {
            "fp32"
        }
        fn encode(
            &mut self,
            batch: &TokenBatch,
            dims: usize,
            vectors: &mut Vec<f32>,
        ) -> Result<()> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let poison = Tokenizer::words().encode("poison").unwrap().ids[0];
            if batch.ids.contains(&i64::from(poison)) {
                return Err(Error::Failed("poisoned".into()));
            }
            DeterministicBackend.encode(batch, dims, vectors)
        }
    }

    #[test]
    fn equal_texts_share_a_vector_and_null_has_none() {
        let runtime = InferenceRuntime::default();
        let encoder = encoder(|| Box::new(DeterministicBackend));
        let texts = [
            Some("red shoes"),
            None,
            Some("a much longer text about boots"),
            Some("red shoes"),
        ];
        let vectors = encoder.encode(&inputs(&texts), &context(&runtime)).unwrap();
        assert_eq!(vectors.get(0), vectors.get(3));
        assert_ne!(vectors.get(0), vectors.get(2));
        assert_eq!(vectors.get(1), None);
        assert_eq!(runtime.progress().texts_done, 2);
    }

    #[test]
    fn a_failing_text_is_null_and_its_batch_succeeds() {
        let runtime = InferenceRuntime::default();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let encoder = encoder(move || Box::new(FailsOnPoison(counted.clone())));
        let texts: Vec<Option<&str>> = ["a", "b", "poison", "c", "d"]
            .into_iter()
            .map(Some)
            .collect();
        let vectors = encoder.encode(&inputs(&texts), &context(&runtime)).unwrap();
        let valid: Vec<bool> = (0..5).map(|i| vectors.get(i).is_some()).collect();
        assert_eq!(valid, [true, true, false, true, true]);
        assert_eq!(runtime.progress().failed, 1);

        let strict = InferenceOptions {
            on_error: OnError::Fail,
            ..InferenceOptions::default()
        };
        assert_eq!(
            encoder
                .encode(&inputs(&texts), &runtime.encode_context(&strict).unwrap())
                .err(),
            Some(Error::Failed("poisoned".into()))
        );
    }

    #[test]
    fn cached_texts_are_not_computed_again() {
        let runtime = InferenceRuntime::default();
        let encoder = encoder(|| Box::new(DeterministicBackend));
        let mut context = context(&runtime);
        let (first_cache, second_cache) = (
            Arc::new(VectorCache::memory(CacheLimits::default())),
            Arc::new(VectorCache::memory(CacheLimits::default())),
        );
        context.caches = vec![second_cache.clone()];
        encoder
            .encode(&inputs(&[Some("a"), Some("b")]), &context)
            .unwrap();
        context.caches = vec![first_cache.clone(), second_cache];
        let texts = inputs(&[Some("b"), Some("c")]);
        let first = encoder.encode(&texts, &context).unwrap();
        let reading = context.meter.read();
        assert_eq!((reading.distinct, reading.cached), (4, 1));
        assert_eq!(runtime.progress().texts_done, 3);

        context.caches = vec![first_cache];
        let second = encoder.encode(&texts, &context).unwrap();
        assert_eq!(runtime.progress().texts_done, 3, "the first cache has both");
        assert_eq!(first.get(1), second.get(1));
    }

    #[test]
    fn cancelling_one_context_does_not_affect_others() {
        let runtime = InferenceRuntime::default();
        let encoder = encoder(|| Box::new(DeterministicBackend));
        let (one, other) = (context(&runtime), context(&runtime));
        let texts = inputs(&[Some("x")]);
        let request = encoder.prepare(&texts, &one).unwrap();
        one.cancel();
        assert_eq!(encoder.infer(request, &one).err(), Some(Error::Interrupted));
        assert!(encoder.encode(&texts, &other).is_ok());
    }

    #[test]
    fn a_token_cancels_its_contexts_before_the_next_batch() {
        let runtime = InferenceRuntime::default();
        let encoder = encoder(|| Box::new(DeterministicBackend));
        let cancel = CancellationToken::new();
        let (one, other) = (context(&runtime).with_cancel(&cancel), context(&runtime));
        let texts = inputs(&[Some("x")]);
        let request = encoder.prepare(&texts, &one).unwrap();
        cancel.cancel();
        assert_eq!(encoder.infer(request, &one).err(), Some(Error::Interrupted));
        assert!(encoder.encode(&texts, &other).is_ok());
        let late = context(&runtime).with_cancel(&cancel);
        assert_eq!(
            encoder.encode(&texts, &late).err(),
            Some(Error::Interrupted)
        );
    }

    #[test]
    fn cancelling_a_context_does_not_cancel_its_parent_token() {
        let runtime = InferenceRuntime::default();
        let encoder = encoder(|| Box::new(DeterministicBackend));
        let cancel = CancellationToken::new();
        let (one, other) = (
            context(&runtime).with_cancel(&cancel),
            context(&runtime).with_cancel(&cancel),
        );
        one.cancel();
        let texts = inputs(&[Some("x")]);
        assert_eq!(encoder.encode(&texts, &one).err(), Some(Error::Interrupted));
        assert!(encoder.encode(&texts, &other).is_ok());
    }

    #[test]
    fn an_interrupt_cancels_before_the_next_batch() {
        let runtime = InferenceRuntime::default();
        let encoder = encoder(|| Box::new(DeterministicBackend));
        let context = context(&runtime);
        runtime.interrupt();
        assert_eq!(
            encoder.encode(&inputs(&[Some("x")]), &context).err(),
            Some(Error::Interrupted)
        );
        assert_eq!(
            runtime.progress().texts_queued,
            0,
            "an interrupted request leaves the queue"
        );
    }
}
