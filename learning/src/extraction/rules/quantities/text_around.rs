//! Characters and words next to a place of a text. Each look is bounded.

/// Longest word that counts as a neighbour, in bytes.
const MAX_NEIGHBOUR_BYTES: usize = 24;

pub fn char_before(text: &str, at: usize) -> Option<char> {
    text[..at].chars().next_back()
}

pub fn char_after(text: &str, at: usize) -> Option<char> {
    text[at..].chars().next()
}

/// Place after at most two spaces.
pub fn skip_spaces(text: &str, at: usize) -> usize {
    let spaces = text[at..].chars().take(2).take_while(|c| is_space(*c));
    at + spaces.map(char::len_utf8).sum::<usize>()
}

/// Place before at most two spaces.
pub fn skip_spaces_back(text: &str, at: usize) -> usize {
    let spaces = text[..at]
        .chars()
        .rev()
        .take(2)
        .take_while(|c| is_space(*c));
    at - spaces.map(char::len_utf8).sum::<usize>()
}

pub fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{A0}' | '\u{2009}' | '\u{202F}')
}

/// The letters at `at`; empty if they are longer than a neighbour word.
pub fn word_after(text: &str, at: usize) -> &str {
    let mut end = at;
    for c in text[at..].chars() {
        if !c.is_alphabetic() {
            break;
        }
        end += c.len_utf8();
        if end - at > MAX_NEIGHBOUR_BYTES {
            return "";
        }
    }
    &text[at..end]
}

/// The letters that end at `at`; empty if they are longer than a neighbour word.
pub fn word_before(text: &str, at: usize) -> &str {
    let mut start = at;
    for c in text[..at].chars().rev() {
        if !c.is_alphabetic() {
            break;
        }
        start -= c.len_utf8();
        if at - start > MAX_NEIGHBOUR_BYTES {
            return "";
        }
    }
    &text[start..at]
}

/// Whether a number starts at `at`: a digit, a point before a digit, or a fraction.
pub fn starts_number(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    match bytes.get(at) {
        Some(b'0'..=b'9') => true,
        Some(b'.') => bytes.get(at + 1).is_some_and(u8::is_ascii_digit),
        Some(0xC2 | 0xE2) => char_after(text, at).is_some_and(is_fraction_character),
        _ => false,
    }
}

fn is_fraction_character(c: char) -> bool {
    matches!(c, '¼' | '½' | '¾' | '⅐'..='⅞')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_bounded() {
        assert_eq!(word_after("ab cd", 3), "cd");
        assert_eq!(word_before("ab cd", 2), "ab");
        let long = "é".repeat(1000);
        assert_eq!(word_after(&long, 0), "");
        assert_eq!(word_before(&long, long.len()), "");
        assert_eq!(skip_spaces("     x", 0), 2);
        assert_eq!(skip_spaces_back("a\u{A0}", 3), 1);
        assert!(starts_number("½", 0) && starts_number(".5", 0) && !starts_number(". 5", 0));
    }
}
