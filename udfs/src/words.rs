//! The words of a text, and numbers that name them.

use std::hash::{BuildHasherDefault, Hasher};

use twox_hash::XxHash3_64;

mod stop_words;
mod usual;

pub use stop_words::is_stop_word;
pub use usual::usual_share;

/// Letters of a word that count; longer runs are no words.
const MOST_LETTERS: usize = 64;

/// Calls `each` with every word of `text`, in lower case: runs of letters and
/// digits. `buffer` saves allocations from text to text.
pub fn each_word(text: &str, buffer: &mut String, mut each: impl FnMut(&str)) {
    buffer.clear();
    for c in text.chars() {
        if c.is_alphanumeric() {
            if buffer.len() >= MOST_LETTERS {
                continue;
            }
            if c.is_ascii() {
                buffer.push(c.to_ascii_lowercase());
            } else {
                buffer.extend(c.to_lowercase());
            }
        } else if !buffer.is_empty() {
            each(buffer);
            buffer.clear();
        }
    }
    if !buffer.is_empty() {
        each(buffer);
        buffer.clear();
    }
}

/// The number of a word, the same on every machine.
pub fn number(word: &str) -> u64 {
    XxHash3_64::oneshot(word.as_bytes())
}

/// The number of `first` followed by `second`.
pub fn pair(first: u64, second: u64) -> u64 {
    (first.rotate_left(23) ^ second).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// For maps whose keys are such numbers, which are hashes already.
pub type Numbered = BuildHasherDefault<AsItIs>;

#[derive(Default)]
pub struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are u64")
    }
    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        each_word(text, &mut String::new(), |word| {
            words.push(word.to_string())
        });
        words
    }

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        assert_eq!(
            words("Größe: 42\u{FFFD}cm, ice-cream_X"),
            ["größe", "42", "cm", "ice", "cream", "x"]
        );
        assert_eq!(words(" -- "), Vec::<String>::new());
        assert_eq!(words(&"a".repeat(1000))[0].len(), MOST_LETTERS);
    }

    #[test]
    fn order_counts_in_a_pair() {
        let (a, b) = (number("red"), number("shoe"));
        assert_ne!(pair(a, b), pair(b, a));
        assert_eq!(number("red"), number("red"));
    }
}
