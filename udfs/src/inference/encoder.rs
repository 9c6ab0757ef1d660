//! One loaded model: texts in, unit vectors out.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::batches;
use super::cache::{Cache, Fingerprint, Key};
use super::request::{Reading, Request, Unread, Vectors, distinct};
use super::run::Run;
use crate::backend::{Backend, TokenBatch};
use crate::error::{Error, Result};
use crate::models::{ModelSpec, Tokenized, Tokenizer};
use crate::progress::Queued;

/// A model with its tokenizer; the session behind it is opened by the first
/// text, so that counting tokens loads no weights.
pub struct Encoder {
    pub identity: Identity,
    pub dims: usize,
    /// `None` for the deterministic backend.
    pub spec: Option<ModelSpec>,
    pub tokenizer: Tokenizer,
    pad: i64,
    open: Box<dyn Opener>,
    fingerprint: OnceLock<Fingerprint>,
    backend: OnceLock<Mutex<Box<dyn Backend>>>,
    opening: Mutex<()>,
}

/// How long answers may be without having gone to the caches.
const KEEP_EVERY: Duration = Duration::from_secs(3);

/// How a session is opened when the first text comes.
pub trait Opener: Send + Sync {
    fn open(&self) -> Result<Box<dyn Backend>>;

    /// The arithmetic that the session will run in, where it can be told
    /// before.
    fn precision(&self) -> Result<Option<&'static str>> {
        Ok(None)
    }
}

impl<F: Fn() -> Result<Box<dyn Backend>> + Send + Sync> Opener for F {
    fn open(&self) -> Result<Box<dyn Backend>> {
        self()
    }
}

/// Which model it is, and which of its forms.
#[derive(Clone, Debug)]
pub struct Identity {
    pub name: String,
    pub revision: String,
    /// What else changes its vectors: how it is read, and which weights.
    pub form: String,
}

impl Encoder {
    pub fn new(
        identity: Identity,
        dims: usize,
        spec: Option<ModelSpec>,
        tokenizer: Tokenizer,
        open: Box<dyn Opener>,
    ) -> Self {
        let pad = spec.as_ref().map_or(0, |spec| spec.config.pad_token_id);
        Self {
            identity,
            dims,
            spec,
            tokenizer,
            pad,
            open,
            fingerprint: OnceLock::new(),
            backend: OnceLock::new(),
            opening: Mutex::new(()),
        }
    }

    /// Where it runs; `None` before the first text.
    pub fn device(&self) -> Option<String> {
        self.opened(|backend| backend.device().to_string())
    }

