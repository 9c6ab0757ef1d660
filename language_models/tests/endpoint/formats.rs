//! Servers without `response_format`, or with a part of it.

use semql_inference::Error;

use super::server::{Reply, Request, Server};
use super::{
    ask, check_right, context, extract, failures, model, right_reply, texts, within_deadline,
};

/// Answers requests in one of these formats, and refuses others.
fn accepts(formats: &'static [&str], status: u16) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| match formats.contains(&request.format()) {
        true => right_reply(request),
        false => Reply::Status(status, "", b"not supported".to_vec()),
    }
}

#[test]
fn a_server_is_asked_in_the_strictest_form_that_it_accepts() {
    within_deadline(|| {
        for (formats, refusals) in [
            (&["json_schema", "json_object", ""] as &[&str], 0),
            (&["json_object", ""], 1),
            (&[""], 2),
        ] {
            for status in [400, 404, 422, 501] {
                let server = Server::start(accepts(formats, status));
                let model = model(&server, &[("concurrency", "1")]);
                for _ in 0..2 {
                    let (texts, context) = (texts(5), context());
                    let answers = ask(&model, &extract(), &texts, &context).unwrap();
                    check_right(&answers, &texts);
                }
                // The form is remembered after the first row.
                assert_eq!(server.calls(), 10 + refusals, "{formats:?} {status}");
                assert_eq!(server.requests().last().unwrap().format(), formats[0]);
            }
        }
    });
}

#[test]
fn requests_at_a_time_find_the_form_together() {
    within_deadline(|| {
        let server = Server::start(accepts(&[""], 400));
        let (model, texts, context) = (model(&server, &[]), texts(100), context());
        check_right(&ask(&model, &extract(), &texts, &context).unwrap(), &texts);
        let refused = server.calls() - 100;
        assert!((2..=2 * 8).contains(&refused), "{refused}");
        assert_eq!(context.meter.read().calls, server.calls() as u64);
    });
}

#[test]
fn a_row_that_is_refused_does_not_change_the_form() {
    within_deadline(|| {
        let server = Server::start(|request| match request.text().contains("item 3 ") {
            true => Reply::Status(400, "", b"the prompt is longer than the context".to_vec()),
            false => right_reply(request),
        });
        let (model, texts, context) =
            (model(&server, &[("concurrency", "1")]), texts(6), context());
        let answers = ask(&model, &extract(), &texts, &context).unwrap();
        assert_eq!(failures(&answers).len(), 1);
        assert!(answers[3].is_err());
        assert_eq!(server.calls(), 6);
        let formats = server.requests();
        assert!(
            formats
                .iter()
                .all(|request| request.format() == "json_schema")
        );
    });
}

#[test]
fn a_refused_first_row_does_not_change_the_form() {
    within_deadline(|| {
        let server = Server::start(|request| match request.text().contains("item 0 ") {
            true => Reply::Status(400, "", b"too long".to_vec()),
            false => right_reply(request),
        });
        let (model, texts) = (model(&server, &[("concurrency", "1")]), texts(2));
        let error = ask(&model, &extract(), &texts, &context()).unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
        check_right(
            &ask(&model, &extract(), &texts[1..], &context()).unwrap(),
            &texts[1..],
        );
        assert_eq!(server.requests().last().unwrap().format(), "json_schema");
    });
}

#[test]
fn the_form_can_be_chosen() {
    within_deadline(|| {
        let server = Server::start(accepts(&[""], 400));
        let strict = model(&server, &[("json_schema", "on")]);
        let error = ask(&strict, &extract(), &texts(1), &context()).unwrap_err();
        assert!(matches!(error, Error::Setup(_)), "{error}");
        assert_eq!(server.calls(), 1);
        let (plain, texts) = (model(&server, &[("json_schema", "off")]), texts(3));
        check_right(
            &ask(&plain, &extract(), &texts, &context()).unwrap(),
            &texts,
        );
        assert_eq!(server.calls(), 1 + 3);
    });
}
