//! A value without case, diacritics, punctuation and plural.

use unicode_normalization::UnicodeNormalization;

/// Words that end in `ss`, `us` or `is` are singular.
const SINGULAR_ENDINGS: &[&str] = &["ss", "us", "is"];

/// Endings that take `es` in the plural.
const SIBILANT_ENDINGS: &[&str] = &["ss", "x", "sh", "ch", "zz"];

/// Minimum number of letters of a word whose plural is folded.
const MIN_PLURAL_LETTERS: usize = 4;

/// Symbols that say nothing about a value.
const TRADE_MARKS: &[char] = &['™', '®', '©', '℠'];

/// The words of a value, in lower case and without diacritics and punctuation.
///
/// Signs that change a value stay: `+`, `#`, `%`, inch and foot marks after a digit, a
/// minus before one, and any punctuation between two digits.
#[derive(Debug, PartialEq)]
pub struct FoldedValue {
    words: Vec<String>,
}

impl FoldedValue {
    pub fn new(value: &str) -> Self {
        let letters = fold_letters(value);
        let mut words = vec![String::new()];
        for (at, c) in letters.iter().copied().enumerate() {
            let before = at.checked_sub(1).map(|before| letters[before]);
            let after = letters.get(at + 1).copied();
            if keeps(c, before, after) {
                if let Some(word) = words.last_mut() {
                    word.push(c);
                }
            } else if c == '&' {
                words.push("and".to_string());
                words.push(String::new());
            } else if !is_apostrophe(c) {
                words.push(String::new());
            }
        }
        words.retain(|word| !word.is_empty());
        Self { words }
    }

    /// The words with spaces between them.
    pub fn text(&self) -> String {
        self.words.join(" ")
    }

    /// Keys of the value: values with a common key have the same letters. Empty if the
    /// value has no letters.
    pub fn letter_keys(&self) -> Vec<String> {
        if self.words.is_empty() {
            return Vec::new();
        }
        let mut singulars: Vec<&str> = Vec::new();
        let owned: Vec<String> = self.words.iter().map(|word| singular(word)).collect();
        singulars.extend(owned.iter().map(String::as_str));
        let mut keys = vec![joined(&singulars)];
        // The order of numbers matters: 30 x 40.
        if singulars.len() > 1 && !self.has_digits() {
            singulars.sort_unstable();
            keys.push(format!("{} ", singulars.join(" ")));
        }
        keys
    }

    fn has_digits(&self) -> bool {
        let mut chars = self.words.iter().flat_map(|word| word.chars());
        chars.any(char::is_numeric)
    }

    /// The digits, with a space between numbers.
    pub fn numbers(&self) -> String {
        let text = self.text();
        let numbers = text.split(|c: char| !c.is_numeric());
        let numbers: Vec<&str> = numbers.filter(|number| !number.is_empty()).collect();
        numbers.join(" ")
    }
}

/// The characters in lower case, without diacritics.
fn fold_letters(value: &str) -> Vec<char> {
    let mut letters: Vec<char> = Vec::with_capacity(value.len());
    for c in value.chars().filter(|c| !TRADE_MARKS.contains(c)).nfkd() {
        let is_diacritic = ('\u{300}'..='\u{36F}').contains(&c);
        if is_diacritic && letters.last().is_some_and(char::is_ascii_alphabetic) {
            continue;
        }
        for c in c.to_lowercase() {
            match c {
                'ß' => letters.extend(['s', 's']),
                'æ' => letters.extend(['a', 'e']),
                'œ' => letters.extend(['o', 'e']),
                'ø' => letters.push('o'),
                'ł' => letters.push('l'),
                'đ' => letters.push('d'),
                'ı' => letters.push('i'),
                c => letters.push(c),
            }
        }
    }
    letters
}

/// Whether a character is part of a word.
fn keeps(c: char, before: Option<char>, after: Option<char>) -> bool {
    let is_digit = |c: Option<char>| c.is_some_and(char::is_numeric);
    if c.is_alphanumeric() {
        return true;
    }
    if c.is_whitespace() {
        return false;
    }
    match c {
        '"' | '\'' | '\u{2032}' | '\u{2033}' => is_digit(before),
        '-' | '\u{2212}' if !is_digit(before) => {
            is_digit(after) && before.is_none_or(char::is_whitespace)
        }
        _ if is_digit(before) && is_digit(after) => true,
        '&' => false,
        _ => !is_punctuation(c),
    }
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | '`' | '\u{301}')
}

fn is_punctuation(c: char) -> bool {
    const PUNCTUATION: &str = ".,;:!?-_/\\()[]{}'\"’‘“”«»–—‐‑·•|~`´*\u{2032}\u{2033}";
    PUNCTUATION.contains(c) || c.is_control()
}

/// The words without spaces, except between two digits.
fn joined(words: &[&str]) -> String {
    let mut key = String::new();
    for word in words {
        let after_digit = key.ends_with(char::is_numeric);
        if after_digit && word.starts_with(char::is_numeric) {
            key.push(' ');
        }
        key.push_str(word);
    }
    key
}

/// The singular of an English word, roughly: all forms of a word have the same one.
fn singular(word: &str) -> String {
    let is_plural = word.len() >= MIN_PLURAL_LETTERS
        && word.ends_with('s')
        && word.chars().all(char::is_alphabetic)
        && !SINGULAR_ENDINGS.iter().any(|ending| word.ends_with(ending));
    if !is_plural {
        return word.to_string();
    }
    let stem = &word[..word.len() - 1];
    if let Some(stem) = stem.strip_suffix("ie")
        && stem.len() > 2
    {
        return format!("{stem}y");
    }
    if let Some(stem) = stem.strip_suffix('e')
        && SIBILANT_ENDINGS.iter().any(|ending| stem.ends_with(ending))
    {
        return stem.to_string();
    }
    stem.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) -> bool {
        let (a, b) = (FoldedValue::new(a), FoldedValue::new(b));
        let keys = b.letter_keys();
        a.letter_keys().iter().any(|key| keys.contains(key))
    }

    #[test]
    fn variants_of_writing_have_a_common_key() {
        for (a, b) in [
            ("Navy Blue", "navy-blue"),
            ("T-Shirt", "tshirts"),
            ("Crème", "CREME"),
            ("Blue/White", "white blue"),
            ("Women's Shoes", "womens shoe"),
            ("H&M", "H and M"),
            ("Größe", "GROSSE"),
            ("Post-it®", "Post It"),
            ("Batteries", "battery"),
            ("boxes", "Box"),
            ("  red  ", "Red."),
            ("300GB", "300 GB"),
        ] {
            assert!(same(a, b), "{a} = {b}");
        }
    }

    #[test]
    fn other_values_have_other_keys() {
        for (a, b) in [
            ("C", "C++"),
            ("C", "C#"),
            ("1.5", "15"),
            ("1 5", "15"),
            ("1/2", "1-2"),
            ("30 x 40", "40 x 30"),
            ("5'", "5\""),
            ("-5", "5"),
            ("50%", "50"),
            ("glass", "glas"),
            ("й", "и"),
            ("日本", "本日"),
        ] {
            assert!(!same(a, b), "{a} != {b}");
        }
    }

    #[test]
    fn values_without_letters_have_no_keys() {
        for value in ["", " ", "--", "\u{0}", "™", "'"] {
            assert!(
                FoldedValue::new(value).letter_keys().is_empty(),
                "{value:?}"
            );
        }
        assert_eq!(FoldedValue::new("SPF-50+, 12").numbers(), "50 12");
    }
}
