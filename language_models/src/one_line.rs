//! Messages on one line.

/// Characters of the longest message.
const MAX_MESSAGE: usize = 200;

/// A text on one line, without control characters, cut at a length for messages.
pub fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let plain = line.chars().filter(|c| !c.is_control());
    plain.take(MAX_MESSAGE).collect()
}