    /// The arithmetic it runs in; `None` before the first text.
    pub fn precision(&self) -> Option<&'static str> {
        self.opened(|backend| backend.precision())
    }

    fn opened<T>(&self, ask: impl FnOnce(&dyn Backend) -> T) -> Option<T> {
        let backend = self.backend.get()?;
        let backend = backend.lock().unwrap_or_else(|dead| dead.into_inner());
        Some(ask(backend.as_ref()))
    }

    /// The arithmetic it runs in, opening the session if there is no other
    /// way to tell.
    pub fn sure_precision(&self) -> Result<&'static str> {
        if let Some(precision) = self.precision() {
            return Ok(precision);
        }
        if let Some(precision) = self.open.precision()? {
            return Ok(precision);
        }
        let backend = self.backend()?;
        let backend = backend.lock().unwrap_or_else(|dead| dead.into_inner());
        Ok(backend.precision())
    }

    /// Stands for all that makes this model's vectors differ from another's:
    /// name, revision, weights, pooling, limit, prefix and precision.
    pub(crate) fn fingerprint(&self) -> Result<Fingerprint> {
        if let Some(known) = self.fingerprint.get() {
            return Ok(*known);
        }
        let Identity {
            name,
            revision,
            form,
        } = &self.identity;
        let parts = [name, revision, form, self.sure_precision()?].map(str::as_bytes);
        Ok(*self.fingerprint.get_or_init(|| Fingerprint::of(&parts)))
    }

    fn backend(&self) -> Result<&Mutex<Box<dyn Backend>>> {
        let _one_at_a_time = self.opening.lock().unwrap_or_else(|dead| dead.into_inner());
        if let Some(backend) = self.backend.get() {
            return Ok(backend);
        }
        let opened = self.open.open()?;
        Ok(self.backend.get_or_init(|| Mutex::new(opened)))
    }

    /// Opens the session if no text has done so yet.
    pub fn warm_up(&self) -> Result<()> {
        self.backend().map(|_| ())
    }

    /// Encodes `texts`; each distinct one goes through the model once.
    ///
    /// # Errors
    /// Those of [`prepare`](Self::prepare) and [`infer`](Self::infer).
    pub fn encode(&self, texts: &[Reading<'_>], run: &Run) -> Result<Vectors> {
        self.infer(self.prepare(texts, run)?, run)
    }

    /// The first half of [`encode`](Self::encode), which needs no model: finds
    /// the distinct texts, looks up the vectors that are known, and tokenizes
    /// the rest. It can run while another request is in the model.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; [`Error::Failed`] when the tokenizer fails on a
    /// text and `ai.on_error` is `fail`.
    pub fn prepare(&self, texts: &[Reading<'_>], run: &Run) -> Result<Request> {
        let found = distinct(texts);
        let count = found.texts.len();
        let mut vectors = Vectors {
            dims: self.dims,
            data: vec![0.0; count * self.dims],
            rows: found.rows,
            answered: vec![false; count],
        };
        self.recall(&run.caches, &found.keys, &mut vectors)?;
        let unread = (0..count).filter(|text| !vectors.answered[*text]);
        let unread: Vec<usize> = unread.collect();
        run.meter.asked(count, count - unread.len());
        let queued = run.runtime.queue(unread.len() as u64);
        let unread = self.tokenize(&found.texts, unread, run)?;
        Ok(Request {
            vectors,
            keys: found.keys,
            unread,
            queued,
        })
    }

    /// Fills in the vectors that the caches have. What only a later cache
    /// knows, the earlier ones learn.
    fn recall(&self, caches: &[Arc<Cache>], keys: &[Key], vectors: &mut Vectors) -> Result<()> {
        for (at, cache) in caches.iter().enumerate() {
            let wanted: Vec<usize> = (0..keys.len())
                .filter(|text| !vectors.answered[*text])
                .collect();
            let asked: Vec<Key> = wanted.iter().map(|text| keys[*text]).collect();
            cache.get_many(
                &self.fingerprint()?,
                &asked,
                self.dims,
                &mut |position, vector| {
                    vectors.set(wanted[position], vector);
                },
            );
            let learnt: Vec<usize> = wanted
                .into_iter()
                .filter(|text| vectors.answered[*text])
                .collect();
            self.keep(&caches[..at], keys, vectors, &learnt)?;
        }
        Ok(())
    }

    fn keep(
        &self,
        caches: &[Arc<Cache>],
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

    fn tokenize(&self, texts: &[&str], unread: Vec<usize>, run: &Run) -> Result<Vec<Unread>> {
        let mut all = Vec::with_capacity(unread.len());
        // Between two checks lie some milliseconds, not seconds.
        for some in unread.chunks(256) {
            run.check()?;
            let began = Instant::now();
            let mut truncated = 0;
            for &text in some {
                let tokens = match self.tokenizer.encode(texts[text]) {
                    Ok(tokens) => {
                        truncated += u64::from(tokens.truncated);
                        Some(tokens)
                    }
                    Err(why) => {
                        run.fails(1, Error::Failed(why))?;
                        None
                    }
                };
                all.push(Unread { text, tokens });
            }
            run.runtime.counters().truncated(truncated);
            run.meter.tokenized(truncated, began);
        }
        Ok(all)
    }

    /// The second half of [`encode`](Self::encode): what is not known goes
    /// through the model, texts of about the same length together.
    ///
    /// # Errors
    /// [`Error::Setup`] when the model cannot be opened, [`Error::Interrupted`]
    /// within one batch of an interrupt, [`Error::Failed`] when the model fails
    /// on a text and `ai.on_error` is `fail`.
    pub fn infer(&self, request: Request, run: &Run) -> Result<Vectors> {
        let Request {
            mut vectors,
            keys,
            mut unread,
            queued,
        } = request;
        // What others read since this request was prepared is known now.
        let before = unread.len();
        let near = run.caches.first().filter(|cache| cache.is_memory());
        if let (true, Some(near)) = (before > 0, near) {
            self.recall(std::slice::from_ref(near), &keys, &mut vectors)?;
            unread.retain(|unread| !vectors.answered[unread.text]);
            let learnt = before - unread.len();
            run.meter.asked(0, learnt);
        }
        if unread.is_empty() {
            return Ok(vectors);
        }
        let backend = self.backend()?;
        let lengths: Vec<usize> = unread
            .iter()
            .map(|unread| unread.tokens.as_ref().map_or(0, |t| t.ids.len()))
            .collect();
        let budget = match run.batch_tokens {
            0 => {
                let backend = backend.lock().unwrap_or_else(|dead| dead.into_inner());
                backend.batch_tokens()
            }
            tokens => tokens,
        };
        let (order, batches) = batches::plan(&lengths, budget);
        let (mut read, mut kept) = (Vec::new(), Instant::now());
        let mut result = Ok(());
        for batch in batches {
            let batch: Vec<&Unread> = order[batch].iter().map(|at| &unread[*at]).collect();
            result = run
                .check()
                .and_then(|()| self.infer_batch(backend, &batch, run, &queued, &mut vectors));
            if result.is_err() {
                break;
            }
            read.extend(batch.iter().map(|unread| unread.text));
            // Whoever pulls the plug loses seconds of work, not minutes.
            if kept.elapsed() > KEEP_EVERY {
                self.keep_answered(&mut read, &keys, &vectors, run)?;
                kept = Instant::now();
            }
        }
        self.keep_answered(&mut read, &keys, &vectors, run)?;
        result.map(|()| vectors)
    }

    fn keep_answered(
        &self,
        read: &mut Vec<usize>,
        keys: &[Key],
        vectors: &Vectors,
        run: &Run,
    ) -> Result<()> {
        read.retain(|text| vectors.answered[*text]);
        self.keep(&run.caches, keys, vectors, read)?;
        read.clear();
        Ok(())
    }

    /// The vector of each of the first `tokens` tokens of the vocabulary, read
    /// alone: tokens x dims, zeros where the model failed.
    ///
    /// # Errors
    /// Those of [`infer`](Self::infer).
    pub fn token_vectors(&self, tokens: usize, run: &Run) -> Result<Vec<f32>> {
        let mut unread = Vec::with_capacity(tokens);
        for token in 0..tokens {
            let ids = self.tokenizer.framed(token as u32).map_err(Error::Failed)?;
            let tokens = Tokenized {
                ids,
                truncated: false,
            };
            unread.push(Unread {
                text: token,
                tokens: Some(tokens),
            });
        }
        let request = Request {
            vectors: Vectors {
                dims: self.dims,
                data: vec![0.0; tokens * self.dims],
                rows: Vec::new(),
                answered: vec![false; tokens],
            },
            keys: Vec::new(),
            queued: run.runtime.queue(tokens as u64),
            unread,
        };
        // They are no texts, and no cache is to keep them as such.
        let mut run = run.clone();
        run.caches.clear();
        Ok(self.infer(request, &run)?.data)
    }

    /// Runs one batch; one that fails is halved, down to the text that fails.
    fn infer_batch(
        &self,
        backend: &Mutex<Box<dyn Backend>>,
        batch: &[&Unread],
        run: &Run,
        queued: &Queued,
        vectors: &mut Vectors,
    ) -> Result<()> {
        let (texts, ids): (Vec<usize>, Vec<&[u32]>) = batch
            .iter()
            .filter_map(|unread| Some((unread.text, unread.tokens.as_ref()?.ids.as_slice())))
            .unzip();
        if texts.is_empty() {
            return Ok(());
        }
        let tokens = TokenBatch::new(&ids, self.pad);
        let mut out = Vec::with_capacity(texts.len() * self.dims);
        let (result, took) = {
            // One batch at a time for all models and partitions: a session's
            // own threads are all the cores there are.
            let _turn = run.runtime.turn();
            let mut backend = backend.lock().unwrap_or_else(|dead| dead.into_inner());
            let began = Instant::now();
            let result = backend.encode(&tokens, self.dims, &mut out);
            (result, began.elapsed())
        };
        match result {
            Ok(()) => {
                for (vector, &text) in out.chunks_exact(self.dims).zip(&texts) {
                    if !vectors.set(text, vector) {
                        let nan = "the model gave NaN for a text".to_string();
                        run.fails(1, Error::Failed(nan))?;
                    }
                }
                let real = ids.iter().map(|ids| ids.len() as u64).sum();
                run.meter.batch(real, tokens.ids.len() as u64, took);
                queued.done(texts.len() as u64, real, took);
                Ok(())
            }
            Err(error @ Error::Failed(_)) if batch.len() == 1 => run.fails(1, error),
            Err(Error::Failed(_)) => {
                run.check()?;
                let (left, right) = batch.split_at(batch.len() / 2);
                self.infer_batch(backend, left, run, queued, vectors)?;
                self.infer_batch(backend, right, run, queued, vectors)
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

    use super::super::cache::Limits;
    use super::*;
    use crate::backend::Deterministic;
    use crate::options::{OnError, Settings};
    use crate::runtime::Runtime;

    fn encoder(backend: impl Fn() -> Box<dyn Backend> + Send + Sync + 'static) -> Encoder {
        let identity = Identity {
            name: "test".into(),
            revision: "1".into(),
            form: String::new(),
        };
        Encoder::new(
            identity,
            8,
            None,
            Tokenizer::words(),
            Box::new(move || Ok(backend())),
        )
    }

    fn read<'a>(texts: &[Option<&'a str>]) -> Vec<Reading<'a>> {
        texts.iter().map(|text| text.map(Into::into)).collect()
    }

    fn run(runtime: &Arc<Runtime>) -> Run {
        let settings = Settings {
            batch_tokens: 16,
            ..Settings::default()
        };
        Run::new(runtime, &settings).unwrap()
    }

    /// Fails on any batch that holds the token of "poison".
    struct Fussy(Arc<AtomicUsize>);

    impl Backend for Fussy {
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
            Deterministic.encode(batch, dims, vectors)
        }
    }

    #[test]
    fn equal_texts_share_a_vector_and_no_text_has_none() {
        let runtime = Arc::new(Runtime::new());
        let encoder = encoder(|| Box::new(Deterministic));
        let texts = [
            Some("red shoes"),
            None,
            Some("a much longer text about boots"),
            Some("red shoes"),
        ];
        let vectors = encoder.encode(&read(&texts), &run(&runtime)).unwrap();
        assert_eq!(vectors.get(0), vectors.get(3));
        assert_ne!(vectors.get(0), vectors.get(2));
        assert_eq!(vectors.get(1), None);
        assert_eq!(runtime.progress().texts_done, 2);
    }

    #[test]
    fn a_failing_text_is_null_and_spares_its_neighbours() {
        let runtime = Arc::new(Runtime::new());
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let encoder = encoder(move || Box::new(Fussy(counted.clone())));
        let texts: Vec<Option<&str>> = ["a", "b", "poison", "c", "d"]
            .into_iter()
            .map(Some)
            .collect();
        let vectors = encoder.encode(&read(&texts), &run(&runtime)).unwrap();
        let answered: Vec<bool> = (0..5).map(|i| vectors.get(i).is_some()).collect();
        assert_eq!(answered, [true, true, false, true, true]);
        assert_eq!(runtime.progress().failed, 1);

        let strict = Settings {
            on_error: OnError::Fail,
            ..Settings::default()
        };
        assert_eq!(
            encoder
                .encode(&read(&texts), &Run::new(&runtime, &strict).unwrap())
                .err(),
            Some(Error::Failed("poisoned".into()))
        );
    }

    #[test]
    fn what_a_cache_knows_is_not_read_again() {
        let runtime = Arc::new(Runtime::new());
        let encoder = encoder(|| Box::new(Deterministic));
        let mut request = run(&runtime);
        let (near, far) = (
            Arc::new(Cache::memory(Limits::default())),
            Arc::new(Cache::memory(Limits::default())),
        );
        request.caches = vec![far.clone()];
        encoder
            .encode(&read(&[Some("a"), Some("b")]), &request)
            .unwrap();
        request.caches = vec![near.clone(), far];
        let texts = read(&[Some("b"), Some("c")]);
        let first = encoder.encode(&texts, &request).unwrap();
        let metered = request.meter.read();
        assert_eq!((metered.distinct, metered.recalled), (4, 1));
        assert_eq!(runtime.progress().texts_done, 3);

        request.caches = vec![near];
        let second = encoder.encode(&texts, &request).unwrap();
        assert_eq!(runtime.progress().texts_done, 3, "the near one learnt both");
        assert_eq!(first.get(1), second.get(1));
    }

    #[test]
    fn a_cancelled_run_stops_alone() {
        let runtime = Arc::new(Runtime::new());
        let encoder = encoder(|| Box::new(Deterministic));
        let (one, other) = (run(&runtime), run(&runtime));
        let texts = read(&[Some("x")]);
        let request = encoder.prepare(&texts, &one).unwrap();
        one.cancel();
        assert_eq!(encoder.infer(request, &one).err(), Some(Error::Interrupted));
        assert!(encoder.encode(&texts, &other).is_ok());
    }

    #[test]
    fn a_token_stops_its_runs_before_the_next_batch() {
        let runtime = Arc::new(Runtime::new());
        let encoder = encoder(|| Box::new(Deterministic));
        let cancel = CancellationToken::new();
        let (one, other) = (run(&runtime).with_cancel(&cancel), run(&runtime));
        let texts = read(&[Some("x")]);
        let request = encoder.prepare(&texts, &one).unwrap();
        cancel.cancel();
        assert_eq!(encoder.infer(request, &one).err(), Some(Error::Interrupted));
        assert!(encoder.encode(&texts, &other).is_ok());
        let late = run(&runtime).with_cancel(&cancel);
        assert_eq!(
            encoder.encode(&texts, &late).err(),
            Some(Error::Interrupted)
        );
    }

    #[test]
    fn a_cancelled_run_leaves_its_token_alone() {
        let runtime = Arc::new(Runtime::new());
        let encoder = encoder(|| Box::new(Deterministic));
        let cancel = CancellationToken::new();
        let (one, other) = (
            run(&runtime).with_cancel(&cancel),
            run(&runtime).with_cancel(&cancel),
        );
        one.cancel();
        let texts = read(&[Some("x")]);
        assert_eq!(encoder.encode(&texts, &one).err(), Some(Error::Interrupted));
        assert!(encoder.encode(&texts, &other).is_ok());
    }

    #[test]
    fn an_interrupt_stops_before_the_next_batch() {
        let runtime = Arc::new(Runtime::new());
        let encoder = encoder(|| Box::new(Deterministic));
        let request = run(&runtime);
        runtime.interrupt();
        assert_eq!(
            encoder.encode(&read(&[Some("x")]), &request).err(),
            Some(Error::Interrupted)
        );
        assert_eq!(
            runtime.progress().texts_queued,
            0,
            "an interrupted request leaves no queue behind"
        );
    }
}
