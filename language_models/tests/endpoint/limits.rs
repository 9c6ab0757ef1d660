//! Budgets and long texts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use semql_inference::Error;
use semql_language_models::{AnswerCache, CallBudget, RequestContext, TaskAnswer};

use super::server::{Reply, Server};
use super::{ask, check_right, context, extract, model, right_reply, texts, within_deadline};

fn limited(calls: u64) -> RequestContext {
    RequestContext {
        budget: Arc::new(CallBudget::new(Some(calls))),
        ..context()
    }
}

#[test]
fn a_budget_is_never_exceeded() {
    within_deadline(|| {
        let server = Server::start(right_reply);
        let (model, texts) = (model(&server, &[]), texts(20));
        let exact = limited(20);
        check_right(&ask(&model, &extract(), &texts, &exact).unwrap(), &texts);
        assert_eq!(exact.budget.remaining(), Some(0));
        let error = ask(&model, &extract(), &texts, &limited(19)).unwrap_err();
        assert!(matches!(error, Error::Forbidden(_)), "{error}");
        assert!(error.to_string().contains("ai.max_calls = 19"), "{error}");
        assert!(server.calls() <= 20 + 19);
    });
}

#[test]
fn a_budget_of_zero_sends_nothing() {
    within_deadline(|| {
        let server = Server::start(right_reply);
        let error = ask(&model(&server, &[]), &extract(), &texts(20), &limited(0)).unwrap_err();
        assert!(matches!(error, Error::Forbidden(_)), "{error}");
        assert_eq!(server.calls(), 0);
    });
}

#[test]
fn retries_and_corrections_are_part_of_the_budget() {
    within_deadline(|| {
        for fault in [
            || Reply::Status(500, "", Vec::new()),
            || Reply::Answer("nonsense".to_string()),
        ] {
            let server = Server::start(move |request| match request.earlier {
                0 => fault(),
                _ => right_reply(request),
            });
            let (model, texts) = (model(&server, &[]), texts(10));
            let context = limited(15);
            let error = ask(&model, &extract(), &texts, &context).unwrap_err();
            assert!(matches!(error, Error::Forbidden(_)), "{error}");
            assert_eq!(context.budget.remaining(), Some(0));
            // Requests may end before the server has read them.
            assert!(server.calls() <= 15, "{}", server.calls());
        }
    });
}

#[test]
fn answers_before_the_end_of_a_budget_are_kept() {
    within_deadline(|| {
        let server = Server::start(right_reply);
        let (model, texts) = (model(&server, &[("concurrency", "1")]), texts(10));
        let cache = Arc::new(AnswerCache::in_memory());
        let run = |calls| RequestContext {
            cache: Some(Arc::clone(&cache)),
            ..limited(calls)
        };
        assert!(ask(&model, &extract(), &texts, &run(6)).is_err());
        check_right(&ask(&model, &extract(), &texts, &run(4)).unwrap(), &texts);
        assert_eq!(server.calls(), 10);
    });
}

#[test]
fn long_texts_are_cut_and_counted() {
    within_deadline(|| {
        let server = Server::start(|_| Reply::Answer(r#"{"color": ["blue", "äöü"]}"#.to_string()));
        let (model, context) = (model(&server, &[("max_input_chars", "10")]), context());
        let long = "äöü".to_string() + &"ä".repeat(5 << 20) + " blue";
        let answers = ask(&model, &extract(), &[long], &context).unwrap();
        // The model has not seen the end of the text.
        assert_eq!(
            answers,
            [Ok(TaskAnswer::Values(vec![vec!["äöü".to_string()]]))]
        );
        assert_eq!(context.meter.read().truncated, 1);
        assert_eq!(server.requests()[0].text().chars().count(), 10);
    });
}

#[test]
fn hostile_answers_take_little_time() {
    within_deadline(|| {
        let text = "a".repeat(24_000);
        let values = vec![format!("{}B", "A".repeat(20_000)); 200];
        let hostile = [
            serde_json::json!({ "color": values }).to_string(),
            serde_json::json!({ "color": vec!["b"; 500_000] }).to_string(),
            "{".repeat(4 << 20),
            format!("{}x", "{\"".repeat(1 << 20)),
        ];
        for answer in hostile {
            let server = Server::start(move |_| Reply::Answer(answer.clone()));
            let (model, start) = (model(&server, &[]), Instant::now());
            let answers = ask(&model, &extract(), std::slice::from_ref(&text), &context());
            let empty = Ok(TaskAnswer::Values(vec![Vec::new()]));
            let answers = answers.unwrap();
            assert!(answers[0] == empty || answers[0].is_err());
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "{:?}",
                start.elapsed()
            );
        }
    });
}
