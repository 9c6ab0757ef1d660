//! Ids of runs: 32 hexadecimal digits, the time first, so that names sort by time.

use std::hash::{BuildHasher, RandomState};

/// Digits of an id.
const DIGITS: usize = 32;

/// A new id of a run that started at this time, in microseconds since 1970.
pub fn new_run_id(started_at: i64) -> String {
    // The state has random keys.
    let random = RandomState::new().hash_one(started_at);
    format!("{:016x}{random:016x}", started_at.max(0))
}

/// Whether a text is the id of a run.
pub fn is_run_id(text: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == DIGITS && text.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_distinct_and_sort_by_time() {
        let [early, late, other] = [1, 2_000_000_000_000_000, 1].map(new_run_id);
        assert!(early < late);
        assert_ne!(early, other);
        for id in [&early, &late] {
            assert!(is_run_id(id), "{id}");
        }
        let other_digits = "G".repeat(DIGITS);
        for text in ["", "run", "../../etc/passwd", &early[1..], &other_digits] {
            assert!(!is_run_id(text), "{text}");
        }
    }
}
