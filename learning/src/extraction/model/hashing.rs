//! Hashes of words and features.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// Map from hashes, which are uniform already.
pub type HashedMap<V> = HashMap<u64, V, BuildHasherDefault<KeyHasher>>;

/// Set of hashes, which are uniform already.
pub type HashedSet = HashSet<u64, BuildHasherDefault<KeyHasher>>;

/// Hasher whose hash is the key.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes
            .iter()
            .for_each(|byte| self.0 = mix(self.0, u64::from(*byte)));
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// Hash of a text in lower case, whose white space counts as single spaces.
pub fn hash_text(text: &str) -> u64 {
    let mut hash = Fnv::default();
    let mut pending_space = false;
    for c in text.chars() {
        if c.is_whitespace() {
            pending_space = true;
            continue;
        }
        if pending_space {
            hash.add(' ');
            pending_space = false;
        }
        match c.is_ascii() {
            true => hash.add(c.to_ascii_lowercase()),
            false => c.to_lowercase().for_each(|c| hash.add(c)),
        }
    }
    mix(hash.0, 0)
}

/// Hash of characters as they are.
pub fn hash_chars(chars: impl IntoIterator<Item = char>) -> u64 {
    let mut hash = Fnv::default();
    chars.into_iter().for_each(|c| hash.add(c));
    mix(hash.0, 0)
}

/// Mixes two hashes; the order matters.
pub fn mix(a: u64, b: u64) -> u64 {
    let mut x = a.rotate_left(26) ^ b.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// FNV-1a over characters.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, c: char) {
        self.0 = (self.0 ^ u64::from(c as u32)).wrapping_mul(0x0000_0100_0000_01B3);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_white_space_do_not_change_a_hash() {
        assert_eq!(hash_text("Dark \u{a0} RÉD"), hash_text("dark réd"));
        assert_ne!(hash_text("ab c"), hash_text("a bc"));
        assert_ne!(mix(1, 2), mix(2, 1));
    }
}
