//! Keys of vectors: hashes of the text and of the model.

use std::fmt;
use std::hash::{Hash, Hasher};

/// Key of a text: the first 16 bytes of its BLAKE3 hash.
///
/// In a cache of a billion texts, the chance that any two share a key is about
/// 10^-20.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key([u8; 16]);

impl Key {
    /// The key of `text`, byte for byte: no trimming, no change of case.
    pub fn of(text: &str) -> Key {
        Key(first_half(blake3::hash(text.as_bytes())))
    }

    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The bytes are a hash already, so eight of them suffice.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:032x})", u128::from_be_bytes(self.0))
    }
}

/// Hash of all that a vector depends on except the text: weights, pooling,
/// precision, prefix, limit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The fingerprint of `parts`, in this order. The lengths of the parts count:
    /// `["ab", "c"]` differs from `["a", "bc"]`.
    pub fn of(parts: &[&[u8]]) -> Fingerprint {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Fingerprint(first_half(hasher.finalize()))
    }

    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

fn first_half(hash: blake3::Hash) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash.as_bytes()[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_start_of_the_blake3_hash() {
        // From the published test vectors: the hash of the empty input. A change
        // would silently invalidate every cache on disk.
        assert_eq!(
            format!("{:?}", Key::of("")),
            "Key(af1349b9f5f9a1a6a0404dea36dcc949)"
        );
        assert_ne!(Key::of("shoe"), Key::of("Shoe"));
        assert_ne!(Key::of("shoe"), Key::of("shoe "));
    }

    #[test]
    fn a_fingerprint_depends_on_the_lengths_of_its_parts() {
        assert_ne!(
            Fingerprint::of(&[b"ab", b"c"]),
            Fingerprint::of(&[b"a", b"bc"])
        );
        assert_ne!(Fingerprint::of(&[b"ab"]), Fingerprint::of(&[b"ab", b""]));
        assert_eq!(
            Fingerprint::of(&[b"ab", b"c"]),
            Fingerprint::of(&[b"ab", b"c"])
        );
    }
}
