use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_util::sync::CancellationToken;

use super::*;
use crate::backend::{Backend, DeterministicBackend};
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
    fn encode(&mut self, texts: &[&[u32]], dims: usize, vectors: &mut Vec<f32>) -> Result<usize> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let poison = Tokenizer::words().encode("poison").unwrap().ids[0];
        if texts.iter().any(|ids| ids.contains(&poison)) {
            return Err(Error::Failed("poisoned".into()));
        }
        DeterministicBackend.encode(texts, dims, vectors)
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

/// A device that is lost at its `lost_at`-th batch.
struct LosesItsDevice {
    precision: &'static str,
    lost_at: usize,
    batches: usize,
}

impl Backend for LosesItsDevice {
    fn device(&self) -> &str {
        "webgpu:0"
    }
    fn precision(&self) -> &'static str {
        self.precision
    }
    fn encode(&mut self, texts: &[&[u32]], dims: usize, vectors: &mut Vec<f32>) -> Result<usize> {
        self.batches += 1;
        if self.lost_at == 0 {
            return Err(Error::Setup("it computes nothing".into()));
        }
        if self.batches >= self.lost_at {
            return Err(Error::DeviceLost("no answer".into()));
        }
        DeterministicBackend.encode(texts, dims, vectors)
    }
}

/// An encoder whose n-th opening has the n-th precision, and loses its device at the n-th
/// number of batches, or computes nothing where it is 0; and the number of openings.
fn encoder_that_loses(openings: &'static [(&'static str, usize)]) -> (Encoder, Arc<AtomicUsize>) {
    let opened = Arc::new(AtomicUsize::new(0));
    let count = opened.clone();
    let encoder = encoder(move || {
        let (precision, lost_at) = openings[count.fetch_add(1, Ordering::Relaxed)];
        Box::new(LosesItsDevice {
            precision,
            lost_at,
            batches: 0,
        })
    });
    (encoder, opened)
}

const NEVER: usize = usize::MAX;

#[test]
fn a_lost_device_is_opened_again_and_no_text_is_lost() {
    // Four batches of 16 tokens.
    let texts: Vec<String> = (0..12).map(|n| format!("{n} pairs of red shoes")).collect();
    let texts: Vec<Option<&str>> = texts.iter().map(|text| Some(text.as_str())).collect();
    let inputs = inputs(&texts);
    for openings in [
        &[("fp16", 1), ("fp16", NEVER)] as &[_],
        &[("fp16", 2), ("fp16", 1), ("fp16", NEVER)],
    ] {
        let runtime = InferenceRuntime::default();
        let (encoder, opened) = encoder_that_loses(openings);
        let vectors = encoder.encode(&inputs, &context(&runtime)).unwrap();
        assert!((0..12).all(|text| vectors.get(text).is_some()));
        assert_eq!(runtime.progress().failed, 0);
        assert_eq!(opened.load(Ordering::Relaxed), openings.len());
        assert!(!encoder.is_lost());
    }
}

#[test]
fn a_text_alone_is_repeated_on_the_device_that_was_opened_again() {
    let runtime = InferenceRuntime::default();
    let (encoder, _) = encoder_that_loses(&[("fp16", 1), ("fp16", 1), ("fp16", NEVER)]);
    let vectors = encoder.encode(&inputs(&[Some("x")]), &context(&runtime));
    assert!(vectors.unwrap().get(0).is_some());
}

#[test]
fn a_device_that_is_lost_for_good_ends_the_query() {
    for openings in [
        // Lost again and again.
        &[("fp16", 1usize), ("fp16", 1), ("fp16", 1)] as &[_],
        // `auto` chooses the CPU, whose vectors differ.
        &[("fp16", 1), ("int8", NEVER)],
        // It opens again and computes nothing.
        &[("fp16", 1), ("fp16", 0)],
        &[("fp16", 0)],
    ] {
        let runtime = InferenceRuntime::default();
        let (encoder, opened) = encoder_that_loses(openings);
        let texts = inputs(&[Some("x"), Some("y")]);
        let error = encoder.encode(&texts, &context(&runtime)).err();
        assert!(matches!(error, Some(Error::Setup(_))), "{error:?}");
        assert_eq!(opened.load(Ordering::Relaxed), openings.len());
        assert!(encoder.is_lost());
        // It is not opened a further time.
        let error = encoder.encode(&texts, &context(&runtime)).err();
        assert!(matches!(error, Some(Error::Setup(_))), "{error:?}");
    }
}
