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
