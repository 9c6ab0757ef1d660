//! Texts in charts: how wide they are, and how nothing in them is taken for
//! markup.

use unicode_width::UnicodeWidthChar;

use super::super::value::one_line;

/// `text` on one line, with nothing that moves or turns, in at most `most`
/// characters; an ellipsis for what was cut.
pub fn shortened(text: &str, most: usize) -> String {
    // One more tells whether there is more; what follows need not be read.
    let head = text.trim_start().chars().take(most + 1).map(|c| match c {
        // No characters at all, and XML has no place for them.
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

/// How wide a text is, in pixels, at a font size: a fair guess, since every
/// reader has other fonts, and rather too wide than too narrow.
pub fn width(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

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

/// `text` in at most `room` pixels.
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

/// `text` as the content of an element or of an attribute in double quotes, in
/// XML and in HTML. What XML has no place for at all becomes U+FFFD.
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
    fn nothing_is_left_that_markup_could_be_made_of() {
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
    fn what_is_too_long_is_cut_or_broken() {
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
