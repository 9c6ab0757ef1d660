//! Endpoints that cannot be used, and keys.

use std::net::TcpListener;
use std::process::Command;

use semql_inference::Error;

use super::server::{Reply, Request, Server, completion};
use super::{
    ask, check_right, context, extract, failures, model, model_at, right_reply, texts,
    within_deadline,
};

/// A variable that every machine sets, so that no test changes the environment. Its value
/// is the key.
const VARIABLE: &str = "PATH";

fn key() -> String {
    std::env::var(VARIABLE).unwrap()
}

#[test]
fn a_refusal_of_the_first_request_is_an_error_without_the_key() {
    within_deadline(|| {
        for status in [400, 401, 403, 404, 422] {
            let server = Server::start(move |request| {
                // The server quotes the header.
                let body = format!(r#"{{"error": {{"message": {:?}}}}}"#, request.head);
                Reply::Status(status, "", body.into_bytes())
            });
            let model = model(&server, &[("api_key_env", VARIABLE)]);
            let context = context();
            let error = ask(&model, &extract(), &texts(40), &context).unwrap_err();
            let message = error.to_string();
            assert!(matches!(error, Error::Setup(_)), "{message}");
            for part in [server.location(), status.to_string(), VARIABLE.to_string()] {
                assert!(message.contains(&part), "{part}: {message}");
            }
            assert!(!message.contains(&key()), "{message}");
            // Not every row is refused.
            assert!(server.calls() <= 8 * 3, "{}", server.calls());
        }
    });
}

#[test]
fn a_server_of_something_else_is_an_error() {
    within_deadline(|| {
        for body in [
            "<html>Welcome</html>",
            "{}",
            r#"{"choices": [{"text": "x"}]}"#,
        ] {
            let server = Server::start(|_| Reply::Status(200, "", body.as_bytes().to_vec()));
            let model = model(&server, &[]);
            let error = ask(&model, &extract(), &texts(20), &context()).unwrap_err();
            let message = error.to_string();
            assert!(matches!(error, Error::Setup(_)), "{message}");
            assert!(message.contains("chat completion"), "{message}");
            assert!(server.calls() <= 8);
        }
    });
}

#[test]
fn an_endpoint_that_is_down_is_an_error() {
    within_deadline(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let location = format!("http://{}/v1", listener.local_addr().unwrap());
        drop(listener);
        let error = ask(
            &model_at(&location, &[]),
            &extract(),
            &texts(20),
            &context(),
        );
        let error = error.unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, Error::Setup(_)), "{message}");
        assert!(message.contains(&location), "{message}");
        assert!(message.contains("cannot be reached"), "{message}");
    });
}

#[test]
fn a_later_refusal_costs_its_row_and_shows_no_key() {
    within_deadline(|| {
        let server = Server::start(|request| match request.text().contains("item 2 ") {
            true => Reply::Status(401, "", request.head.clone().into_bytes()),
            false => right_reply(request),
        });
        let model = model(&server, &[("api_key_env", VARIABLE), ("concurrency", "1")]);
        let texts = texts(6);
        let answers = ask(&model, &extract(), &texts, &context()).unwrap();
        let messages = failures(&answers);
        assert_eq!(messages.len(), 1);
        assert!(answers[2].is_err());
        assert!(messages[0].contains("401"), "{messages:?}");
        assert!(
            !messages[0].contains(&key()[..20.min(key().len())]),
            "{messages:?}"
        );
        assert_eq!(server.calls(), 6);
    });
}

#[test]
fn the_key_is_a_header_and_nothing_else() {
    within_deadline(|| {
        let server = Server::start(right_reply);
        let model = model(&server, &[("api_key_env", VARIABLE)]);
        let texts = texts(3);
        check_right(
            &ask(&model, &extract(), &texts, &context()).unwrap(),
            &texts,
        );
        for Request { head, body, .. } in server.requests() {
            assert_eq!(head.matches(&format!("Bearer {}\r\n", key())).count(), 1);
            assert_eq!(head.matches(&key()).count(), 1);
            assert!(!body.to_string().contains(&key()));
        }
        assert!(!format!("{model:?} {:?}", model.options()).contains(&key()));
    });
}

#[test]
fn a_variable_that_is_not_set_is_an_error_before_the_first_call() {
    within_deadline(|| {
        let server = Server::start(right_reply);
        let model = model(&server, &[("api_key_env", "SEMQL_TEST_UNSET_KEY")]);
        let error = ask(&model, &extract(), &texts(2), &context()).unwrap_err();
        assert!(matches!(error, Error::Setup(_)));
        assert!(error.to_string().contains("SEMQL_TEST_UNSET_KEY"));
        assert_eq!(server.calls(), 0);
    });
}

#[test]
fn a_redirect_is_refused() {
    within_deadline(|| {
        for status in [301, 302, 307, 308] {
            let server = Server::start(move |_| {
                // Port 9 of another host: a client that followed would fail otherwise.
                let to = "location: http://192.0.2.1:9/v1/chat/completions\r\n";
                Reply::Status(status, to, completion("{\"color\": []}", "stop"))
            });
            let model = model(&server, &[("api_key_env", VARIABLE)]);
            let error = ask(&model, &extract(), &texts(1), &context()).unwrap_err();
            let message = error.to_string();
            assert!(matches!(error, Error::Setup(_)), "{message}");
            assert!(message.contains("redirects"), "{message}");
            assert_eq!(server.calls(), 1);
        }
    });
}

/// Texts for an endpoint on this machine never reach a proxy. The test runs itself with a
/// proxy in its environment.
#[test]
fn endpoints_on_this_machine_bypass_proxies() {
    const INNER: &str = "SEMQL_TEST_WITH_PROXY";
    if std::env::var_os(INNER).is_none() {
        let name = "refusals::endpoints_on_this_machine_bypass_proxies";
        let mut inner = Command::new(std::env::current_exe().unwrap());
        inner.args(["--exact", name]).env(INNER, "1");
        for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
            inner.env(variable, "http://127.0.0.1:1");
        }
        inner.env_remove("NO_PROXY").env_remove("no_proxy");
        let done = inner.output().unwrap();
        let out = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success() && out.contains("1 passed"), "{out}");
        return;
    }
    within_deadline(|| {
        let server = Server::start(right_reply);
        let (model, texts) = (model(&server, &[]), texts(2));
        check_right(
            &ask(&model, &extract(), &texts, &context()).unwrap(),
            &texts,
        );
    });
}
