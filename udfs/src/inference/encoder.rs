//! One loaded model: texts in, unit vectors out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, OnceLock};

use super::batches;
use crate::backend::{Backend, TokenBatch};
use crate::error::{Error, Result};
use crate::models::{ModelSpec, Tokenized, Tokenizer};
use crate::options::{OnError, Settings};
use crate::runtime::{Queued, Runtime};

/// A model with its tokenizer; the session behind it is opened by the first
/// text, so that counting tokens loads no weights.
pub struct Encoder {
    pub name: String,
    pub revision: String,
    pub dims: usize,
    /// `None` for the deterministic backend.
    pub spec: Option<ModelSpec>,
    pub tokenizer: Tokenizer,
    pad: i64,
    open: Box<dyn Fn() -> Result<Box<dyn Backend>> + Send + Sync>,
    backend: OnceLock<Mutex<Box<dyn Backend>>>,
    opening: Mutex<()>,
}

/// What one request wants beside its texts.
pub struct Run<'a> {
    pub runtime: &'a Runtime,
    /// Padded tokens in one batch; 0 is what suits the device.
    pub batch_tokens: usize,
    pub on_error: OnError,
    epoch: u64,
}

impl<'a> Run<'a> {
    pub fn new(runtime: &'a Runtime, settings: &Settings) -> Self {
        Self {
            runtime,
            batch_tokens: settings.batch_tokens,
            on_error: settings.on_error,
            epoch: runtime.epoch(),
        }
    }

    fn check(&self) -> Result<()> {
        if self.runtime.epoch() == self.epoch {
            Ok(())
        } else {
            Err(Error::Interrupted)
        }
    }
}

/// One vector for each text of a request; equal texts share theirs.
pub struct Vectors {
    pub dims: usize,
    data: Vec<f32>,
    /// Per text, the row of `data`; `None` where there was no text.
    rows: Vec<Option<u32>>,
    /// Per row, whether the model answered.
    answered: Vec<bool>,
}

