//! Requests that fail: retries, failed rows, and the end of an endpoint.

use std::time::{Duration, Instant};

use semql_inference::Error;
use semql_language_models::LanguageModel;

use super::server::{Reply, Request, Server};
use super::{
    ask, check_right, context, extract, failures, model, right_reply, texts, within_deadline,
};

/// Options with short waits.
const SHORT: [(&str, &str); 2] = [("timeout", "300ms"), ("max_retries", "2")];

/// Name of a fault, and its reply.
type Fault = (&'static str, fn() -> Reply);

fn faults() -> Vec<Fault> {
    vec![
        ("429", || {
            Reply::Status(429, "retry-after: 0\r\n", Vec::new())
        }),
        ("429 with a date", || {
            Reply::Status(
                429,
                "retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n",
                Vec::new(),
            )
        }),
        ("500", || Reply::Status(500, "", b"failed".to_vec())),
        ("503", || Reply::Status(503, "", Vec::new())),
        ("slow", || Reply::Hold),
        ("cut", || Reply::Cut),
        ("silent", || Reply::Close),
        ("huge", || Reply::Endless),
        ("invalid UTF-8", || {
            Reply::Status(200, "", b"{\"choices\": \"\xff\xfe\"}".to_vec())
        }),
        ("nested", || Reply::Status(200, "", vec![b'['; 100_000])),
        ("no choices", || {
            Reply::Status(200, "", b"{\"choices\": []}".to_vec())
        }),
        ("malformed", || {
            Reply::Answer("{\"color\": [\"re".to_string())
        }),
        ("limited", || {
            Reply::Limited("{\"color\": [\"re".to_string())
        }),
        ("empty", || Reply::Answer(String::new())),
        ("wrong schema", || {
            Reply::Answer("{\"unexpected\": [1]}".to_string())
        }),
        ("nested answer", || {
            Reply::Answer("{\"color\":".repeat(50_000))
        }),
    ]
}

/// Makes the first answer of a model, so that later faults are those of rows.
fn warm_up(model: &LanguageModel) {
    let text = ["warm up color".to_string()];
    check_right(&ask(model, &extract(), &text, &context()).unwrap(), &text);
}

fn is_warm_up(request: &Request) -> bool {
    request.text().starts_with("warm up")
}

#[test]
fn a_fault_that_passes_costs_no_row() {
    within_deadline(|| {
        for (name, fault) in faults() {
            let server = Server::start(move |request| match request.earlier {
                0 if !is_warm_up(request) => fault(),
                _ => right_reply(request),
            });
            let model = model(&server, &SHORT);
            warm_up(&model);
            let (texts, context) = (texts(4), context());
            let answers = ask(&model, &extract(), &texts, &context).unwrap();
            assert_eq!(failures(&answers), Vec::<String>::new(), "{name}");
            check_right(&answers, &texts);
            let reading = context.meter.read();
            assert_eq!(
                (reading.calls, reading.retries, reading.failed),
                (8, 4, 0),
                "{name}"
            );
        }
    });
}

#[test]
fn a_fault_that_remains_costs_its_row_alone() {
    within_deadline(|| {
        for (name, fault) in faults() {
            let server = Server::start(move |request| match request.text().contains("item 2 ") {
                true => fault(),
                false => right_reply(request),
            });
            let model = model(&server, &SHORT);
            warm_up(&model);
            let (texts, context) = (texts(4), context());
            let answers = ask(&model, &extract(), &texts, &context).unwrap();
            let messages = failures(&answers);
            assert_eq!(messages.len(), 1, "{name}: {messages:?}");
            assert!(answers[2].is_err(), "{name}");
            let message = &messages[0];
            assert!(
                !message.contains('\n') && message.len() < 300,
                "{name}: {message}"
            );
            assert!(!message.contains("color2"), "{name}: {message}");
            for at in [0, 1, 3] {
                check_right(&answers[at..=at], &texts[at..=at]);
            }
            let reading = context.meter.read();
            assert_eq!(reading.failed, 1, "{name}");
            // The row is tried a bounded number of times.
            assert!(reading.calls <= 3 + 3, "{name}: {reading:?}");
        }
    });
}

#[test]
fn an_invalid_answer_is_corrected_once_with_the_reason() {
    within_deadline(|| {
        let server = Server::start(|_| Reply::Limited("{\"color\": [\"re".to_string()));
        let (model, context) = (model(&server, &[("max_tokens", "5")]), context());
        let answers = ask(&model, &extract(), &texts(1), &context).unwrap();
        assert!(failures(&answers)[0].contains("max_tokens"), "{answers:?}");
        let requests = server.requests();
        assert_eq!(requests.len(), 2);
        let messages = requests[1].body["messages"].as_array().unwrap();
        let roles: Vec<&str> = messages
            .iter()
            .map(|one| one["role"].as_str().unwrap())
            .collect();
        assert_eq!(roles, ["system", "user", "assistant", "user"]);
        assert!(
            messages[3]["content"]
                .as_str()
                .unwrap()
                .contains("max_tokens")
        );
    });
}

#[test]
fn the_wait_that_a_server_asks_for_is_kept() {
    within_deadline(|| {
        let server = Server::start(|request| match request.earlier {
            0 => Reply::Status(429, "retry-after: 1\r\n", Vec::new()),
            _ => right_reply(request),
        });
        let (model, texts, start) = (model(&server, &[]), texts(2), Instant::now());
        let answers = ask(&model, &extract(), &texts, &context()).unwrap();
        check_right(&answers, &texts);
        assert!(start.elapsed() >= Duration::from_secs(1));
    });
}

#[test]
fn an_endpoint_that_dies_fails_the_other_rows_soon() {
    within_deadline(|| {
        let server = Server::start(|request| match request.number {
            0..500 => right_reply(request),
            _ => Reply::Die,
        });
        let model = model(&server, &[("max_retries", "2"), ("concurrency", "4")]);
        let (texts, context, start) = (texts(3000), context(), Instant::now());
        let answers = ask(&model, &extract(), &texts, &context).unwrap();
        assert_eq!(answers.len(), 3000);
        let failed = failures(&answers).len();
        assert!((2500..=2504).contains(&failed), "{failed}");
        for (answer, text) in answers
            .iter()
            .zip(&texts)
            .filter(|(answer, _)| answer.is_ok())
        {
            check_right(std::slice::from_ref(answer), std::slice::from_ref(text));
        }
        let reading = context.meter.read();
        assert_eq!(reading.failed, failed as u64);
        assert!(reading.calls <= 500 + 4 * 6, "{reading:?}");
        assert!(start.elapsed() < Duration::from_secs(20));
    });
}

#[test]
fn a_server_that_only_fails_is_not_asked_for_every_row() {
    within_deadline(|| {
        let fails = |request: &Request| match is_warm_up(request) {
            true => right_reply(request),
            false => Reply::Status(503, "retry-after: 0\r\n", b"no upstream".to_vec()),
        };
        let server = Server::start(fails);
        let model = model(&server, &SHORT);
        // Before its first answer, the endpoint is the problem.
        let error = ask(&model, &extract(), &texts(500), &context()).unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, Error::Setup(_)), "{message}");
        assert!(
            message.contains("503") && message.contains("no upstream"),
            "{message}"
        );
        warm_up(&model);
        let before = server.calls();
        let answers = ask(&model, &extract(), &texts(500), &context()).unwrap();
        assert_eq!(failures(&answers).len(), 500);
        assert!(
            server.calls() - before <= (32 + 8) * 3,
            "{}",
            server.calls()
        );
    });
}
