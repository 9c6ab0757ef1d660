//! Numbers among words and codes: where one starts.

use super::axis_words::axis_of_letter;
use super::text_around::{char_before, word_before};

/// Start of the number whose first digit is at `at`; `None` inside a word or code.
pub fn number_start(text: &str, at: usize) -> Option<usize> {
    let Some(before) = char_before(text, at) else {
        return Some(at);
    };
    let earlier = char_before(text, at - before.len_utf8());
    match before {
        '.' => match earlier {
            Some(c) if c.is_alphanumeric() => None,
            _ => Some(at - 1),
        },
        ',' | '/' if earlier.is_some_and(|c| c.is_ascii_digit()) => None,
        '-' | '_' | '\u{2010}' | '\u{2011}' => match earlier {
            Some(c) if c.is_alphanumeric() => {
                // `Shampoo-500ml` is a word and a size, `TL-541G` a code.
                const MIN_WORD_LETTERS: usize = 4;
                let word = word_before(text, at - before.len_utf8());
                let start = at - before.len_utf8() - word.len();
                let is_word = word.chars().count() >= MIN_WORD_LETTERS
                    && char_before(text, start).is_none_or(|c| !c.is_alphanumeric());
                is_word.then_some(at)
            }
            _ => Some(at),
        },
        c if c.is_alphanumeric() => {
            let is_axis = axis_of_letter(c).is_some()
                && earlier.is_none_or(|c| !c.is_alphanumeric() && c != '-');
            is_axis.then_some(at)
        }
        _ => Some(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_inside_codes_do_not_start() {
        let start = |text: &str| number_start(text, text.find('5').unwrap());
        for (text, expected) in [
            ("5", Some(0)),
            (" 5", Some(1)),
            (".5", Some(0)),
            ("(5", Some(1)),
            ("Shampoo-5", Some(8)),
            ("W5", Some(1)),
            ("or/5", Some(3)),
            ("a.5", None),
            ("1,5", None),
            ("1/5", None),
            ("TL-5", None),
            ("12Shampoo-5", None),
            ("x5", None),
            ("-W5", None),
            ("é5", None),
        ] {
            assert_eq!(start(text), expected, "{text}");
        }
    }
}
