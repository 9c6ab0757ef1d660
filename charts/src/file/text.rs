//! Texts in charts: their width, and their escapes in markup.

use unicode_width::UnicodeWidthChar;

use crate::value::one_line;

/// `text` on one line without control characters, in at most `most` characters;
/// an ellipsis replaces the rest.
pub fn shortened(text: &str, most: usize) -> String {
    // One more character shows whether there is more.
    let head = text.trim_start().chars().take(most + 1).map(|c| match c {
        // Noncharacters, which XML does not allow.
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        c => c,
    });
    let head: String = head.collect();
    let line = one_line(head.trim_end());
    if line.chars().count() <= most {
        return line;
    }
    let mut short: String = line.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Estimated width of a text in pixels. Readers have different fonts, so it is
/// rather too wide than too narrow.
pub fn width(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

/// Estimated width of a character, as a part of the font size.
fn em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '|' | '\'' | '!' => 0.3,
        'f' | 't' | 'r' | ' ' | '(' | ')' | '[' | ']' | '-' | '/' | '"' => 0.39,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.94,
        'A'..='Z' | '&' | '+' | '<' | '>' | '=' => 0.7,
        c if c.is_ascii() => 0.61,
        c => match c.width() {
            Some(2) => 1.0,
            Some(0) | None => 0.0,
            _ => 0.62,
        },
    }
}

/// `text` in at most `room` pixels; an ellipsis replaces the rest.
pub fn fitted(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_string();
    }
    let mut short = String::new();
    let mut used = em('…') * size;
    for c in text.chars() {
        used += em(c) * size;
        if used > room {
            break;
        }
        short.push(c);
    }
    let mut short = short.trim_end().to_string();
    short.push('…');
    short
}

/// `text` in at most `lines` lines of `room` pixels, broken between words.
pub fn wrapped(text: &str, size: f64, room: f64, lines: usize) -> Vec<String> {
    let mut wrapped: Vec<String> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() && wrapped.len() + 1 < lines && width(rest, size) > room {
        let mut used = 0.0;
        let mut fits = 0;
        let mut blank = None;
        for (at, c) in rest.char_indices() {
            used += em(c) * size;
            if used > room {
                break;
            }
            if c.is_whitespace() {
                blank = Some(at);
            }
            fits = at + c.len_utf8();
        }
        let end = blank.filter(|at| *at > 0).unwrap_or(fits);
        if end == 0 {
            break;
        }
        wrapped.push(rest[..end].trim_end().to_string());
        rest = rest[end..].trim_start();
    }
    if !rest.is_empty() {
        wrapped.push(fitted(rest, size, room));
    }
    wrapped
}

/// `text` as the content of an element or of a quoted attribute, in XML and in
/// HTML. Characters that XML does not allow become U+FFFD.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(' '),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_texts_hold_no_markup() {
        let hostile = "</script><b a='\"'>&\u{0}\u{b}\u{ffff}\u{202e}";
        let text = escaped(&shortened(hostile, 100));
        assert!(!text.contains(['<', '>', '"', '\'']), "{text}");
        assert!(
            !text.contains(['\u{0}', '\u{b}', '\u{ffff}', '\u{202e}']),
            "{text}"
        );
        assert!(text.starts_with("&lt;/script&gt;"), "{text}");
    }

    #[test]
    fn long_texts_are_cut_or_wrapped() {
        assert_eq!(shortened("tea pot", 4), "tea…");
        assert_eq!(shortened("tea", 4), "tea");
        assert!(width(&fitted(&"wide ".repeat(50), 13.0, 100.0), 13.0) <= 100.0);
        let lines = wrapped(&"some words ".repeat(40), 13.0, 200.0, 2);
        assert_eq!(lines.len(), 2);
        assert!(
            lines.iter().all(|line| width(line, 13.0) <= 200.0),
            "{lines:?}"
        );
        assert!(lines[1].ends_with('…'));
        // A word that is wider than a line.
        assert_eq!(wrapped(&"x".repeat(100), 13.0, 200.0, 3).len(), 3);
        assert_eq!(wrapped("a", 13.0, 0.0, 2), ["…"]);
        assert!(wrapped(" ", 13.0, 10.0, 2).is_empty());
    }
}
