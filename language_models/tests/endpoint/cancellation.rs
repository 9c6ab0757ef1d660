//! Cancelled queries.

use std::time::{Duration, Instant};

use semql_inference::Error;
use semql_inference::cancellation::Cancellation;
use semql_language_models::RequestContext;
use tokio_util::sync::CancellationToken;

use super::server::{Reply, Server};
use super::{ask, check_right, context, extract, model, right_reply, texts, within_deadline};

/// Time in which a cancelled query ends, and that of a busy machine.
const MAX_DELAY: Duration = Duration::from_millis(100);
const TOLERANCE: Duration = Duration::from_millis(400);

/// Cancels a query once the server has this many requests. Returns its error, and how long
/// it took to end.
fn cancelled(server: &Server, requests: usize) -> (Error, Duration) {
    let token = CancellationToken::new();
    let context = RequestContext {
        cancel: Cancellation::new(&token, &CancellationToken::new()),
        ..context()
    };
    let model = model(server, &[("timeout", "1h"), ("concurrency", "4")]);
    std::thread::scope(|scope| {
        let query = scope.spawn(|| {
            let error = ask(&model, &extract(), &texts(20), &context).unwrap_err();
            (error, Instant::now())
        });
        while server.calls() < requests {
            std::thread::sleep(Duration::from_millis(5));
        }
        let cancelled = Instant::now();
        token.cancel();
        let (error, ended) = query.join().unwrap();
        (error, ended - cancelled)
    })
}

#[test]
fn a_cancelled_query_ends_at_once_and_closes_its_connections() {
    within_deadline(|| {
        let server = Server::start(|_| Reply::Hold);
        let (error, delay) = cancelled(&server, 4);
        assert_eq!(error, Error::Interrupted);
        assert!(delay < MAX_DELAY + TOLERANCE, "{delay:?}");
        let start = Instant::now();
        while server.abandoned() < 4 {
            assert!(
                start.elapsed() < Duration::from_secs(5),
                "connections are open"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(server.calls(), 4);
    });
}

#[test]
fn a_wait_before_a_retry_is_cancelled() {
    within_deadline(|| {
        let server = Server::start(|_| Reply::Status(429, "retry-after: 3600\r\n", Vec::new()));
        let (error, delay) = cancelled(&server, 4);
        assert_eq!(error, Error::Interrupted);
        assert!(delay < MAX_DELAY + TOLERANCE, "{delay:?}");
    });
}

#[test]
fn a_cancelled_query_leaves_the_model_usable() {
    within_deadline(|| {
        let server = Server::start(|request| match request.text().starts_with("held") {
            true => Reply::Hold,
            false => right_reply(request),
        });
        let model = model(&server, &[("concurrency", "1")]);
        let token = CancellationToken::new();
        let cancelled = RequestContext {
            cancel: Cancellation::new(&CancellationToken::new(), &token),
            ..context()
        };
        let held = ["held".to_string()];
        std::thread::scope(|scope| {
            let query = scope.spawn(|| ask(&model, &extract(), &held, &cancelled).unwrap_err());
            while server.calls() < 1 {
                std::thread::sleep(Duration::from_millis(5));
            }
            token.cancel();
            assert_eq!(query.join().unwrap(), Error::Interrupted);
        });
        let texts = texts(3);
        check_right(
            &ask(&model, &extract(), &texts, &context()).unwrap(),
            &texts,
        );
        // Nothing is sent for a query that is cancelled before.
        let error = ask(&model, &extract(), &texts, &cancelled).unwrap_err();
        assert_eq!(error, Error::Interrupted);
        assert_eq!(server.calls(), 1 + 3);
    });
}
