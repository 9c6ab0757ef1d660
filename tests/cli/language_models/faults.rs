//! Endpoints that misbehave: the query ends, with every row.

use super::{EXTRACT, EXTRACT_HEADER, Offer, Shop, failed_rows, lines, offers};

/// Faults of single requests.
const FAULTS: [&str; 9] = [
    "slow=3600",
    "429=0",
    "500",
    "malformed",
    "length",
    "schema",
    "cut",
    "silent",
    "empty",
];

/// A timeout and retries that end slow answers soon.
const SHORT_TIMEOUT: &str = ", timeout '2s', max_retries 2";

/// Offers of which every tenth has a word that faults select.
fn offers_with_hopeless_rows() -> Vec<Offer> {
    let mut offers = offers(20);
    for offer in offers.iter_mut().filter(|offer| offer.id % 10 == 0) {
        offer.title += " hopeless";
    }
    offers
}

#[test]
fn rows_that_fail_are_null_and_counted() {
    for fault in FAULTS {
        let selector = format!("{fault}:text=hopeless");
        let offers = offers_with_hopeless_rows();
        let Some(shop) = Shop::open(offers, &["--fault", &selector]) else {
            return;
        };
        let done = shop.run(SHORT_TIMEOUT, EXTRACT);
        let expected: Vec<String> = shop
            .offers
            .iter()
            .map(|offer| match offer.id % 10 {
                0 => format!("{},,", offer.id),
                _ => offer.line(),
            })
            .collect();
        assert_eq!(
            lines(&done, EXTRACT_HEADER),
            expected,
            "{fault} {}",
            done.err
        );
        assert_eq!(failed_rows(&done), 2, "{fault} {}", done.err);
        // Rows are tried a bounded number of times.
        assert!(shop.endpoint.count("calls") <= 18 + 2 * 3, "{fault}");
    }
}

#[test]
fn the_details_of_a_failed_row_have_its_error() {
    let fault = ["--fault", "500:text=hopeless"];
    let Some(shop) = Shop::open(offers_with_hopeless_rows(), &fault) else {
        return;
    };
    let sql = "SELECT count(*) AS rows, count(d) AS structs, count(d['error']) AS errors, count(d['brand']) AS lists,
            bool_and(strpos(d['error'], '500') > 0) AS code
        FROM (SELECT ai_extract_details(title, text, ['brand'], model => 'teacher') AS d FROM 'offers.jsonl')";
    assert_eq!(
        shop.rows(sql, "rows,structs,errors,lists,code"),
        ["20,20,2,18,true"]
    );
}

#[test]
fn a_failed_row_stops_the_query_on_request() {
    let fault = ["--fault", "500:text=hopeless"];
    let Some(shop) = Shop::open(offers_with_hopeless_rows(), &fault) else {
        return;
    };
    let done = shop.run("", &format!("SET ai.on_error = 'fail'; {EXTRACT}"));
    assert_ne!(done.code, Some(0), "{}", done.out);
    assert!(done.err.contains("500"), "{}", done.err);
}

#[test]
fn a_fault_that_passes_costs_no_row() {
    for fault in ["429=0", "500", "cut", "silent", "slow=3600"] {
        let selector = format!("{fault}:first=1");
        let Some(shop) = Shop::open(offers(12), &["--fault", &selector]) else {
            return;
        };
        let done = shop.run(SHORT_TIMEOUT, EXTRACT);
        assert_eq!(
            lines(&done, EXTRACT_HEADER),
            shop.right(),
            "{fault} {}",
            done.err
        );
        assert!(shop.endpoint.count("calls") >= 24, "{fault}");
    }
}

#[test]
fn values_that_are_in_no_text_are_dropped_and_counted() {
    let Some(shop) = Shop::open(offers(12), &["--fault", "invented"]) else {
        return;
    };
    let done = shop.run("", &format!("EXPLAIN ANALYZE {EXTRACT}"));
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.contains("dropped_values="), "{}", done.out);
    assert!(!done.out.contains("dropped_values=0"), "{}", done.out);
    let done = shop.run("", EXTRACT);
    assert!(!done.out.contains("Inventionium"), "{}", done.out);
    assert_eq!(lines(&done, EXTRACT_HEADER), shop.right());
    assert_eq!(failed_rows(&done), 0, "{}", done.err);
}

#[test]
fn json_inside_of_a_sentence_is_right_or_fails() {
    let Some(shop) = Shop::open(offers(12), &["--fault", "prose"]) else {
        return;
    };
    let done = shop.run("", EXTRACT);
    let found = lines(&done, EXTRACT_HEADER);
    assert_eq!(found.len(), 12);
    for (line, offer) in found.iter().zip(&shop.offers) {
        assert!(
            *line == offer.line() || *line == format!("{},,", offer.id),
            "{line}"
        );
    }
}

#[test]
fn an_endpoint_that_dies_costs_only_the_rows_after_it() {
    let Some(shop) = Shop::open(offers(600), &["--fault", "die:after=499"]) else {
        return;
    };
    let done = shop.run(SHORT_TIMEOUT, EXTRACT);
    let found = lines(&done, EXTRACT_HEADER);
    assert_eq!(found.len(), 600);
    let (mut right, mut failed) = (0, 0);
    for (line, offer) in found.iter().zip(&shop.offers) {
        if *line == offer.line() {
            right += 1;
        } else {
            assert_eq!(*line, format!("{},,", offer.id));
            failed += 1;
        }
    }
    // Up to eight answers were under way.
    assert!((490..=499).contains(&right), "{right} {failed}");
    assert_eq!(failed_rows(&done), failed, "{}", done.err);
}

#[test]
fn an_endpoint_without_json_schemas_is_asked_in_another_form() {
    for flag in ["--no-schema", "--plain"] {
        let Some(shop) = Shop::open(offers(12), &[flag]) else {
            return;
        };
        let done = shop.run("", EXTRACT);
        assert_eq!(
            lines(&done, EXTRACT_HEADER),
            shop.right(),
            "{flag} {}",
            done.err
        );
        // The refusal is remembered: not every row repeats it.
        assert!(shop.endpoint.count("refused_formats") <= 16, "{flag}");
    }
}
