//! A loaded model: encodes texts into unit vectors.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::context::EncodeContext;
use super::open_backend::{BackendFactory, OpenBackend};
use super::queue::{BatchQueue, BatchRun, Outcome, QueuedRequest};
use super::request::{EncodeRequest, ModelInput, PendingText, Vectors, distinct};
use crate::cache::{Fingerprint, Key, VectorCache};
use crate::error::{Error, Result};
use crate::models::{INT8_KERNELS_VERSION, ModelSpec, Tokenized, Tokenizer};
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
    factory: Box<dyn BackendFactory>,
    fingerprint: OnceLock<Fingerprint>,
    backend: OnceLock<OpenBackend>,
    opening: Mutex<()>,
    queue: BatchQueue,
}

/// Interval at which a long request stores its vectors in the caches: a crash
/// costs seconds of work.
const CACHE_WRITE_INTERVAL: Duration = Duration::from_secs(3);

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
        Self {
            identity,
            dims,
            spec,
            tokenizer,
            factory,
            fingerprint: OnceLock::new(),
            backend: OnceLock::new(),
            opening: Mutex::new(()),
            queue: BatchQueue::default(),
        }
    }

    /// The device; `None` before the first text.
    pub fn device(&self) -> Option<String> {
        Some(self.backend.get()?.device.clone())
    }

    /// What ran where, if that is not just the device; see [`Backend::placement`](crate::backend::Backend::placement).
    pub fn placement(&self) -> Option<String> {
        self.backend.get()?.placement.clone()
    }

    /// The precision; `None` before the first text.
    pub fn precision(&self) -> Option<&'static str> {
        Some(self.backend.get()?.precision)
    }

    /// Whether its device was lost or computes nothing. A new encoder may run elsewhere.
    pub fn is_lost(&self) -> bool {
        self.backend.get().is_some_and(OpenBackend::is_lost)
    }

    /// The precision; opens the session if it is not known otherwise.
    pub fn resolve_precision(&self) -> Result<&'static str> {
        if let Some(precision) = self.precision() {
            return Ok(precision);
        }
        if let Some(precision) = self.factory.precision()? {
            return Ok(precision);
        }
        Ok(self.backend()?.precision)
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
        let precision = match self.resolve_precision()? {
            // Stored vectors of another version are not used.
            "int8" => INT8_KERNELS_VERSION,
            precision => precision,
        };
        let parts = [name, revision, variant, precision].map(str::as_bytes);
        Ok(*self.fingerprint.get_or_init(|| Fingerprint::of(&parts)))
    }

    fn backend(&self) -> Result<&OpenBackend> {
        let _guard = lock(&self.opening);
        if let Some(backend) = self.backend.get() {
            return Ok(backend);
        }
        let opened = OpenBackend::open(self.factory.as_ref())?;
        Ok(self.backend.get_or_init(|| opened))
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
            // All cores tokenize: one would not keep a GPU busy.
            let tokenized: Vec<_> = chunk
                .par_iter()
                .map(|&text| {
                    let start = Instant::now();
                    (self.tokenizer.encode(texts[text]), start.elapsed())
                })
                .collect();
            let (mut truncated, mut time) = (0, Duration::ZERO);
            for (&text, (tokens, elapsed)) in chunk.iter().zip(tokenized) {
                time += elapsed;
                let tokens = match tokens {
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
            context.meter.count_tokenized(truncated, time);
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
        let budget = match context.batch_tokens {
            0 => backend.batch_tokens,
            tokens => tokens,
        };
        pending.retain(|pending| pending.tokens.is_some());
        // Long texts first, so that the runtime allocates its memory once.
        let tokens = |pending: &PendingText| pending.tokens.as_ref().map_or(0, |t| t.ids.len());
        pending.sort_by_key(|pending| std::cmp::Reverse(tokens(pending)));
        let (texts, ids): (Vec<usize>, Vec<Vec<u32>>) = pending
            .into_iter()
            .filter_map(|pending| Some((pending.text, pending.tokens?.ids)))
            .unzip();
        let mut request = InferRequest {
            encoder: self,
            context,
            backend,
            texts,
            keys: &keys,
            queued: &queued,
            vectors: &mut vectors,
            computed: Vec::new(),
            last_write: Instant::now(),
        };
        let result = self.queue.run(&ids.into(), budget, &mut request);
        request.store()?;
        result.map(|()| vectors)
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
}

/// A request whose texts wait in the queue of its model.
struct InferRequest<'a> {
    encoder: &'a Encoder,
    context: &'a EncodeContext,
    backend: &'a OpenBackend,
    /// Per text in the queue, its position among the distinct texts.
    texts: Vec<usize>,
    keys: &'a [Key],
    queued: &'a QueuedTexts,
    vectors: &'a mut Vectors,
    /// Texts with vectors that no cache has yet.
    computed: Vec<usize>,
    last_write: Instant,
}

impl InferRequest<'_> {
    fn store(&mut self) -> Result<()> {
        let (caches, computed) = (&self.context.caches, std::mem::take(&mut self.computed));
        self.encoder
            .store(caches, self.keys, self.vectors, &computed)
    }
}

impl QueuedRequest for InferRequest<'_> {
    fn check(&self) -> Result<()> {
        self.context.check()
    }

    fn encode(&self, texts: &[&[u32]]) -> Result<BatchRun> {
        let dims = self.encoder.dims;
        let mut vectors = Vec::with_capacity(texts.len() * dims);
        // One batch at a time for all models: its threads use all cores.
        let _turn = self.context.scheduler.turn();
        let start = Instant::now();
        let factory = self.encoder.factory.as_ref();
        let padded = self.backend.encode(factory, texts, dims, &mut vectors)?;
        Ok(BatchRun {
            vectors,
            padded,
            elapsed: start.elapsed(),
        })
    }

    fn receive(&mut self, outcome: Outcome) -> Result<()> {
        let Outcome {
            texts,
            vectors,
            tokens,
            padded,
            elapsed,
        } = outcome;
        let vectors = match vectors {
            Ok(vectors) => vectors,
            Err(error) => return self.context.handle_failure(texts.len() as u64, error),
        };
        let count = texts.len() as u64;
        for (vector, text) in vectors.chunks_exact(self.encoder.dims).zip(texts) {
            let text = self.texts[text];
            match self.vectors.set(text, vector) {
                true => self.computed.push(text),
                false => {
                    let nan = "the model returned NaN for a text".to_string();
                    self.context.handle_failure(1, Error::Failed(nan))?;
                }
            }
        }
        self.context.meter.count_batch(tokens, padded, elapsed);
        self.queued.complete(count, tokens, elapsed);
        if self.last_write.elapsed() > CACHE_WRITE_INTERVAL {
            self.store()?;
            self.last_write = Instant::now();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
