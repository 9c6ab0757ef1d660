//! Split of a text into words.

/// Longest prefix of a word that counts, in bytes of UTF-8.
const MAX_WORD_BYTES: usize = 64;

/// Calls `each` with every word of `text`, in lower case. A word is a run of
/// letters and digits. `buffer` saves allocations from text to text.
pub fn each_word(text: &str, buffer: &mut String, mut each: impl FnMut(&str)) {
    buffer.clear();
    for c in text.chars() {
        if c.is_alphanumeric() {
            if buffer.len() >= MAX_WORD_BYTES {
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
        assert_eq!(words(&"a".repeat(1000))[0].len(), MAX_WORD_BYTES);
    }
}
