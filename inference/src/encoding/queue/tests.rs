use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use super::*;

/// A request whose vectors are the first token of each text.
struct Request<'a> {
    received: Vec<Option<Result<f32>>>,
    cancelled: &'a AtomicBool,
    encode: &'a (dyn Fn(&[&[u32]]) -> Result<()> + Sync),
}

impl<'a> Request<'a> {
    fn new(
        texts: usize,
        cancelled: &'a AtomicBool,
        encode: &'a (dyn Fn(&[&[u32]]) -> Result<()> + Sync),
    ) -> Self {
        Self {
            received: vec![None; texts],
            cancelled,
            encode,
        }
    }
}

impl QueuedRequest for Request<'_> {
    fn check(&self) -> Result<()> {
        match self.cancelled.load(Relaxed) {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }

    fn encode(&self, texts: &[&[u32]]) -> Result<BatchRun> {
        (self.encode)(texts)?;
        Ok(BatchRun {
            vectors: texts.iter().map(|ids| ids[0] as f32).collect(),
            padded: texts.iter().map(|ids| ids.len()).sum(),
            elapsed: Duration::from_millis(1),
        })
    }

    fn receive(&mut self, outcome: Outcome) -> Result<()> {
        for (at, text) in outcome.texts.enumerate() {
            let vector = outcome.vectors.clone().map(|vectors| vectors[at]);
            assert!(self.received[text].replace(vector).is_none());
        }
        Ok(())
    }
}

fn ids(first: std::ops::Range<u32>) -> QueuedIds {
    first.map(|token| vec![token, 0]).collect()
}

static NEVER: AtomicBool = AtomicBool::new(false);

#[test]
fn requests_of_many_threads_share_batches() {
    let (queue, batches) = (BatchQueue::default(), AtomicUsize::new(0));
    let start = Barrier::new(20);
    let encode = |_: &[&[u32]]| {
        batches.fetch_add(1, Relaxed);
        std::thread::sleep(Duration::from_millis(20));
        Ok(())
    };
    std::thread::scope(|scope| {
        for thread in 0..20 {
            let (queue, start, encode) = (&queue, &start, &encode);
            scope.spawn(move || {
                let ids = ids(thread * 100..thread * 100 + 3);
                let mut request = Request::new(3, &NEVER, encode);
                start.wait();
                queue.run(&ids, 1000, &mut request).unwrap();
                for (text, vector) in request.received.into_iter().enumerate() {
                    assert_eq!(vector, Some(Ok((thread * 100) as f32 + text as f32)));
                }
            });
        }
    });
    let batches = batches.into_inner();
    assert!(
        (1..10).contains(&batches),
        "{batches} batches of 20 requests"
    );
}

#[test]
fn a_failing_text_fails_alone() {
    let queue = BatchQueue::default();
    let encode = |texts: &[&[u32]]| match texts.iter().any(|ids| ids[0] == 5) {
        true => Err(Error::Failed("five".to_string())),
        false => Ok(()),
    };
    let mut request = Request::new(9, &NEVER, &encode);
    queue.run(&ids(0..9), 100, &mut request).unwrap();
    for (text, vector) in request.received.into_iter().enumerate() {
        let failed = matches!(vector, Some(Err(Error::Failed(_))));
        assert_eq!(failed, text == 5, "{text}");
    }
}

#[test]
fn a_cancelled_request_leaves_the_queue() {
    let (queue, cancelled) = (BatchQueue::default(), AtomicBool::new(false));
    let encode = |_: &[&[u32]]| {
        cancelled.store(true, Relaxed);
        Ok(())
    };
    let mut request = Request::new(9, &cancelled, &encode);
    let result = queue.run(&ids(0..9), 4, &mut request);
    assert_eq!(result, Err(Error::Interrupted));
    let state = queue.state.lock();
    assert!(!state.running && state.outcomes.is_empty());
}

#[test]
fn a_panic_ends_the_requests_in_its_batch_with_an_error() {
    let (queue, inside) = (BatchQueue::default(), Barrier::new(2));
    // The first batch has the text of the first request that fills it, the second
    // one the other text and that of the second request.
    let first: QueuedIds = [vec![0; 4], vec![1, 0]].into();
    let encode = |texts: &[&[u32]]| {
        if texts.len() == 1 {
            inside.wait();
            while queue.state.lock().outcomes.len() < 2 {
                std::thread::yield_now();
            }
            return Ok(());
        }
        panic!("in the model");
    };
    // Either thread may run the second batch, and panics then.
    let run = |texts: &QueuedIds, count: usize| {
        let running = std::panic::AssertUnwindSafe(|| {
            let mut request = Request::new(count, &NEVER, &encode);
            queue.run(texts, 4, &mut request).unwrap();
            request.received.pop()
        });
        std::panic::catch_unwind(running)
    };
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| run(&first, 2));
        inside.wait();
        let other = run(&ids(7..8), 1);
        (one.join().unwrap(), other)
    });
    match (one, other) {
        (Err(_), Ok(received)) | (Ok(received), Err(_)) => {
            assert!(
                matches!(received, Some(Some(Err(Error::Setup(_))))),
                "{received:?}"
            );
        }
        (one, other) => panic!("{one:?}, {other:?}"),
    }
    assert!(!queue.state.lock().running);
}
