//! Random inputs for property tests, the same in every run.

// Each of the crates that compile this file uses a part of it.
#![allow(dead_code)]

/// Environment variable with the number of cases for each property test.
const CASES_VARIABLE: &str = "SEMQL_FUZZ_CASES";

/// Number of cases that a property test runs: `default`, unless
/// `SEMQL_FUZZ_CASES` gives another one.
pub fn cases(default: usize) -> usize {
    std::env::var(CASES_VARIABLE)
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(default)
}

/// SplitMix64 generator.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Number below `end`, which is not zero.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    /// Whether one of `times` equally likely events occurred.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// Text of at most `max_length` characters of an alphabet.
    pub fn text(&mut self, alphabet: &[char], max_length: usize) -> String {
        let length = self.below(max_length + 1);
        (0..length).map(|_| self.pick(alphabet)).collect()
    }

    /// At most `max_length` bytes of an alphabet.
    pub fn bytes(&mut self, alphabet: &[u8], max_length: usize) -> Vec<u8> {
        let length = self.below(max_length + 1);
        (0..length).map(|_| self.pick(alphabet)).collect()
    }
}
