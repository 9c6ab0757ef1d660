//! Hashes of words, which stand for the words in maps and model files.

use std::hash::{BuildHasherDefault, Hasher};

use twox_hash::XxHash3_64;

/// Hash of a word, the same on every machine.
pub fn hash_word(word: &str) -> u64 {
    XxHash3_64::oneshot(word.as_bytes())
}

/// Hash of `first` followed by `second`.
pub fn combine_hashes(first: u64, second: u64) -> u64 {
    (first.rotate_left(23) ^ second).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Hasher of maps whose keys are hashes already.
pub type IdentityBuildHasher = BuildHasherDefault<IdentityHasher>;

/// Returns its `u64` key.
#[derive(Default)]
pub struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are u64")
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_changes_a_combined_hash() {
        let (a, b) = (hash_word("red"), hash_word("shoe"));
        assert_ne!(combine_hashes(a, b), combine_hashes(b, a));
        assert_eq!(hash_word("red"), hash_word("red"));
    }
}