impl Vectors {
    /// The unit vector of text number `text`; `None` for no text, or where the
    /// model failed on it.
    pub fn get(&self, text: usize) -> Option<&[f32]> {
        let row = self.rows[text]? as usize;
        self.answered[row].then(|| &self.data[row * self.dims..(row + 1) * self.dims])
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Encoder {
    pub fn new(
        name: String,
        revision: String,
        dims: usize,
        spec: Option<ModelSpec>,
        tokenizer: Tokenizer,
        open: Box<dyn Fn() -> Result<Box<dyn Backend>> + Send + Sync>,
    ) -> Self {
        let pad = spec.as_ref().map_or(0, |spec| spec.config.pad_token_id);
        Self {
            name,
            revision,
            dims,
            spec,
            tokenizer,
            pad,
            open,
            backend: OnceLock::new(),
            opening: Mutex::new(()),
        }
    }

    /// Where it runs; `None` before the first text.
    pub fn device(&self) -> Option<String> {
        let backend = self.backend.get()?;
        Some(
            backend
                .lock()
                .unwrap_or_else(|dead| dead.into_inner())
                .device()
                .to_string(),
        )
    }

    /// What it computes in; opens the session if no text has done so yet.
    pub fn precision(&self) -> Result<&'static str> {
        let backend = self.backend()?;
        Ok(backend
            .lock()
            .unwrap_or_else(|dead| dead.into_inner())
            .precision())
    }

    fn backend(&self) -> Result<&Mutex<Box<dyn Backend>>> {
        let _one_at_a_time = self.opening.lock().unwrap_or_else(|dead| dead.into_inner());
        if let Some(backend) = self.backend.get() {
            return Ok(backend);
        }
        let opened = (self.open)()?;
        Ok(self.backend.get_or_init(|| Mutex::new(opened)))
    }

    /// Opens the session if no text has done so yet.
    pub fn warm_up(&self) -> Result<()> {
        self.backend().map(|_| ())
    }

    /// Encodes `texts`; each distinct one goes through the model once.
    ///
    /// # Errors
    /// [`Error::Setup`] when the model cannot be opened, [`Error::Interrupted`]
    /// within one batch of an interrupt, [`Error::Failed`] when the model fails
    /// on a text and `ai.on_error` is `fail`.
    pub fn encode(&self, texts: &[Option<&str>], run: &Run<'_>) -> Result<Vectors> {
        let (distinct, rows) = distinct(texts);
        let counters = run.runtime.counters();
        let mut vectors = Vectors {
            dims: self.dims,
            data: vec![0.0; distinct.len() * self.dims],
            rows,
            answered: vec![false; distinct.len()],
        };
        if distinct.is_empty() {
            return Ok(vectors);
        }
        let backend = self.backend()?;
        let queued = counters.queue(distinct.len() as u64);
        let tokens = self.tokenize(&distinct, run)?;
        let lengths: Vec<usize> = tokens
            .iter()
            .map(|t| t.as_ref().map_or(0, |t| t.ids.len()))
            .collect();
        let budget = match run.batch_tokens {
            0 => {
                let backend = backend.lock().unwrap_or_else(|dead| dead.into_inner());
                backend.batch_tokens()
            }
            tokens => tokens,
        };
        let (order, batches) = batches::plan(&lengths, budget);
        for batch in batches {
            run.check()?;
            let texts: Vec<usize> = order[batch]
                .iter()
                .copied()
                .filter(|&t| tokens[t].is_some())
                .collect();
            self.encode_batch(backend, &texts, &tokens, run, &queued, &mut vectors)?;
        }
        Ok(vectors)
    }

    fn tokenize(&self, texts: &[&str], run: &Run<'_>) -> Result<Vec<Option<Tokenized>>> {
        let counters = run.runtime.counters();
        let mut all = Vec::with_capacity(texts.len());
        for text in texts {
            all.push(match self.tokenizer.encode(text) {
                Ok(tokens) => {
                    counters.truncated(tokens.truncated);
                    Some(tokens)
                }
                Err(why) => self.fails(1, Error::Failed(why), run).map(|()| None)?,
            });
        }
        Ok(all)
    }

    /// What becomes of `texts` texts on which the model fails.
    fn fails(&self, texts: u64, error: Error, run: &Run<'_>) -> Result<()> {
        match (run.on_error, error) {
            (OnError::Null, Error::Failed(_)) => {
                run.runtime.counters().failed(texts);
                Ok(())
            }
            (_, error) => Err(error),
        }
    }

    /// Runs one batch; one that fails is halved, down to the text that fails.
    fn encode_batch(
        &self,
        backend: &Mutex<Box<dyn Backend>>,
        texts: &[usize],
        tokens: &[Option<Tokenized>],
        run: &Run<'_>,
        queued: &Queued<'_>,
        vectors: &mut Vectors,
    ) -> Result<()> {
        if texts.is_empty() {
            return Ok(());
        }
        let ids: Vec<&[u32]> = texts
            .iter()
            .filter_map(|&t| tokens[t].as_ref().map(|t| t.ids.as_slice()))
            .collect();
        let batch = TokenBatch::new(&ids, self.pad);
        let mut out = Vec::with_capacity(texts.len() * self.dims);
        let result = {
            // One batch at a time for all models and partitions: a session's
            // own threads are all the cores there are.
            let _turn = run.runtime.turn();
            let mut backend = backend.lock().unwrap_or_else(|dead| dead.into_inner());
            backend.encode(&batch, self.dims, &mut out)
        };
        match result {
            Ok(()) => {
                for (vector, &text) in out.chunks_exact(self.dims).zip(texts) {
                    vectors.data[text * self.dims..(text + 1) * self.dims].copy_from_slice(vector);
                    // A model that gives NaN has not answered.
                    vectors.answered[text] = vector.iter().all(|v| v.is_finite());
                    if !vectors.answered[text] {
                        self.fails(
                            1,
                            Error::Failed("the model gave NaN for a text".to_string()),
                            run,
                        )?;
                    }
                }
                let real = ids.iter().map(|ids| ids.len() as u64).sum();
                queued.done(texts.len() as u64, real);
                Ok(())
            }
            Err(error @ Error::Failed(_)) if texts.len() == 1 => self.fails(1, error, run),
            Err(Error::Failed(_)) => {
                run.check()?;
                let (left, right) = texts.split_at(texts.len() / 2);
                self.encode_batch(backend, left, tokens, run, queued, vectors)?;
                self.encode_batch(backend, right, tokens, run, queued, vectors)
            }
            Err(error) => Err(error),
        }
    }
}

/// The distinct texts, and for each text which of them it is.
fn distinct<'a>(texts: &[Option<&'a str>]) -> (Vec<&'a str>, Vec<Option<u32>>) {
    let mut known: HashMap<&str, u32> = HashMap::with_capacity(texts.len());
    let mut distinct = Vec::new();
    let rows = texts
        .iter()
        .map(|text| {
            text.map(|text| match known.entry(text) {
                Entry::Occupied(row) => *row.get(),
                Entry::Vacant(new) => {
                    distinct.push(text);
                    *new.insert(distinct.len() as u32 - 1)
                }
            })
        })
        .collect();
    (distinct, rows)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::backend::Deterministic;

    fn encoder(backend: impl Fn() -> Box<dyn Backend> + Send + Sync + 'static) -> Encoder {
        Encoder::new(
            "test".into(),
            "1".into(),
            8,
            None,
            Tokenizer::words(),
            Box::new(move || Ok(backend())),
        )
    }

    fn run(runtime: &Runtime) -> Run<'_> {
        Run::new(
            runtime,
            &Settings {
                batch_tokens: 16,
                ..Settings::default()
            },
        )
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
        let runtime = Runtime::new();
        let encoder = encoder(|| Box::new(Deterministic));
        let texts = [
            Some("red shoes"),
            None,
            Some("a much longer text about boots"),
            Some("red shoes"),
        ];
        let vectors = encoder.encode(&texts, &run(&runtime)).unwrap();
        assert_eq!(vectors.get(0), vectors.get(3));
        assert_ne!(vectors.get(0), vectors.get(2));
        assert_eq!(vectors.get(1), None);
        assert_eq!(runtime.progress().texts_done, 2);
    }

    #[test]
    fn a_failing_text_is_null_and_spares_its_neighbours() {
        let runtime = Runtime::new();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let encoder = encoder(move || Box::new(Fussy(counted.clone())));
        let texts: Vec<Option<&str>> = ["a", "b", "poison", "c", "d"]
            .into_iter()
            .map(Some)
            .collect();
        let vectors = encoder.encode(&texts, &run(&runtime)).unwrap();
        let answered: Vec<bool> = (0..5).map(|i| vectors.get(i).is_some()).collect();
        assert_eq!(answered, [true, true, false, true, true]);
        assert_eq!(runtime.progress().failed, 1);

        let strict = Settings {
            on_error: OnError::Fail,
            ..Settings::default()
        };
        assert_eq!(
            encoder.encode(&texts, &Run::new(&runtime, &strict)).err(),
            Some(Error::Failed("poisoned".into()))
        );
    }

    #[test]
    fn an_interrupt_stops_before_the_next_batch() {
        let runtime = Runtime::new();
        let encoder = encoder(|| Box::new(Deterministic));
        let request = run(&runtime);
        runtime.interrupt();
        assert_eq!(
            encoder.encode(&[Some("x")], &request).err(),
            Some(Error::Interrupted)
        );
        assert_eq!(
            runtime.progress().texts_queued,
            0,
            "an interrupted request leaves no queue behind"
        );
    }
}
