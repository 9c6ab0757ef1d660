//! Answers of language models in `ai.cache`.

use super::{EXTRACT, EXTRACT_HEADER, Shop, lines, offers};

fn cached(sql: &str) -> String {
    format!("SET ai.cache = 'kept'; {sql}")
}

#[test]
fn a_later_run_asks_only_what_changed() {
    let Some(shop) = Shop::open(offers(20), &[]) else {
        return;
    };
    for _ in 0..2 {
        let done = shop.run("", &cached(EXTRACT));
        assert_eq!(lines(&done, EXTRACT_HEADER), shop.right(), "{}", done.err);
        assert_eq!(shop.endpoint.count("calls"), 20);
    }
    // Cached answers need no budget.
    let done = shop.run("", &cached(&format!("SET ai.max_calls = 0; {EXTRACT}")));
    assert_eq!(lines(&done, EXTRACT_HEADER), shop.right(), "{}", done.err);
    // Another question has other answers.
    let other = cached(&EXTRACT.replace("['brand', 'color']", "['color', 'brand', 'size']"));
    assert_eq!(lines(&shop.run("", &other), EXTRACT_HEADER), shop.right());
    assert_eq!(shop.endpoint.count("calls"), 40);
    // Without a cache, everything is asked again.
    assert_eq!(shop.rows(EXTRACT, EXTRACT_HEADER), shop.right());
    assert_eq!(shop.endpoint.count("calls"), 60);
}

#[test]
fn a_failed_row_is_asked_again() {
    let fault = ["--fault", "malformed:first=3"];
    let Some(shop) = Shop::open(offers(10), &fault) else {
        return;
    };
    let mut runs = 0;
    loop {
        let found = lines(&shop.run("", &cached(EXTRACT)), EXTRACT_HEADER);
        assert_eq!(found.len(), 10);
        runs += 1;
        if found == shop.right() {
            break;
        }
        assert!(runs < 5, "{found:?}");
    }
    // Three runs ask twice, since a correction is another question; the fourth asks once.
    assert_eq!(shop.endpoint.count("calls"), 70);
}
