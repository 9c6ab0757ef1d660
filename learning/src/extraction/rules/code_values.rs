//! Candidates of a code attribute: words of letters and digits.

use super::candidate::Candidate;
use super::context::{AttributePhrases, WordsOfText};
use super::quantities::Quantity;

/// Score of a code after a cue, of one with a distinct shape, and of others.
const CUED_SCORE: f32 = 0.95;
const SHAPED_SCORE: f32 = 0.7;
const PLAIN_SCORE: f32 = 0.5;

/// Length of a code in bytes.
const MIN_CODE_BYTES: usize = 5;
const MIN_CUED_CODE_BYTES: usize = 3;
const MAX_CODE_BYTES: usize = 32;

/// Words between the numbers of `3-in-1`.
const SHORT_WORDS: &[&str] = &[
    "in", "to", "by", "and", "or", "x", "bit", "pin", "way", "ply", "pc", "pcs", "inch", "th",
    "day",
];

/// Adds the codes of a text.
pub fn code_values(
    phrases: &AttributePhrases,
    text: WordsOfText<'_>,
    quantities: &[Quantity],
    candidates: &mut Vec<Candidate>,
) {
    let mut word = 0;
    let mut quantities = quantities.iter().peekable();
    while word < text.words.len() {
        let end_word = code_end(&text, word);
        let (start, end) = (text.words[word].start, text.words[end_word - 1].end);
        while quantities
            .next_if(|quantity| quantity.end <= start)
            .is_some()
        {}
        let code = &text.text[start..end];
        let is_cued = phrases.has_cue_before(&text, word);
        let quantity = quantities.peek().filter(|quantity| quantity.start < end);
        let is_quantity = quantity.is_some_and(|q| q.start <= start && q.end >= end);
        let score =
            score_of(code, is_cued).filter(|_| !is_quantity && (is_cued || quantity.is_none()));
        if let Some(score) = score
            && !phrases.is_ruled_out(&text, word, end_word)
            && !is_excluded(phrases, word, end_word)
        {
            candidates.push(Candidate {
                start,
                end,
                score,
                normalized: Some(canonical_code(code)),
            });
        }
        word = end_word;
    }
}

/// The canonical form of a code: upper case, without spaces.
pub fn canonical_code(code: &str) -> String {
    let characters = code.chars().filter(|c| !c.is_whitespace());
    characters.flat_map(char::to_uppercase).collect()
}

fn is_excluded(phrases: &AttributePhrases, first: usize, end: usize) -> bool {
    let start = phrases
        .values
        .partition_point(|value| value.first_word < first);
    phrases.values[start..]
        .iter()
        .take_while(|value| value.first_word < end)
        .any(|value| value.value.is_none())
}

/// End of the code that starts with `word`: words joined by a hyphen, slash or point.
fn code_end(text: &WordsOfText<'_>, word: usize) -> usize {
    let mut end = word + 1;
    while end < text.words.len() && matches!(text.gap_before(end), "-" | "/" | "." | "_") {
        let is_slash = text.gap_before(end) == "/";
        if is_slash && !has_digit(text.word(end)) {
            break;
        }
        if is_plain_word(text.word(end)) || is_plain_word(text.word(end - 1)) {
            break;
        }
        end += 1;
    }
    end
}

/// Whether a word of the language rather than a part of a code.
fn is_plain_word(word: &str) -> bool {
    const MIN_LETTERS: usize = 4;
    let letters = word.chars().count();
    let ends_small = word.chars().skip(1).all(char::is_lowercase);
    word.chars().all(char::is_alphabetic)
        && word.chars().any(char::is_lowercase)
        && (letters >= MIN_LETTERS
            || (letters == MIN_LETTERS - 1 && word.starts_with(char::is_uppercase) && ends_small))
}

fn has_digit(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit())
}

/// The score of a code; `None` for other words.
fn score_of(code: &str, is_cued: bool) -> Option<f32> {
    if code.len() > MAX_CODE_BYTES || !code.is_ascii() {
        return None;
    }
    let digits = code.bytes().filter(u8::is_ascii_digit).count();
    let letters = code.bytes().filter(u8::is_ascii_alphabetic).count();
    if digits == 0 {
        return None;
    }
    if is_cued && code.len() >= MIN_CUED_CODE_BYTES {
        return Some(CUED_SCORE);
    }
    let parts: Vec<&str> = code.split(['-', '/', '.', '_']).collect();
    // Apertures, such as F/3.5.
    let is_aperture = code.as_bytes().get(1) == Some(&b'/');
    let is_word = |part: &&str| {
        SHORT_WORDS
            .iter()
            .any(|word| part.eq_ignore_ascii_case(word))
    };
    if code.len() < MIN_CODE_BYTES
        || digits < 2
        || letters == 0
        || parts.iter().any(is_word)
        || is_aperture
        || is_number_with_suffix(code)
        || is_product_of_numbers(code)
        || is_version(code)
    {
        return None;
    }
    let upper = code.bytes().filter(u8::is_ascii_uppercase).count();
    let changes = code
        .as_bytes()
        .windows(2)
        .filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit())
        .count();
    let is_shaped = upper == letters && upper > 0 || changes >= 3;
    Some(if is_shaped { SHAPED_SCORE } else { PLAIN_SCORE })
}

/// Whether a number with at most two letters, such as `1080p` or `7200x`.
fn is_number_with_suffix(code: &str) -> bool {
    let letters =
        code.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '/'));
    letters.len() <= 2 && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Whether numbers and `x` alone, such as `800x600`.
fn is_product_of_numbers(code: &str) -> bool {
    code.bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'x' | b'X' | b'.'))
}

/// Whether a word and a version with a point, such as `usb2.0`.
fn is_version(code: &str) -> bool {
    let digits = code.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let numbers = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    digits.contains('.') && numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mix_letters_and_digits() {
        for code in [
            "TL-WR541G",
            "hvtl542bhk",
            "HT2626OV10X85",
            "516814-B21",
            "kd65af8bu",
        ] {
            assert!(score_of(code, false).is_some(), "{code}");
        }
        for word in [
            "1080p", "usb2.0", "ddr4", "mp3", "black", "2012", "4-in-1", "16-bit", "802.11n",
            "800x600",
        ] {
            assert_eq!(score_of(word, false), None, "{word}");
        }
        assert_eq!(score_of("2012", true), Some(CUED_SCORE));
        assert_eq!(score_of(&"a1".repeat(100), true), None);
        assert_eq!(canonical_code("tl wr-1"), "TLWR-1");
    }
}
