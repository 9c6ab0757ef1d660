//! `ai.max_calls`, and the cost that `EXPLAIN` states.

use super::{EXTRACT, EXTRACT_HEADER, Shop, lines, offers};

#[test]
fn a_query_over_its_budget_fails_before_the_first_call() {
    let Some(shop) = Shop::open(offers(40), &[]) else {
        return;
    };
    for limit in [0, 1, 39] {
        let done = shop.run("", &format!("SET ai.max_calls = {limit}; {EXTRACT}"));
        assert_ne!(done.code, Some(0), "{}", done.out);
        assert!(!done.out.contains(EXTRACT_HEADER), "{}", done.out);
        assert!(done.err.contains("ai.max_calls"), "{}", done.err);
        assert!(done.err.contains("40"), "{}", done.err);
    }
    assert_eq!(shop.endpoint.count("calls"), 0);
    let done = shop.run("", &format!("SET ai.max_calls = 40; {EXTRACT}"));
    assert_eq!(lines(&done, EXTRACT_HEADER), shop.right());
    assert_eq!(shop.endpoint.count("calls"), 40);
}

#[test]
fn retries_count_and_never_exceed_the_budget() {
    let Some(shop) = Shop::open(offers(40), &["--fault", "500:first=1"]) else {
        return;
    };
    let done = shop.run("", &format!("SET ai.max_calls = 50; {EXTRACT}"));
    let calls = shop.endpoint.count("calls");
    assert!((40..=50).contains(&calls), "{calls} {}", done.err);
    if done.code == Some(0) {
        assert_eq!(lines(&done, EXTRACT_HEADER).len(), 40);
    }
    assert!(done.err.contains("max_calls"), "{}", done.err);
}

#[test]
fn the_budget_is_that_of_the_query_not_of_a_call() {
    let Some(shop) = Shop::open(offers(20), &[]) else {
        return;
    };
    let both = "SELECT ai_extract(title, ['brand'], model => 'teacher') AS a,
        ai_extract(text, ['color'], model => 'teacher') AS b FROM 'offers.jsonl'";
    let done = shop.run("", &format!("SET ai.max_calls = 23; {both}"));
    assert_ne!(done.code, Some(0), "{}", done.out);
    assert!(shop.endpoint.count("calls") <= 23);
}

#[test]
fn a_filter_that_needs_no_model_comes_first() {
    let Some(shop) = Shop::open(offers(40), &[]) else {
        return;
    };
    let sql = EXTRACT.replace("ORDER BY", "WHERE id % 10 = 0 ORDER BY");
    let done = shop.run("", &format!("SET ai.max_calls = 4; {sql}"));
    assert_eq!(lines(&done, EXTRACT_HEADER).len(), 4);
    assert_eq!(shop.endpoint.count("calls"), 4);
}

#[test]
fn explain_names_the_host_and_the_cost_and_calls_nothing() {
    let Some(shop) = Shop::open(offers(40), &[]) else {
        return;
    };
    let done = shop.run("", &format!("EXPLAIN {EXTRACT}"));
    assert_eq!(done.code, Some(0), "{}", done.err);
    let host = format!("127.0.0.1:{}", shop.endpoint.port);
    for part in [host.as_str(), "calls", "tokens"] {
        assert!(done.out.contains(part), "{part}: {}", done.out);
    }
    assert_eq!(shop.endpoint.count("calls"), 0);
    let done = shop.run("", &format!("EXPLAIN ANALYZE {EXTRACT}"));
    assert_eq!(done.code, Some(0), "{}", done.err);
    for part in ["calls=40", "failed_rows=0", "prompt_tokens="] {
        assert!(done.out.contains(part), "{part}: {}", done.out);
    }
    assert_eq!(shop.endpoint.count("calls"), 40);
}

#[test]
fn calls_run_side_by_side_up_to_the_limit() {
    let Some(shop) = Shop::open(offers(24), &["--delay", "0.3"]) else {
        return;
    };
    let done = shop.run("", EXTRACT);
    assert_eq!(lines(&done, EXTRACT_HEADER), shop.right(), "{}", done.err);
    assert_eq!(shop.endpoint.count("max_concurrency"), 8);
}
