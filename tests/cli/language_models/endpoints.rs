//! Endpoints that cannot be used: an error that names the host, and what to do.

use super::super::{Done, program, shop};
use super::{EXTRACT, Shop, offers};
use crate::support::process;

#[test]
fn an_endpoint_that_is_down_is_an_error() {
    let folder = shop();
    let done: Done = process::output(
        program(folder.path())
            .env("NO_PROXY", "127.0.0.1")
            .args(["-c", "CREATE EXTERNAL MODEL m TYPE openai LOCATION 'http://127.0.0.1:1/v1' OPTIONS (model 'x', timeout '2s')"])
            .args(["-c", "SELECT ai_extract(title, ['brand'], model => 'm') FROM 'shop.csv'"]),
    )
    .into();
    assert_eq!(done.code, Some(3), "{} {}", done.out, done.err);
    assert!(done.err.contains("127.0.0.1:1"), "{}", done.err);
}

#[test]
fn a_server_of_web_pages_is_an_error() {
    let Some(shop) = Shop::open(offers(12), &["--fault", "html"]) else {
        return;
    };
    let done = shop.run("", EXTRACT);
    assert_eq!(done.code, Some(3), "{} {}", done.out, done.err);
    let host = format!("127.0.0.1:{}", shop.endpoint.port);
    assert!(done.err.contains(&host), "{}", done.err);
    // The first answers tell; the other rows are not sent.
    assert!(shop.endpoint.count("calls") <= 8);
}

#[test]
fn a_path_without_an_endpoint_is_an_error() {
    let Some(shop) = Shop::open(offers(12), &[]) else {
        return;
    };
    let create = shop.endpoint.create_model("").replace("/v1'", "/wrong'");
    let done: Done = process::output(
        program(shop.folder())
            .env("NO_PROXY", "127.0.0.1")
            .args(["-c", &create, "-c", EXTRACT]),
    )
    .into();
    assert_eq!(done.code, Some(3), "{} {}", done.out, done.err);
    assert!(done.err.contains("/wrong"), "{}", done.err);
}

#[test]
fn a_model_that_the_endpoint_lacks_is_an_error_with_its_message() {
    let Some(shop) = Shop::open(offers(12), &["--model", "other"]) else {
        return;
    };
    let done = shop.run("", EXTRACT);
    assert_eq!(done.code, Some(3), "{} {}", done.out, done.err);
    assert!(done.err.contains("teacher"), "{}", done.err);
}

#[test]
fn wrong_statements_are_refused() {
    let folder = shop();
    let at = "LOCATION 'http://127.0.0.1:1/v1' OPTIONS";
    for (sql, says) in [
        (
            format!("CREATE EXTERNAL MODEL m TYPE other {at} (model 'x')"),
            "openai",
        ),
        (
            format!("CREATE EXTERNAL MODEL m TYPE openai {at} ()"),
            "model",
        ),
        (
            format!("CREATE EXTERNAL MODEL m TYPE openai {at} (model 'x', wrong 1)"),
            "wrong",
        ),
        (
            format!("CREATE EXTERNAL MODEL m TYPE openai {at} (model 'x', concurrency 0)"),
            "concurrency",
        ),
        (
            format!("CREATE EXTERNAL MODEL m TYPE openai {at} (model 'x', timeout 'soon')"),
            "timeout",
        ),
        (
            "CREATE EXTERNAL MODEL m TYPE openai LOCATION 'file:///etc/passwd' OPTIONS (model 'x')"
                .to_string(),
            "http",
        ),
        (
            "CREATE EXTERNAL MODEL m TYPE openai LOCATION 'nonsense' OPTIONS (model 'x')"
                .to_string(),
            "URL",
        ),
        (
            "SELECT ai_filter('a', 'b', model => 'absent')".to_string(),
            "absent",
        ),
        (
            "SELECT ai_extract('a', [], model => 'absent')".to_string(),
            "attribute",
        ),
        (
            "SELECT ai_extract('a', ['b', 'b'], model => 'absent')".to_string(),
            "twice",
        ),
    ] {
        let done: Done = process::output(program(folder.path()).args(["-c", &sql])).into();
        assert_ne!(done.code, Some(0), "{sql} {}", done.out);
        assert!(done.err.contains(says), "{sql} {}", done.err);
        assert!(!done.err.contains("panicked"), "{sql} {}", done.err);
    }
}
