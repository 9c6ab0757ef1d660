//! Words of a text without markup, and the breaks that phrases do not cross.

use crate::words::each_word;

/// Longest tag or character reference of HTML, in bytes. A `<` without a `>` so near is
/// a character like others.
const MAX_MARKUP_BYTES: usize = 256;

/// Starts of addresses of web pages.
const URL_STARTS: [&str; 3] = ["http://", "https://", "www."];

/// One token of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A word in lower case.
    Word(&'a str),
    /// Punctuation or markup. No phrase crosses it.
    Break,
}

/// Calls `each` with every token of `text`. HTML tags, addresses of web pages and
/// numbers with a fraction are breaks. Character references and the `'s` of a possessive
/// are omitted. `buffer` saves allocations from text to text.
pub fn each_token(text: &str, buffer: &mut String, mut each: impl FnMut(Token<'_>)) {
    // Starts of the segment and of the part of it that is not read yet.
    let (mut start, mut next) = (0, 0);
    let mut previous = ' ';
    while let Some(c) = text[next..].chars().next() {
        let Some(separator) = separator(&text[next..], c, previous) else {
            previous = c;
            next += c.len_utf8();
            continue;
        };
        let mut segment = &text[start..next];
        if separator.is_number {
            segment = segment.trim_end_matches(|c: char| c.is_ascii_digit());
        }
        each_word(segment, buffer, |word| each(Token::Word(word)));
        if separator.is_break {
            each(Token::Break);
        }
        next += separator.bytes;
        (start, previous) = (next, ' ');
    }
    each_word(&text[start..], buffer, |word| each(Token::Word(word)));
}

/// What separates two segments of a text.
struct Separator {
    bytes: usize,
    is_break: bool,
    /// Whether it continues the number before it.
    is_number: bool,
}

/// The separator at the start of `rest`, whose first character is `c`.
fn separator(rest: &str, c: char, previous: char) -> Option<Separator> {
    let of = |bytes, is_break| Separator {
        bytes,
        is_break,
        is_number: false,
    };
    match c {
        '<' => tag_bytes(rest).map(|bytes| of(bytes, true)),
        '&' => character_reference_bytes(rest).map(|bytes| of(bytes, false)),
        'h' | 'H' | 'w' | 'W' if !previous.is_alphanumeric() => {
            url_bytes(rest).map(|bytes| of(bytes, true))
        }
        '\'' | '\u{2019}' if previous.is_alphanumeric() => {
            possessive_bytes(rest, c).map(|bytes| of(bytes, false))
        }
        '.' | ',' => {
            let after = &rest[1..];
            let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            match previous.is_ascii_digit() && digits > 0 {
                true => Some(Separator {
                    is_number: true,
                    ..of(1 + digits, true)
                }),
                // "U.S." has no break.
                false => (!after.starts_with(char::is_alphanumeric)).then(|| of(1, true)),
            }
        }
        _ => is_break(c).then(|| of(c.len_utf8(), true)),
    }
}

fn is_break(c: char) -> bool {
    matches!(
        c,
        ';' | ':'
            | '!'
            | '?'
            | '('
            | ')'
            | '['
            | ']'
            | '{'
            | '}'
            | '|'
            | '"'
            | '\n'
            | '\r'
            | '\t'
            | '\u{2022}'
            | '\u{b7}'
            | '\u{2013}'
            | '\u{2014}'
            | '\u{201c}'
            | '\u{201d}'
            | '\u{3001}'
            | '\u{3002}'
    )
}

/// Bytes of the HTML tag at the start of a text.
fn tag_bytes(rest: &str) -> Option<usize> {
    let name = rest[1..].chars().next()?;
    if !name.is_ascii_alphabetic() && name != '/' && name != '!' {
        return None;
    }
    let bytes = rest.bytes().take(MAX_MARKUP_BYTES);
    let end = bytes.skip(1).position(|byte| byte == b'>')?;
    Some(end + 2)
}

/// Bytes of the character reference at the start of a text, such as `&amp;`.
fn character_reference_bytes(rest: &str) -> Option<usize> {
    let name = rest.bytes().skip(1).take(10);
    let end = name.clone().position(|byte| byte == b';')?;
    let is_name = name
        .take(end)
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'#');
    (end > 1 && is_name).then_some(end + 2)
}

/// Bytes of the address at the start of a text.
fn url_bytes(rest: &str) -> Option<usize> {
    let is_url = URL_STARTS.iter().any(|start| {
        let given = rest.get(..start.len());
        given.is_some_and(|given| given.eq_ignore_ascii_case(start))
    });
    is_url.then(|| {
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '<' | '"' | ')'));
        end.unwrap_or(rest.len())
    })
}

/// Bytes of the `'s` at the start of a text, with an apostrophe of any form.
fn possessive_bytes(rest: &str, apostrophe: char) -> Option<usize> {
    let after = &rest[apostrophe.len_utf8()..];
    let after = after.strip_prefix(['s', 'S'])?;
    let is_end = !after.starts_with(char::is_alphanumeric);
    is_end.then(|| rest.len() - after.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words, and `|` for breaks.
    fn tokens(text: &str) -> String {
        let mut tokens = Vec::new();
        each_token(text, &mut String::new(), |token| {
            tokens.push(match token {
                Token::Word(word) => word.to_string(),
                Token::Break => "|".to_string(),
            });
        });
        tokens.join(" ")
    }

    #[test]
    fn phrases_end_at_punctuation() {
        assert_eq!(
            tokens("Red shoe, size 42 (new)"),
            "red shoe | size 42 | new |"
        );
        assert_eq!(tokens("U.S. Polo. Shirts"), "u s | polo | shirts");
        assert_eq!(
            tokens("women's shoe, Levi\u{2019}s 501, it'll"),
            "women shoe | levi 501 | it ll"
        );
        assert_eq!(
            tokens("cable 3.5 mm, 1,000 pieces"),
            "cable | mm | | pieces"
        );
    }

    #[test]
    fn markup_and_addresses_are_no_words() {
        assert_eq!(
            tokens("<b class='x'>Red</b>&nbsp;shoe &amp; hat"),
            "| red | shoe hat"
        );
        assert_eq!(
            tokens("see https://a.example/x?y=1 or WWW.b.example now"),
            "see | or | now"
        );
        assert_eq!(tokens("a < b & c; d <3"), "a b c | d 3");
        assert_eq!(tokens("whole house"), "whole house");
    }

    #[test]
    fn hostile_texts_end() {
        for piece in [
            "<",
            "&",
            "<a",
            "'s",
            "http://",
            "1.",
            "\u{fffd}<\u{e9}",
            "&#;",
            "www.",
        ] {
            tokens(&piece.repeat(10_000));
        }
        assert_eq!(tokens(""), "");
        assert_eq!(tokens("<\u{e9}"), "\u{e9}");
    }
}
