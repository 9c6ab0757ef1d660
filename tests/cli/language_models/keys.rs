//! Keys of endpoints: in the header `Authorization`, and nowhere else.

use std::path::Path;

use super::super::Done;
use super::{EXTRACT, EXTRACT_HEADER, Shop, lines, offers};
use crate::support::process;

const KEY: &str = "sk-test-7f3a9c";
const VARIABLE: &str = "SEMQL_TEST_KEY";
const KEY_OPTION: &str = ", api_key_env 'SEMQL_TEST_KEY'";

fn run_with_key(shop: &Shop, key: &str, sql: &str) -> Done {
    process::output(shop.command(KEY_OPTION, sql).env(VARIABLE, key)).into()
}

/// Checks that no file below `folder` contains the key.
fn check_files(folder: &Path, key: &str) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            check_files(&path, key);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(key.len()).any(|part| part == key.as_bytes());
            assert!(!found, "{} contains the key", path.display());
        }
    }
}

#[test]
fn the_key_is_sent_as_a_header_and_shown_nowhere() {
    let Some(shop) = Shop::open(offers(6), &["--key", KEY]) else {
        return;
    };
    let done = run_with_key(&shop, KEY, &format!("SET ai.cache = 'kept'; {EXTRACT}"));
    assert_eq!(lines(&done, EXTRACT_HEADER), shop.right(), "{}", done.err);
    let requests = shop.endpoint.requests();
    assert!(requests.len() >= 6);
    for mut request in requests {
        let headers = request["headers"].as_array_mut().unwrap();
        let before = headers.len();
        headers.retain(|header| header[0] != "authorization" && header[0] != "Authorization");
        assert_eq!(headers.len() + 1, before, "{request}");
        assert!(!request.to_string().contains(KEY), "{request}");
    }
    let explained = [
        format!("EXPLAIN {EXTRACT}"),
        format!("EXPLAIN VERBOSE {EXTRACT}"),
        format!("EXPLAIN ANALYZE {EXTRACT}"),
        "SHOW ALL".to_string(),
        "SELECT * FROM ai_models()".to_string(),
    ];
    for sql in explained {
        let shown = run_with_key(&shop, KEY, &sql);
        assert_eq!(shown.code, Some(0), "{sql} {}", shown.err);
        assert!(!(shown.out + &shown.err).contains(KEY), "{sql}");
    }
    assert!(!(done.out + &done.err).contains(KEY));
    check_files(shop.folder(), KEY);
}

#[test]
fn a_refused_key_is_an_error_without_the_key() {
    let Some(shop) = Shop::open(offers(40), &["--key", KEY]) else {
        return;
    };
    // The endpoint quotes the header in its message.
    let wrong = "sk-wrong-41d2e8";
    let done = run_with_key(&shop, wrong, EXTRACT);
    assert_eq!(done.code, Some(3), "{} {}", done.out, done.err);
    assert!(done.err.contains(VARIABLE), "{}", done.err);
    assert!(!(done.out + &done.err).contains(wrong));
    // A refusal is not tried again, nor with the other rows.
    assert!(shop.endpoint.count("calls") <= 8);
    check_files(shop.folder(), wrong);
}

#[test]
fn a_variable_without_a_key_is_an_error_before_the_first_call() {
    let Some(shop) = Shop::open(offers(6), &["--key", KEY]) else {
        return;
    };
    let mut command = shop.command(KEY_OPTION, EXTRACT);
    let done: Done = process::output(command.env_remove(VARIABLE)).into();
    assert_ne!(done.code, Some(0), "{}", done.out);
    assert!(done.err.contains(VARIABLE), "{}", done.err);
    assert_eq!(shop.endpoint.count("calls"), 0);
}

#[test]
fn a_password_in_the_address_is_not_repeated() {
    let Some(shop) = Shop::open(offers(6), &[]) else {
        return;
    };
    let create = shop
        .endpoint
        .create_model("")
        .replace("http://", "http://user:secret-word@");
    let mut command = super::super::program(shop.folder());
    let done: Done = process::output(command.args(["-c", &create])).into();
    assert!(!(done.out + &done.err).contains("secret-word"));
}
